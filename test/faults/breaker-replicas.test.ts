import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { sql } from 'kysely';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../sandbox/main.ts';
import { commandBreaker } from '../../src/breaker/command.ts';
import type { TestDatabase } from '../database.ts';
import { eventually, neverWithin } from '../world/eventually.ts';
import { startLoad } from '../world/load.ts';
import { checkPromises } from '../world/promises.ts';
import type { Service, ServiceEnvironment } from '../world/service.ts';
import { ACTIVATION_SECRET, startWorld, type World } from '../world/world.ts';

/**
 * Real processes on one PostgreSQL. Each replica tells a product of its own, which is how the calls of one are told from those of
 * the other; the breaker is one for both.
 */

const OPEN_MS = 1_000;
const FROZEN_MS = 30_000;
const LEASE_MS = 2_000;
const TIMES = { ACTIVATION_TIMEOUT_MS: '1000', LEASE_MS: '2000', RETRY_BASE_MS: '100', RETRY_MAX_TRIES: '5' };
/** At a tenth of failures, so that what one replica sees is enough although all is well at the other. */
const BREAKER = { openMs: OPEN_MS, leaseMs: LEASE_MS, failureRatio: 0.1 };

type Replica = { service: Service; product: Sandbox['product'] };
type Transition = { epoch: number; to: string; reason: string | null; actor: string | null; atMs: number };

async function startFleet(env: ServiceEnvironment = {}) {
  const sandbox = await startSandbox({ port: 0, activationSecret: ACTIVATION_SECRET });
  afterAll(() => sandbox.close());
  const breaker = { BREAKERS: JSON.stringify({ activation: BREAKER }) };
  const world = await startWorld({ env: { ...TIMES, ...breaker, RUN: 'intake,api', ...env } });
  const { db } = world.database;
  const startOne = async (changed: ServiceEnvironment = {}): Promise<Replica> => {
    return { service: await world.startReplica({ RUN: 'worker', ...changed }), product: world.sandbox.product };
  };
  const startTwo = async (changed: ServiceEnvironment = {}): Promise<Replica> => {
    const { product } = sandbox;
    const own = { RUN: 'worker', ACTIVATION_URL: product.activationUrl, ...changed };
    return { service: await world.startReplica(own), product };
  };
  return { world, db, startOne, startTwo, breaker: watchBreaker(world), pay: createPayments(world) };
}

function watchBreaker({ database: { db } }: World) {
  const transitions = async (): Promise<Transition[]> => {
    const rows = await db.selectFrom('breaker_transition').selectAll().orderBy('id').execute();
    return rows.map((row) => ({ ...row, to: row.to_state, atMs: row.at.getTime() }));
  };
  const current = async () => (await transitions()).at(-1);
  const epoch = async () => (await current())?.epoch ?? 1;
  const reached = (state: string, afterEpoch: number, withinMs = 20_000) =>
    eventually(async () => (await transitions()).find((one) => one.to === state && one.epoch > afterEpoch), withinMs);
  const command = (verb: 'trip' | 'release' | 'reset') =>
    commandBreaker(db, { commandId: randomUUID(), dependency: 'activation', verb, reason: 'test', actor: 'ann' });
  return { transitions, current, epoch, reached, command };
}

/** Payments of customers of their own, answered with 200 all of them. */
function createPayments(world: World) {
  return async (...users: string[]) => {
    for (const user of users) {
      const paid = { status: 'success', amount: '9.99', user_id: user, transaction_id: `tx-${user}` };
      expect((await world.post(paid)).status).toBe(200);
    }
  };
}

