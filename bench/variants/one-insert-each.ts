import { insertArrivals } from '../../src/ledger/arrival-store.ts';
import { serveWith } from './server.ts';

/** Writes every webhook down by a statement of its own: as durable as the service, and stored in the same tables. */
await serveWith((pool) => ({
  submit: async (arrival) => {
    const [row] = await insertArrivals(pool, [arrival], 0);
    return { provider: arrival.provider, id: row!.id, outcome: 'stored' };
  },
  depth: () => 0,
  drain: async () => {},
}));
