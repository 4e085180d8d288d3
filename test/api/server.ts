import Fastify from 'fastify';
import { afterAll } from 'vitest';
import type { ApiDeps } from '../../src/api/api-deps.ts';
import { registerApi } from '../../src/api/routes.ts';

export const API_TOKEN = 'token-of-the-test';

/** The API alone, on a port of its own, as a stranger reaches it. Answers its address. */
export async function startApi(deps: Omit<ApiDeps, 'apiToken'>): Promise<string> {
  const app = Fastify({ logger: false });
  registerApi(app, { ...deps, apiToken: API_TOKEN });
  afterAll(() => app.close());
  return app.listen({ host: '127.0.0.1', port: 0 });
}
