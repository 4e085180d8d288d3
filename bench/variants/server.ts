import type { EventWriter } from '../../src/intake/event-writer.ts';
import { parseProviders } from '../../src/intake/provider-config.ts';
import { createRefusalBook } from '../../src/intake/refusals.ts';
import { registerWebhookRoute } from '../../src/intake/webhook-route.ts';
import { createClock } from '../../src/platform/clock.ts';
import { createDb, createPool } from '../../src/platform/database.ts';
import { createGeo } from '../../src/platform/geo.ts';
import { createHttpServer } from '../../src/platform/http-server.ts';
import { createLog } from '../../src/platform/log.ts';
import { createMetrics } from '../../src/platform/metrics.ts';
import type { Wake } from '../../src/platform/wake.ts';
import { PROVIDER } from '../load/signed-webhooks.ts';

/**
 * The service's own HTTP server and webhook route, so that every webhook is verified, read and answered as there; only the
 * writer is another one, and nobody is told of new events.
 */
export async function serveWith(makeWriter: (pool: ReturnType<typeof createPool>) => EventWriter): Promise<void> {
  const log = createLog({ level: 'info' });
  const pool = createPool(process.env.DATABASE_URL!, { max: 16, name: 'bench-variant' });
  const { providers } = parseProviders([PROVIDER]);
  const app = createHttpServer({ trustProxy: false, log });
  registerWebhookRoute(app, {
    providers,
    writer: makeWriter(pool),
    refusals: createRefusalBook({
      db: createDb(pool),
      secretKeys: [Buffer.alloc(32, 7)],
      providers,
      onTicket: () => {},
    }),
    clock: createClock(),
    geo: createGeo(),
    wake: deafWake,
    log,
    metrics: createMetrics(),
  });
  process.stdout.write(`Breakwater ${await app.listen({ port: 0, host: '127.0.0.1' })}\n`);
  process.on('SIGTERM', () => process.exit());
}

const deafWake: Wake = Object.assign(() => {}, { on: () => () => {}, close: async () => {} });
