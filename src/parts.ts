import { registerApi } from './api/routes.ts';
import type { Breakers } from './breaker/breakers.ts';
import { botNameFor, startTelegram } from './chat-part.ts';
import { ACTIVATION } from './delivery/call-slot.ts';
import { redriveExhausted } from './delivery/self-redrive.ts';
import { runStagedOnce } from './delivery/staged-redrive.ts';
import { createWorker } from './delivery/worker.ts';
import { startSweep } from './duty/sweep.ts';
import { startBreakerTickets } from './escalation/breaker-tickets.ts';
import { type Ground, layGround, tellsProduct } from './ground.ts';
import { createEventWriter, type EventWriter } from './intake/event-writer.ts';
import { readKeptWebhook } from './intake/read-webhook.ts';
import { createRefusalBook } from './intake/refusals.ts';
import { registerWebhookRoute } from './intake/webhook-route.ts';
import { createPartitions } from './ledger/partition-store.ts';
import { startOverrides, startOverrideTelling } from './override-part.ts';
import { createDb, createPool, type Db } from './platform/database.ts';
import { createGeo } from './platform/geo.ts';
import { registerHealthRoutes } from './platform/health.ts';
import { every } from './platform/loop.ts';
import { startSchedule } from './platform/timed-jobs.ts';
import { listJobs } from './schedule.ts';
import type { WholeConfig } from './stand-ins.ts';

export type Service = { url: string; stop: () => Promise<void> };

/** A statement of intake that takes longer than this fails, so that its webhook is answered with 503 within three seconds. */
const INTAKE_STATEMENT_MS = 2_300;
const INTAKE_CONNECTIONS = 4;
/** What may wait for its commit before new webhooks are sent away at once. */
const QUEUE = { maxQueuedItems: 10_000, maxQueuedBytes: 64 * 1024 * 1024 };
const SELF_REDRIVE_MS = 5_000;
const STAGED_MS = 1_000;
const PARTITIONS_AHEAD_MONTHS = 3;

