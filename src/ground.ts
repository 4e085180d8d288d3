import type { FastifyInstance } from 'fastify';
import { type Breakers, createBreakers } from './breaker/breakers.ts';
import { listParked } from './breaker/parked-query.ts';
import { settingsLookup } from './breaker/settings.ts';
import { ACTIVATION } from './delivery/call-slot.ts';
import { readBacklog } from './platform/backlog-query.ts';
import { createClock, type SynchronisedClock } from './platform/clock.ts';
import { createDb, createPool, type Db } from './platform/database.ts';
import { createHealth, type Health } from './platform/health.ts';
import { createHttpServer } from './platform/http-server.ts';
import { createLog, type Logger } from './platform/log.ts';
import { every } from './platform/loop.ts';
import { createMetrics, type Metrics, type ShownBacklog } from './platform/metrics.ts';
import { migrate } from './platform/migrate.ts';
import { createWake, type Wake } from './platform/wake.ts';
import type { WholeConfig } from './stand-ins.ts';

/** What every part stands on, and the list of what is to be stopped, last things first. */
export type Ground = {
  config: WholeConfig;
  replicaId: string;
  log: Logger;
  db: Db;
  clock: SynchronisedClock;
  metrics: Metrics;
  health: Health;
  wake: Wake;
  /** Started where something is called, shown or ordered. */
  breakers: Breakers;
  app: FastifyInstance;
  onStop: (stop: () => unknown) => void;
};

/** Behind the work of others a poll would come late; what takes longer than this is not known in time anyway. */
const BREAKER_LIMITS = { max: 3, name: 'breakwater-breaker', statementTimeoutMs: 1_000 };
const CLOCK_MS = 60_000;

export async function layGround(config: WholeConfig, replicaId: string, onStop: Ground['onStop']): Promise<Ground> {
  const log = createLog({ level: config.logLevel, readable: !config.production && process.stdout.isTTY });
  for (const warning of config.warnings) log.warn(warning);
  await migrate(config.databaseUrl);
  const pool = createPool(config.databaseUrl, { max: config.databasePoolSize, name: 'breakwater' });
  const db = createDb(pool);
  onStop(() => db.destroy());
  const clock = await startClock(db, log, onStop);
  const metrics = createMetrics({ readBacklog: () => readShownBacklog(db, config) });
  const health = createHealth({ db, replica: { id: replicaId, roles: config.parts.join(',') } });
  const wake = await createWake({ pool, listenUrl: config.databaseUrl, log });
  onStop(() => wake.close());
  const breakers = openBreakers({ config, replicaId, log, metrics, onStop });
  const app = createHttpServer({ trustProxy: config.trustProxy, log });
  return { config, replicaId, log, db, clock, metrics, health, wake, breakers, app, onStop };
}

async function readShownBacklog(db: Db, config: WholeConfig): Promise<ShownBacklog> {
  return { ...(await readBacklog(db)), parked: await listParked(db, tellsProduct(config)) };
}

async function startClock(db: Db, log: Logger, onStop: Ground['onStop']): Promise<SynchronisedClock> {
  const clock = createClock();
  await clock.synchronise(db);
  const onError = (error: unknown) => log.warn({ err: error }, 'the clock was not synchronised');
  onStop(every(CLOCK_MS, () => clock.synchronise(db), onError));
  return clock;
}

/** On connections of their own. */
function openBreakers(given: Pick<Ground, 'config' | 'replicaId' | 'log' | 'metrics' | 'onStop'>): Breakers {
  const { config, replicaId, onStop } = given;
  const db = createDb(createPool(config.databaseUrl, BREAKER_LIMITS));
  onStop(() => db.destroy());
  return createBreakers({
    ...given,
    db,
    listenUrl: config.databaseUrl,
    replica: replicaId,
    settingsOf: settingsLookup(config.breakers, config.activationTimeoutMs),
    dependencies: tellsProduct(config) ? [ACTIVATION] : [],
    callsOut: config.parts.includes('worker'),
  });
}

export function tellsProduct({ activationUrl }: WholeConfig): boolean {
  return activationUrl !== null;
}
