import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startSandbox } from '../../sandbox/main.ts';
import { type Breakers, createBreakers } from '../../src/breaker/breakers.ts';
import { completeSettings, DEFAULT_BREAKER } from '../../src/breaker/settings.ts';
import { ACTIVATION, type Gate } from '../../src/delivery/call-slot.ts';
import { claimEvents } from '../../src/delivery/claim-store.ts';
import { redriveExhausted } from '../../src/delivery/self-redrive.ts';
import { createWorker, type Worker } from '../../src/delivery/worker.ts';
import { createLog } from '../../src/platform/log.ts';
import { createMetrics } from '../../src/platform/metrics.ts';
import { createTestDatabase } from '../database.ts';
import { insertEvent, type SeedEvent } from '../seed.ts';
import { eventually } from '../world/eventually.ts';
import { openGate, workerDeps } from './worker-bench.ts';

const { db, url } = await createTestDatabase();
const secret = `whsec_${Buffer.from('a secret of thirty-two bytes, yes').toString('base64')}`;
const sandbox = await startSandbox({ port: 0, activationSecret: secret });
afterAll(() => sandbox.close());
const { product } = sandbox;

const OPEN_MS = 400;
const settings = completeSettings({ ...DEFAULT_BREAKER, minimumVolume: 6, openMs: OPEN_MS }, 1_000);

let breakers: Breakers;
const workers: Worker[] = [];
let n = 0;
beforeEach(async () => {
  n += 1;
  product.work();
  await db.deleteFrom('claim').execute();
  await db.updateTable('event').set({ state: 'ignored' }).where('state', 'in', ['pending', 'retrying']).execute();
  for (const table of ['breaker_command', 'breaker_transition', 'breaker_bucket', 'breaker'] as const)
    await db.deleteFrom(table).execute();
  const log = createLog({ level: 'silent' });
  const common = {
    db,
    listenUrl: url,
    replica: `replica ${n}`,
    settingsOf: () => settings,
    dependencies: [ACTIVATION],
  };
  breakers = createBreakers({ ...common, log, metrics: createMetrics() });
  await breakers.start();
});
afterEach(async () => {
  for (const worker of workers.splice(0)) await worker.stop();
  await breakers.stop();
});

function startWorker(gate: Gate = breakers): Worker {
  const activation = { url: product.activationUrl, secret, timeoutMs: 1_000, concurrency: 16, gate };
  const schedule = { baseMs: 50, capMs: 100, maxTries: 5 };
  const worker = createWorker(workerDeps(db, { activation, schedule }));
  worker.start();
  workers.push(worker);
  return worker;
}

async function insertSome(count: number, seed: SeedEvent = {}): Promise<{ id: number }[]> {
  const events = [];
  for (let i = 0; i < count; i++) events.push(await insertEvent(db, seed));
  return events;
}
const readEvents = (events: { id: number }[]) =>
  db
    .selectFrom('event')
    .selectAll()
    .where(
      'id',
      'in',
      events.map((event) => event.id),
    )
    .orderBy('id')
    .execute();
const statesOf = async (events: { id: number }[]) => (await readEvents(events)).map((event) => event.state);
const order = (verb: 'trip' | 'release') =>
  breakers.command({ commandId: `${verb} ${n}`, dependency: ACTIVATION, verb, reason: 'a test', actor: 'Ann' });
const stateOfBreaker = async () => (await breakers.list())[0]?.state;
const becomes = (state: string) => eventually(async () => (await stateOfBreaker()) === state, 10_000, 10);
const areApplied = (events: { id: number }[]) =>
  eventually(async () => (await statesOf(events)).every((state) => state === 'applied'), 15_000, 25);