/** Builds the parts in the order in which a webhook meets them, and stops them in reverse. */
export async function startParts(config: WholeConfig, replicaId: string): Promise<Service> {
  const stops: (() => unknown)[] = [];
  const stop = async () => {
    for (const end of stops.splice(0).reverse()) await end();
  };
  try {
    const ground = await layGround(config, replicaId, (end) => stops.push(end));
    const runs = (part: WholeConfig['parts'][number]) => config.parts.includes(part);
    if (runs('worker') || runs('telegram') || runs('api')) await startBreakers(ground);
    const writer = openWriter(ground);
    if (runs('intake')) await openIntake(ground, writer);
    if (runs('worker')) startWorker(ground);
    if (runs('telegram') && config.telegram) await startTelegram(ground, config.telegram, writer);
    if (runs('api')) startApi(ground);
    if (runs('schedule')) startTimedJobs(ground);
    if (runs('schedule') || runs('telegram')) startDuty(ground);
    return { url: await listen(ground), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startBreakers(ground: Ground): Promise<void> {
  const { config, breakers, onStop, health } = ground;
  await breakers.start();
  onStop(breakers.stop);
  const tickets = startBreakerTickets({ ...ground, onChange: breakers.onChange, tellsProduct: tellsProduct(config) });
  onStop(tickets.stop);
  health.watchPart('breakers', async () => describeBreakers(await breakers.list()));
}

/** Those that are not closed, by name. */
function describeBreakers(breakers: { name: string; state: string }[]): string {
  const notClosed = breakers.filter(({ state }) => state !== 'closed');
  return notClosed.map(({ name, state }) => `${name}: ${state}`).join(', ') || 'ok';
}

/** Its own connections: a webhook never waits behind the work of another part. */
function openWriter({ config, log, onStop }: Ground): EventWriter & { db: Db } {
  const limits = { max: INTAKE_CONNECTIONS, name: 'breakwater-intake', statementTimeoutMs: INTAKE_STATEMENT_MS };
  const pool = createPool(config.databaseUrl, limits);
  const db = createDb(pool);
  onStop(() => db.destroy());
  return { ...createEventWriter({ pool, db, log }, QUEUE), db };
}

async function openIntake(ground: Ground, writer: EventWriter & { db: Db }): Promise<void> {
  const { config, wake, onStop } = ground;
  const { providers, secretKeys } = config;
  await createPartitions(ground.db, PARTITIONS_AHEAD_MONTHS);
  const refusals = createRefusalBook({ db: writer.db, secretKeys, providers, onTicket: () => wake('card') });
  onStop(async () => {
    await writer.drain();
    await refusals.drain();
  });
  registerWebhookRoute(ground.app, { ...ground, providers, writer, refusals, geo: createGeo() });
}

function startWorker(ground: Ground): void {
  const { config, db } = ground;
  const worker = createWorker({
    ...ground,
    random: Math.random,
    plans: config.plans,
    schedule: { baseMs: config.retryBaseMs, capMs: config.retryCapMs, maxTries: config.retryMaxTries },
    userWaitMs: config.userWaitMs,
    readAgain: (event) => readKeptWebhook(db, config.providers, event),
    activation: activationOf(config, ground.breakers),
    leaseMs: config.leaseMs,
  });
  worker.start();
  ground.onStop(worker.stop);
  if (tellsProduct(config)) ground.onStop(startSelfRedrive(ground));
  startOverrideTelling(ground);
  startStagedRedrives(ground);
}

/** After a closing at once, and now and then for dependencies with too little traffic to open anything. */
function startSelfRedrive({ db, wake, log, breakers }: Ground): () => void {
  const redrive = () => redriveExhausted({ db, wake }, ACTIVATION);
  const onError = (err: unknown) => log.warn({ err }, 'exhausted events were not tried again');
  const endTurns = every(SELF_REDRIVE_MS, redrive, onError);
  const endListening = breakers.onChange(({ to }) => (to === 'closed' ? void redrive().catch(onError) : undefined));
  return () => {
    endTurns();
    endListening();
  };
}

/** A retry of many goes on when its stage has ended, on whichever replica looks first. */
function startStagedRedrives({ db, log, wake, onStop }: Ground): void {
  const goOn = async () => {
    if ((await runStagedOnce(db)).moved > 0) for (const topic of ['event', 'notice', 'card'] as const) wake(topic);
  };
  onStop(every(STAGED_MS, goOn, (err) => log.warn({ err }, 'a retry in stages did not go on')));
}

function activationOf(config: WholeConfig, gate: Breakers) {
  const { activationUrl: url, activationSecret: secret } = config;
  const limits = { timeoutMs: config.activationTimeoutMs, concurrency: config.activationConcurrency };
  return url === null ? null : { url, secret, gate, ...limits };
}

function startApi(ground: Ground): void {
  const { apiToken, plans } = ground.config;
  const tells = tellsProduct(ground.config);
  registerApi(ground.app, { ...ground, apiToken, plans, tellsProduct: tells, findBotName: botNameFor(ground) });
}

function startTimedJobs(ground: Ground): void {
  const { db, wake, log, replicaId } = ground;
  startOverrides(ground);
  const schedule = startSchedule({
    db,
    log,
    holder: replicaId,
    jobs: listJobs({ ...ground, onTicket: () => wake('card') }),
  });
  ground.onStop(schedule.stop);
}

/** Every replica sweeps: whoever locks a ticket first serves it. */
function startDuty(ground: Ground): void {
  ground.onStop(startSweep(ground).stop);
}

async function listen({ config, app, health, metrics, onStop }: Ground): Promise<string> {
  registerHealthRoutes(app, health);
  app.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.render()));
  onStop(() => app.close());
  return app.listen({ port: config.port, host: config.host });
}
