import type { FastifyInstance } from 'fastify';
import { registerApi } from './api/routes.ts';
import { type Breakers, createBreakers } from './breaker/breakers.ts';
import { listParked } from './breaker/parked-query.ts';
import { settingsLookup } from './breaker/settings.ts';
import { ACTIVATION } from './delivery/call-slot.ts';
import { redriveExhausted } from './delivery/self-redrive.ts';
import { runStagedOnce } from './delivery/staged-redrive.ts';
import { tellUser } from './delivery/tell-user.ts';
import { createWorker } from './delivery/worker.ts';
import { listOnCall, listReachableOnCall } from './duty/roster-store.ts';
import { startSweep } from './duty/sweep.ts';
import { startBreakerTickets } from './escalation/breaker-tickets.ts';
import { openOperationalTicket } from './escalation/open-ticket.ts';
import { createEventWriter, type EventWriter } from './intake/event-writer.ts';
import { readKeptWebhook } from './intake/read-webhook.ts';
import { createRefusalBook } from './intake/refusals.ts';
import { verifyAgain } from './intake/verify-again.ts';
import { registerWebhookRoute } from './intake/webhook-route.ts';
import { createPartitions } from './ledger/partition-store.ts';
import { runOverridesOnce } from './override/expire.ts';
import { tellProductOnce } from './override/tell.ts';
import { findCustomerChat } from './people/customer-chat-store.ts';
import { seedPeople } from './people/person-store.ts';
import { type CardBacklog, readBacklog, readCardBacklog } from './platform/backlog-query.ts';
import { createClock, type SynchronisedClock } from './platform/clock.ts';
import { createDb, createPool, type Db } from './platform/database.ts';
import { createGeo } from './platform/geo.ts';
import { createHealth, type Health, registerHealthRoutes } from './platform/health.ts';
import { createHttpServer } from './platform/http-server.ts';
import { createLog, type Logger } from './platform/log.ts';
import { createLoop, every } from './platform/loop.ts';
import { createMetrics, type Metrics, type ShownBacklog } from './platform/metrics.ts';
import { migrate } from './platform/migrate.ts';
import type { Reader } from './platform/snapshot.ts';
import { startSchedule } from './platform/timed-jobs.ts';
import { createWake, type Wake } from './platform/wake.ts';
import { listJobs } from './schedule.ts';
import type { WholeConfig } from './stand-ins.ts';
import { createTelegramIn } from './telegram/bot.ts';
import { createBotName } from './telegram/bot-name.ts';
import { startDrillWatch } from './telegram/drill.ts';
import { createTelegramApi } from './telegram/sending/api-client.ts';
import { startSender } from './telegram/sending/sender.ts';
import { findChatState } from './telegram/sending/sender-chat-store.ts';

export type Service = { url: string; stop: () => Promise<void> };