describe('a breaker that is open', () => {
  test('costs what waits no claim, no attempt and no write, and it is delivered after the close', async () => {
    product.misbehave({ kind: 'status', status: 503 });
    startWorker();
    const first = await insertSome(6);
    await becomes('open');
    const waiting = await insertSome(20);
    const before = await readEvents(waiting);
    await eventually(async () => (await stateOfBreaker()) === 'half_open', 10_000, 5);
    await becomes('open');
    const after = await readEvents(waiting);
    const untouched = after.filter((event) => event.attempts === 0);
    expect(untouched.length, 'all but what probes were made with').toBeGreaterThanOrEqual(14);
    expect(untouched).toEqual(before.filter((event) => untouched.some((one) => one.id === event.id)));
    product.work();
    await becomes('closed');
    await areApplied([...first, ...waiting]);
    expect((await readEvents(waiting)).filter((event) => event.tries > 0)).toEqual([]);
  });

  test('is asked with as many calls as there are probes, and with no more before they are answered', async () => {
    await order('trip');
    await insertSome(30);
    product.misbehave({ kind: 'slow', latencyMs: 300 });
    const before = product.calls.length;
    startWorker();
    await order('release');
    await eventually(() => product.calls.length - before >= 3, 5_000, 5);
    expect(await stateOfBreaker()).toBe('half_open');
    expect(product.calls.length - before).toBe(3);
    await becomes('closed');
  });

  test('lets go of its probes when there is nothing to try', async () => {
    await order('trip');
    startWorker();
    await order('release');
    await eventually(async () => (await breakers.permit(ACTIVATION)).may === 'probe', 5_000, 10);
    const [event] = await insertSome(1);
    await areApplied([event!]);
  });
});

test('a failed probe costs no try, the third one does, and a poisoned event alone does not hold the breaker open for ever', async () => {
  product.misbehave({ kind: 'status', status: 503, user: 'poison' });
  const [poison] = await insertSome(1, { userId: 'poison' });
  await order('trip');
  await order('release');
  startWorker();
  const triesAfter = new Map<number, number>();
  await eventually(
    async () => {
      const [event] = await readEvents([poison!]);
      triesAfter.set(event!.attempts, event!.tries);
      return event!.attempts >= 4;
    },
    20_000,
    10,
  );
  expect([1, 2, 3, 4].map((attempts) => triesAfter.get(attempts))).toEqual([0, 0, 1, 1]);
  await areApplied(await insertSome(4));
  await becomes('closed');
  await eventually(async () => (await statesOf([poison!]))[0] === 'dead', 20_000);
  expect((await readEvents([poison!]))[0]).toMatchObject({ reason: 'transient_exhausted', tries: 5 });
}, 60_000);

test('an event whose call is refused after it was claimed goes back as it was', async () => {
  let asked = 0;
  const gate: Gate = {
    ...openGate,
    permit: () => (asked++ === 0 ? { may: 'call', epoch: 1 } : { may: 'wait', why: 'open', retryAfterMs: 1_000 }),
  };
  const [event] = await insertSome(1);
  const [before] = await readEvents([event!]);
  const worker = createWorker(
    workerDeps(db, { activation: { url: product.activationUrl, secret, timeoutMs: 1_000, concurrency: 16, gate } }),
  );
  const calls = product.calls.length;
  expect(await worker.runOnce()).toBe(1);
  await worker.idle();
  expect(await readEvents([event!])).toEqual([before]);
  expect(product.calls.length).toBe(calls);
  expect(await db.selectFrom('claim').selectAll().execute()).toEqual([]);
});

