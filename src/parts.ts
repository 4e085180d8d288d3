import { registerApi } from './api/routes.ts';
import { createWorker } from './delivery/worker.ts';
import { openOperationalTicket } from './escalation/open-ticket.ts';
import { createEventWriter } from './intake/event-writer.ts';
import { readKeptWebhook } from './intake/read-webhook.ts';
import { createRefusalBook } from './intake/refusals.ts';
import { verifyAgain } from './intake/verify-again.ts';
import { registerWebhookRoute } from './intake/webhook-route.ts';
import { readBacklog } from './platform/backlog-query.ts';
import { createClock } from './platform/clock.ts';
import { createDb, createPool } from './platform/database.ts';
import { createGeo } from './platform/geo.ts';
import { createHealth, registerHealthRoutes } from './platform/health.ts';
import { createHttpServer } from './platform/http-server.ts';
import { createLog } from './platform/log.ts';
import { every } from './platform/loop.ts';
import { createMetrics } from './platform/metrics.ts';
import { migrate } from './platform/migrate.ts';
import { createWake } from './platform/wake.ts';
import type { WholeConfig } from './stand-ins.ts';

export type Service = { url: string; stop: () => Promise<void> };

void [openOperationalTicket, verifyAgain];

/** Nothing a provider waits for may hang longer than it does: a statement of intake fails after this, and answers 503. */
const INTAKE_STATEMENT_MS = 2_300;
const INTAKE_CONNECTIONS = 4;
const QUEUE = { maxQueuedItems: 10_000, maxQueuedBytes: 64 * 1024 * 1024 };
const USER_WAIT_MS = 10 * 60_000;
const CLOCK_MS = 60_000;

/** Builds the parts in the order in which a webhook meets them, and stops them in reverse. */
export async function startParts(config: WholeConfig, replicaId: string): Promise<Service> {
  const stops: (() => unknown)[] = [];
  const runs = (part: WholeConfig['parts'][number]) => config.parts.includes(part);
  const log = createLog({ level: config.logLevel, readable: !config.production && process.stdout.isTTY });
  for (const warning of config.warnings) log.warn(warning);

  await migrate(config.databaseUrl);
  const pool = createPool(config.databaseUrl, { max: config.databasePoolSize, name: 'breakwater' });
  const db = createDb(pool);
  stops.push(() => db.destroy());
  const clock = createClock();
  await clock.synchronise(db);
  stops.push(
    every(
      CLOCK_MS,
      () => clock.synchronise(db),
      (error) => log.warn({ err: error }, 'the clock was not synchronised'),
    ),
  );
  const metrics = createMetrics({ readBacklog: () => readBacklog(db) });
  const health = createHealth({ db, replica: { id: replicaId, roles: config.parts.join(',') } });
  const wake = await createWake({ pool, listenUrl: config.databaseUrl, log });
  stops.push(() => wake.close());
  const app = createHttpServer({ trustProxy: config.trustProxy, log });

  if (runs('intake')) {
    const intakePool = createPool(config.databaseUrl, {
      max: INTAKE_CONNECTIONS,
      name: 'breakwater-intake',
      statementTimeoutMs: INTAKE_STATEMENT_MS,
    });
    const intakeDb = createDb(intakePool);
    stops.push(() => intakeDb.destroy());
    const writer = createEventWriter({ pool: intakePool, db: intakeDb, log }, QUEUE);
    const refusals = createRefusalBook({
      db: intakeDb,
      secretKeys: config.secretKeys,
      providers: config.providers,
      onTicket: () => wake('card'),
    });
    await pool.query('select create_payload_partitions(3)');
    registerWebhookRoute(app, {
      providers: config.providers,
      writer,
      refusals,
      clock,
      geo: createGeo(),
      wake,
      log,
      metrics,
    });
  }

  if (runs('worker')) {
    const worker = createWorker({
      db,
      clock,
      random: Math.random,
      plans: config.plans,
      schedule: { baseMs: config.retryBaseMs, capMs: config.retryCapMs, maxTries: config.retryMaxTries },
      userWaitMs: USER_WAIT_MS,
      readAgain: (event) => readKeptWebhook(db, config.providers, event),
      activation: config.activationUrl
        ? {
            url: config.activationUrl,
            secret: config.activationSecret,
            timeoutMs: config.activationTimeoutMs,
            concurrency: config.activationConcurrency,
          }
        : null,
      leaseMs: config.leaseMs,
      wake,
      log,
      metrics,
    });
    worker.start();
    stops.push(worker.stop);
  }

  if (runs('api')) registerApi(app, { db, clock, apiToken: config.apiToken, plans: config.plans });

  registerHealthRoutes(app, health);
  app.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.render()));
  const url = await app.listen({ port: config.port, host: config.host });
  stops.push(() => app.close());
  return {
    url,
    stop: async () => {
      for (const stop of stops.reverse()) await stop();
    },
  };
}