/** What every part stands on, and the list of what is to be stopped, last things first. */
type Ground = {
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

/** A statement of intake that takes longer than this fails, so that its webhook is answered with 503 within three seconds. */
const INTAKE_STATEMENT_MS = 2_300;
const INTAKE_CONNECTIONS = 4;
/** What may wait for its commit before new webhooks are sent away at once. */
const QUEUE = { maxQueuedItems: 10_000, maxQueuedBytes: 64 * 1024 * 1024 };
/** Behind the work of others a poll would come late; what takes longer than this is not known in time anyway. */
const BREAKER_LIMITS = { max: 3, name: 'breakwater-breaker', statementTimeoutMs: 1_000 };
const CLOCK_MS = 60_000;
const SELF_REDRIVE_MS = 5_000;
const OVERRIDES_MS = 2_000;
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

async function layGround(config: WholeConfig, replicaId: string, onStop: Ground['onStop']): Promise<Ground> {
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

function tellsProduct({ activationUrl }: WholeConfig): boolean {
  return activationUrl !== null;
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

/** What was given by hand rides on no event: it is told to the product by itself. */
function startOverrideTelling({ config, db, clock, breakers, log, wake, onStop }: Ground): void {
  const { activationUrl: url, activationSecret: secret, activationTimeoutMs: timeoutMs } = config;
  const deps = { db, clock, gate: breakers, target: { url: url ?? '', secret, timeoutMs } };
  const tell = url === null ? null : (userId: string) => tellUser(deps, userId);
  const loop = createLoop({
    work: async () => (await tellProductOnce({ db, tellUser: tell })).told,
    pollMs: OVERRIDES_MS,
    onError: (err) => log.warn({ err }, 'the product was not told what was given by hand'),
  });
  onStop(wake.on('event', loop.wake));
  loop.start();
  onStop(loop.stop);
}

/** Nothing here waits for a person's look: requests expire, what was approved is carried out, debts are spoken of. */
function startOverrides(ground: Ground): void {
  const { config, db, log, wake, onStop } = ground;
  const deps = { db, plans: config.plans, wake, ...overridesFor(ground) };
  const onError = (err: unknown) => log.warn({ err }, 'overrides were not looked after');
  onStop(every(OVERRIDES_MS, () => runOverridesOnce(deps), onError));
}

/** Of a customer who has no chat with the bot, whoever asked for the override is told to tell them. */
function overridesFor({ db, clock }: Ground) {
  const isOnCall = async (personId: number) =>
    (await listOnCall(db, clock.now())).some((person) => person.telegramId === personId);
  const findChat = (userId: string, reader: Reader) => findCustomerChat(reader, userId);
  return { isOnCall, findCustomerChat: findChat };
}

function activationOf(config: WholeConfig, gate: Breakers) {
  const { activationUrl: url, activationSecret: secret } = config;
  const limits = { timeoutMs: config.activationTimeoutMs, concurrency: config.activationConcurrency };
  return url === null ? null : { url, secret, gate, ...limits };
}

async function startTelegram(
  ground: Ground,
  bot: NonNullable<WholeConfig['telegram']>,
  writer: EventWriter,
): Promise<void> {
  const { config, db, log, wake, replicaId } = ground;
  await seedPeople(db, config);
  const incoming = createTelegramIn({
    ...ground,
    ...bot,
    publicUrl: config.publicUrl,
    webhookSecret: config.telegramWebhookSecret,
    secretKeys: config.secretKeys,
    plans: config.plans,
    tellsProduct: tellsProduct(config),
    overrides: overridesFor(ground),
    verifyAgain: (request) => verifyAgain({ ...config, db, writer }, request),
    onDeadUpdate: async (dead) => {
      // The card stands in the group: what exactly went wrong is in the log and on the update's row.
      const text = `update ${dead.updateId} (${dead.kind}) failed five times`;
      const finding = {
        stage: 'telegram',
        source: 'telegram',
        errorFamily: `update: ${dead.kind}`,
        severity: 'P4',
        text,
      } as const;
      await openOperationalTicket(db, finding);
      wake('card');
    },
  });
  incoming.registerWebhook(ground.app);
  incoming.start();
  ground.onStop(incoming.stop);
  ground.health.watchPart('telegram', () => describeState(incoming.state()));
  const sender = startSender({
    ...ground,
    api: createTelegramApi({ ...bot, metrics: ground.metrics }),
    configuredChatId: bot.engineeringChatId,
    threadId: config.engineeringTopics.tickets,
    topics: config.engineeringTopics,
    holder: replicaId,
    listOnCall: listReachableOnCall,
  });
  ground.onStop(sender.stop);
  ground.onStop(startDrillWatch(ground).stop);
  ground.health.watchPart('engineering chat', async () => {
    const missing = sender.missingRights();
    if (missing.length > 0) return `the bot lacks ${missing.join(', ')}`;
    return describeState(await findChatState(db, bot.engineeringChatId, ground.clock.now()));
  });
  ground.health.watchPart('cards', async () => describeCards(await readCardBacklog(db)));
  log.info({ chat: bot.engineeringChatId }, 'telegram is on');
}

function startApi(ground: Ground): void {
  const { apiToken, plans } = ground.config;
  const tells = tellsProduct(ground.config);
  registerApi(ground.app, { ...ground, apiToken, plans, tellsProduct: tells, findBotName: botNameFor(ground) });
}

/** A process that only answers the API knows the bot by its token. */
function botNameFor({ config, metrics, log }: Ground): (() => Promise<string | null>) | null {
  const { telegram, botToken, telegramApiRoot } = config;
  const bot = telegram ?? (botToken === null ? null : { token: botToken, apiRoot: telegramApiRoot });
  return bot && createBotName({ api: createTelegramApi({ ...bot, metrics }), log });
}

function describeState({ state, detail }: { state: string; detail: string | null }): string {
  return detail === null ? state : `${state}: ${detail}`;
}

/** A card is late when it has waited for longer than a look at the rows and a call take. */
const CARD_LATE_SECONDS = 5;

function describeCards({ cardsWaiting, oldestCardSeconds }: CardBacklog): string {
  if (oldestCardSeconds < CARD_LATE_SECONDS) return 'ok';
  return `${cardsWaiting} not shown yet, the oldest for ${Math.round(oldestCardSeconds)} s`;
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