describe('a claim', () => {
  const claim = (options: { limit: number; againLimit?: number; newest?: boolean }) =>
    claimEvents(db, { leaseMs: 60_000, busyUsers: [], ...options });

  test('gives half its room to the newest and half to what waits longest', async () => {
    const events = (await insertSome(40)).map((event) => event.id);
    const claimed = (await claim({ limit: 10, newest: true })).map((event) => event.id).sort((a, b) => a - b);
    expect(claimed).toEqual([...events.slice(0, 5), ...events.slice(-5)]);
  });

  test('takes what is due again before what is oldest, and no more of it than it may', async () => {
    const again = await insertSome(10, { state: 'retrying', dueAt: new Date(0) });
    const fresh = (await insertSome(40)).map((event) => event.id);
    const claimed = (await claim({ limit: 10, againLimit: 2, newest: true })).map((event) => event.id);
    const ids = new Set(again.map((event) => event.id));
    expect(claimed.filter((id) => ids.has(id))).toHaveLength(2);
    expect(claimed.filter((id) => fresh.slice(-5).includes(id))).toHaveLength(5);
    expect(claimed.filter((id) => fresh.slice(0, 3).includes(id))).toHaveLength(3);
  });

  test('does not starve what is new while it is less than the room', async () => {
    await insertSome(20, { state: 'retrying', dueAt: new Date(0) });
    const [fresh] = await insertSome(1);
    expect((await claim({ limit: 4, newest: true })).map((event) => event.id)).toContain(fresh!.id);
  });

  test('with room for one serves both sides in the long run', async () => {
    const again = new Set((await insertSome(30, { state: 'retrying', dueAt: new Date(0) })).map((event) => event.id));
    await insertSome(30);
    const claimed: number[] = [];
    for (let i = 0; i < 30; i++) claimed.push((await claim({ limit: 1, newest: true }))[0]!.id);
    const share = claimed.filter((id) => again.has(id)).length;
    expect(share).toBeGreaterThan(3);
    expect(share).toBeLessThan(27);
  });
});

describe('events whose tries were used up', () => {
  const deps = { db, wake: () => {} };
  const die = async (event: { id: number }, secondsAgo: number, selfRedrives = 0) => {
    const finishedAt = new Date(Date.now() - secondsAgo * 1_000);
    await db
      .updateTable('event')
      .set({ state: 'dead', reason: 'transient_exhausted', attempts: 5, tries: 5, finished_at: finishedAt })
      .set({ self_redrives: selfRedrives })
      .where('id', '=', event.id)
      .execute();
    await db
      .insertInto('attempt')
      .values({
        provider: 'acme',
        event_id: event.id,
        n: 5,
        started_at: finishedAt,
        duration_ms: 1,
        dependency: ACTIVATION,
        outcome: 'transient',
        http_status: 503,
        error_code: null,
        error: null,
        delay_ms: null,
      })
      .execute();
  };
  const answerOnce = async () => {
    breakers.begin(ACTIVATION, 'first').end({ outcome: 'ok', durationMs: 5 });
    await eventually(async () => (await breakers.list())[0]!.ok > 0, 5_000, 10);
  };

  test('are tried again once the dependency has answered since, and not before', async () => {
    const [event] = await insertSome(1);
    await die(event!, 60);
    expect(await redriveExhausted(deps, ACTIVATION)).toBe(0);
    await answerOnce();
    expect(await redriveExhausted(deps, ACTIVATION)).toBe(1);
    expect((await readEvents([event!]))[0]).toMatchObject({
      state: 'pending',
      tries: 0,
      attempts: 5,
      self_redrives: 1,
    });
    expect(await redriveExhausted(deps, ACTIVATION)).toBe(0);
  });

  test('wait longer each time, are left to a person after three, and never run over somebody who acts at once', async () => {
    const [young, second, tooSoon, fourth] = await insertSome(4);
    await die(young!, 2);
    await die(second!, 700, 1);
    await die(tooSoon!, 700, 2);
    await die(fourth!, 100_000, 3);
    await answerOnce();
    expect(await redriveExhausted(deps, ACTIVATION)).toBe(1);
    expect(await statesOf([young!, second!, tooSoon!, fourth!])).toEqual(['dead', 'pending', 'dead', 'dead']);
  });

  test('stay dead while the breaker is open', async () => {
    const [event] = await insertSome(1);
    await die(event!, 60);
    await answerOnce();
    await order('trip');
    expect(await redriveExhausted(deps, ACTIVATION)).toBe(0);
  });
});
