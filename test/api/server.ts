import { Writable } from 'node:stream';
import { afterAll } from 'vitest';
import type { ApiDeps } from '../../src/api/api-deps.ts';
import { registerApi } from '../../src/api/routes.ts';
import { createHttpServer } from '../../src/platform/http-server.ts';
import { createLog } from '../../src/platform/log.ts';

export const API_TOKEN = 'token-of-the-test';

/** The API on the server it runs on, as a stranger reaches it; `logged` is what was written about it so far. */
export async function startApi(
  deps: Omit<ApiDeps, 'apiToken' | 'tellsProduct' | 'findBotName'> &
    Partial<Pick<ApiDeps, 'tellsProduct' | 'findBotName'>>,
): Promise<{ url: string; logged: () => string }> {
  let logged = '';
  const destination = new Writable({
    write(chunk, _encoding, done) {
      logged += chunk;
      done();
    },
  });
  const app = createHttpServer({ trustProxy: false, log: createLog({ level: 'info', destination }) });
  registerApi(app, { tellsProduct: true, findBotName: null, ...deps, apiToken: API_TOKEN });
  afterAll(() => app.close());
  return { url: await app.listen({ host: '127.0.0.1', port: 0 }), logged: () => logged };
}