const named = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}${i}`);
const down = { kind: 'status', status: 503 } as const;

/** Enough failures to open, on whichever replica. */
async function openByFailures(fleet: Awaited<ReturnType<typeof startFleet>>, prefix: string): Promise<Transition> {
  const before = await fleet.breaker.epoch();
  await fleet.pay(...named(prefix, 12));
  return fleet.breaker.reached('open', before);
}

async function nothingWaits({ api }: World): Promise<void> {
  await eventually(async () => (await api.conservation()).waiting === 0, 30_000);
}

/** A user of its own for one replica, whose listening connection can be ended and kept from coming back. */
async function createDeafUser({ url: databaseUrl, db }: TestDatabase) {
  const name = `deaf_${process.pid}`;
  await sql.raw(`create role ${name} superuser login password 'deaf'`).execute(db);
  afterAll(() => sql.raw(`drop role ${name}`).execute(db));
  const url = new URL(databaseUrl);
  url.username = name;
  url.password = 'deaf';
  const isListening = async () => {
    const { rows } = await sql`select from pg_stat_activity
      where usename = ${name} and application_name = 'breakwater breaker'`.execute(db);
    return rows.length > 0;
  };
  const cut = async () => {
    await sql.raw(`alter role ${name} nologin`).execute(db);
    await sql`select pg_terminate_backend(pid) from pg_stat_activity
      where usename = ${name} and application_name = 'breakwater breaker'`.execute(db);
    await eventually(async () => !(await isListening()));
  };
  const mend = async () => {
    await sql.raw(`alter role ${name} login`).execute(db);
    await eventually(isListening);
  };
  return { url: url.toString(), cut, mend };
}

describe('a trip at one replica', async () => {
  const KNOWN_WITHIN_MS = 100;
  /** What was permitted a moment before may still arrive. */
  const ARRIVES_WITHIN_MS = 400;
  // An event may meet the failing product in every one of the rounds.
  const fleet = await startFleet({ RETRY_MAX_TRIES: '50' });
  const { world, db, breaker } = fleet;
  const one = await fleet.startOne();
  const deaf = await createDeafUser(world.database);
  const two = await fleet.startTwo({ DATABASE_URL: deaf.url });
  const load = startLoad(() => world.service, { prefix: 'trip', connections: 4, pauseMs: 15 });
  afterAll(() => load.stop());

  /** An opening that only the first one's failures brought about: how long the second one surely did not know of it, and when it called last. */
  async function tripByOne(): Promise<{ unknownForMs: number; lastCallAfterMs: number }> {
    const epoch = await breaker.epoch();
    await eventually(() => countSince(two, Date.now() - 500) > 10);
    const knowing = openUnknownUntil(two);
    one.product.misbehave(down);
    const opened = await breaker.reached('open', epoch);
    const unknownAtMs = await knowing;
    one.product.work();
    const halfOpen = await breaker.reached('half_open', epoch);
    await breaker.reached('closed', opened.epoch);
    const calls = two.product.calls.filter(({ atMs }) => atMs < halfOpen.atMs).map(({ atMs }) => atMs);
    return { unknownForMs: unknownAtMs - opened.atMs, lastCallAfterMs: Math.max(...calls) - opened.atMs };
  }

  /** When its metrics, asked for all the time, were asked for last that did not say so: their way to us is no part of what it knew. */
  async function openUnknownUntil({ service }: Replica): Promise<number> {
    let unknownAtMs = 0;
    await eventually(
      async () => {
        const askedAtMs = Date.now();
        const metrics = await (await fetch(`${service.url}/metrics`)).text();
        if (/^breakwater_breaker_state{dependency="activation",state="open"} 1$/m.test(metrics)) return true;
        unknownAtMs = askedAtMs;
      },
      10_000,
      5,
    );
    return unknownAtMs;
  }

  /**
   * Most of the rounds: somebody else’s work on the machine may hold one up. Knowing it a second later, by the next poll, would fail in nearly every one.
   */
  async function expectTripsKnown(rounds: number): Promise<void> {
    const unknownForMs: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const trip = await tripByOne();
      unknownForMs.push(trip.unknownForMs);
      expect(trip.lastCallAfterMs).toBeLessThan(ARRIVES_WITHIN_MS);
    }
    const median = unknownForMs.toSorted((a, b) => a - b)[Math.floor(rounds / 2)];
    expect(median, `unknown for ${unknownForMs} ms`).toBeLessThan(KNOWN_WITHIN_MS);
  }

  function countSince({ product }: Replica, sinceMs: number): number {
    return product.calls.filter(({ atMs }) => atMs > sinceMs).length;
  }

  test('is obeyed by the other within 100 ms', () => expectTripsKnown(5));

  test('is obeyed by the other within 100 ms also while its listening connection is cut, and again after it came back', async () => {
    onTestFinished(deaf.mend);
    await deaf.cut();
    await expectTripsKnown(5);
    await deaf.mend();
    await expectTripsKnown(3);
  });

  test('cost no event its life', async () => {
    await load.stop();
    await nothingWaits(world);
    expect(await world.api.conservation()).toMatchObject({ dead: 0, balanced: true });
    await checkPromises(db);
    for (const { service } of [one, two]) await service.stop();
  });
});

describe('a replica that holds the probes of a half-open breaker', async () => {
  const fleet = await startFleet();
  const { world, breaker } = fleet;

  /** The first replica has all probes, and its product does not answer them; the second one stands still. */
  async function probeAtOne(prefix: string): Promise<{ one: Replica; two: Replica; halfOpen: Transition }> {
    const [one, two] = [await fleet.startOne(), await fleet.startTwo()];
    one.product.misbehave(down);
    two.product.misbehave(down);
    const opened = await openByFailures(fleet, prefix);
    two.service.freeze();
    one.product.work();
    two.product.work();
    one.product.misbehave({ kind: 'hang' });
    const halfOpen = await breaker.reached('half_open', opened.epoch);
    await one.product.waitForCall(({ atMs }) => atMs >= halfOpen.atMs);
    return { one, two, halfOpen };
  }

  test('may be killed: when its leases have run out another closes it, and nothing is lost', async () => {
    const { one, two, halfOpen } = await probeAtOne('killed');
    await one.service.kill('SIGKILL');
    one.product.work();
    two.service.thaw();
    const next = await eventually(async () =>
      (await breaker.transitions()).find(({ epoch }) => epoch > halfOpen.epoch),
    );
    expect(next).toMatchObject({ to: 'closed', reason: 'probes_ok', epoch: halfOpen.epoch + 1 });
    expect(next.atMs - halfOpen.atMs).toBeGreaterThan(LEASE_MS - 500);
    expect(next.actor).not.toBe(halfOpen.actor);
    await nothingWaits(world);
    expect(await world.api.conservation()).toMatchObject({ applied: 12, dead: 0 });
    await checkPromises(fleet.db);
    await two.service.stop();
  });

  test('may stand still for thirty seconds: another closes it when its leases have run out, and what it reports when it wakes changes nothing', async () => {
    const { one, two, halfOpen } = await probeAtOne('frozen');
    one.service.freeze();
    const frozenAtMs = performance.now();
    two.service.thaw();
    const next = await eventually(async () =>
      (await breaker.transitions()).find(({ epoch }) => epoch > halfOpen.epoch),
    );
    expect(next).toMatchObject({ to: 'closed', epoch: halfOpen.epoch + 1 });
    const isMoved = async () => (await breaker.epoch()) !== next.epoch;
    await neverWithin(frozenAtMs + FROZEN_MS - performance.now(), isMoved);
    // What it asks now is answered; the calls of its probes fail by their time-out as soon as it is awake.
    one.product.work();
    one.service.thaw();
    await neverWithin(2_000, isMoved);
    await nothingWaits(world);
    expect(await world.api.conservation()).toMatchObject({ applied: 24, dead: 0 });
    await checkPromises(fleet.db);
    for (const { service } of [one, two]) await service.stop();
  });
});

test('a breaker that is open when every process is killed is open when they are back, and nothing is called before it is due or lost', async () => {
  const fleet = await startFleet({ BREAKERS: JSON.stringify({ activation: { ...BREAKER, openMs: 6_000 } }) });
  const { world, breaker } = fleet;
  const replicas = [await fleet.startOne(), await fleet.startTwo()];
  for (const { product } of replicas) product.misbehave(down);
  const opened = await openByFailures(fleet, 'all');
  await Promise.all(
    [world.service, ...replicas.map(({ service }) => service)].map((service) => service.kill('SIGKILL')),
  );
  const restartedAtMs = Date.now();
  for (const { product } of replicas) product.work();
  world.service = await world.startReplica();
  const fresh = [await fleet.startOne(), await fleet.startTwo()];
  await fleet.pay('meanwhile');
  const halfOpen = await breaker.reached('half_open', opened.epoch);
  expect(halfOpen.epoch).toBe(opened.epoch + 1);
  expect(halfOpen.atMs - opened.atMs).toBeGreaterThanOrEqual(6_000);
  const calls = fresh
    .flatMap(({ product }) => product.calls.map(({ atMs }) => atMs))
    .filter((atMs) => atMs > restartedAtMs);
  expect(Math.min(...calls, halfOpen.atMs)).toBeGreaterThanOrEqual(halfOpen.atMs);
  await breaker.reached('closed', opened.epoch);
  await nothingWaits(world);
  expect(await world.api.conservation()).toMatchObject({ applied: 13, dead: 0 });
  await checkPromises(fleet.db);
});

test('an event the product fails of, alone with a half-open breaker, is dead after its tries, and the breaker closes with others', async () => {
  const quick = { BREAKERS: JSON.stringify({ activation: { ...BREAKER, openMs: 200 } }), RETRY_MAX_TRIES: '2' };
  const fleet = await startFleet(quick);
  const { world, breaker } = fleet;
  const { product } = await fleet.startOne();
  product.misbehave({ ...down, user: 'poison' });
  await fleet.pay('well');
  await nothingWaits(world);
  await breaker.command('trip');
  await fleet.pay('poison');
  await breaker.command('release');
  const dead = await eventually(async () => {
    const event = await world.api.eventOf('acme', 'tx-poison');
    return event.state === 'dead' && event;
  }, 20_000);
  expect(dead).toMatchObject({ reason: 'transient_exhausted', tries: 2 });
  expect(dead.attempts).toHaveLength(6);
  expect(product.calls.filter(({ user }) => user === 'poison')).toHaveLength(6);
  expect((await breaker.current())!.to).not.toBe('closed');
  await fleet.pay('after0', 'after1', 'after2');
  await breaker.reached('closed', 1);
  for (const user of ['after0', 'after1', 'after2'])
    await eventually(async () => (await world.api.eventOf('acme', `tx-${user}`)).state === 'applied');
  await checkPromises(fleet.db);
});

describe('an outage, with the clocks of both replicas ten minutes wrong', async () => {
  const wrongClock = (wrongMs: number) => ({
    NODE_OPTIONS: `--import=${fileURLToPath(new URL('../world/wrong-clock.ts', import.meta.url))}`,
    WRONG_CLOCK_MS: String(wrongMs),
  });
  const fleet = await startFleet({ RETRY_MAX_TRIES: '2', RETRY_BASE_MS: '40' });
  const { world, db, breaker } = fleet;
  const replicas = [await fleet.startOne(wrongClock(600_000)), await fleet.startTwo(wrongClock(-600_000))];
  const early = named('early', 12);
  const waiting = named('waiting', 40);

  test('changes nothing of an event that waits through it, the few that probe apart, and costs those no try', async () => {
    for (const { product } of replicas) product.misbehave(down);
    // Its two tries are too few to open anything.
    await fleet.pay('exhausted');
    await eventually(async () => (await world.api.eventOf('acme', 'tx-exhausted')).state === 'dead');
    await fleet.pay(...early);
    const opened = await breaker.reached('open', 1);
    await fleet.pay(...waiting);
    const before = await readWaiting();
    const callsBefore = countCalls();
    await breaker.reached('open', opened.epoch + 3);
    const after = await readWaiting();
    const changed = [...before].filter(([user, row]) => after.get(user) !== row);
    expect(countCalls() - callsBefore, 'there were probes').toBeGreaterThan(1);
    expect(changed.length).toBeLessThanOrEqual(countCalls() - callsBefore);
    expect(changed.length).toBeLessThan(waiting.length / 2);
    expect(await listTried(), 'tries of events that came after the opening').toEqual([]);
  });

  test('is probed by nobody before it is due by the clock of the database', async () => {
    const all = await breaker.transitions();
    for (const [i, { to, atMs }] of all.entries()) {
      if (to === 'half_open') expect(atMs - all[i - 1]!.atMs).toBeGreaterThanOrEqual(OPEN_MS);
    }
  });

  test('ends with the probes, and everything that waited is applied', async () => {
    for (const { product } of replicas) product.work();
    await breaker.reached('closed', 1);
    for (const user of waiting) {
      await eventually(async () => (await world.api.eventOf('acme', `tx-${user}`)).state === 'applied');
    }
  });

  test('and what had used up its tries before is tried again by itself, and its ticket resolves by itself', async () => {
    await nothingWaits(world);
    await eventually(async () => (await world.api.conservation()).dead === 0, 30_000);
    await nothingWaits(world);
    expect(await world.api.conservation()).toMatchObject({ applied: 1 + early.length + waiting.length, dead: 0 });
    const listStates = async () => (await db.selectFrom('ticket').select('state').execute()).map(({ state }) => state);
    expect(await listStates()).not.toEqual([]);
    // What failed before the opening was merged into the breaker's ticket, which is told of the closing within a second.
    await eventually(async () => (await listStates()).every((state) => state === 'resolved' || state === 'merged'));
    expect(await listStates()).toContain('resolved');
    await checkPromises(db);
  });

  function countCalls(): number {
    return replicas.reduce((sum, { product }) => sum + product.calls.length, 0);
  }

  async function readWaiting(): Promise<Map<string, string>> {
    const rows = await db
      .selectFrom('event')
      .select(['user_id', 'tries', 'attempts', 'due_at', 'state'])
      .where('user_id', 'like', 'waiting%')
      .execute();
    return new Map(rows.map(({ user_id, ...row }) => [user_id!, JSON.stringify(row)]));
  }

  async function listTried() {
    return db
      .selectFrom('event')
      .select('user_id')
      .where('user_id', 'like', 'waiting%')
      .where('tries', '>', 0)
      .execute();
  }
});
