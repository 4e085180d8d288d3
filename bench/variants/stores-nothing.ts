import { serveWith } from './server.ts';

/** Verifies and reads every webhook, and forgets it. */
let lastId = 0;
await serveWith(() => ({
  submit: async ({ provider }) => ({ provider, id: ++lastId, outcome: 'stored' }),
  depth: () => 0,
  drain: async () => {},
}));
