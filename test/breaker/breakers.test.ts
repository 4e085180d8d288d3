import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Breakers, BreakersOptions } from '../../src/breaker/breakers.ts';
import { completeSettings, DEFAULT_BREAKER } from '../../src/breaker/settings.ts';
import { createDb, createPool } from '../../src/platform/database.ts';
import { createLog } from '../../src/platform/log.ts';
import { createTestDatabase } from '../database.ts';
import { openProxy } from '../platform/proxy.ts';
import { eventually } from '../world/eventually.ts';
import { startReplicaOn } from './replica.ts';

const { url, db } = await createTestDatabase();
const KNOWN_WITHIN_MS = 100;
const ok = { outcome: 'ok', durationMs: 5 } as const;
const fail = { outcome: 'fail', durationMs: 5 } as const;
const ignored = { outcome: 'ignored', durationMs: 5 } as const;

let dependency = '';
let count = 0;
beforeEach(() => {
  count += 1;
  dependency = `provider:${count}`;
});

let replicas = 0;

/** Opens for a minute unless told otherwise. */
function startReplica(options: Partial<BreakersOptions> & { openMs?: number } = {}): Promise<Breakers> {
  const { openMs = 60_000, ...others } = options;
  const settings = completeSettings({ ...DEFAULT_BREAKER, openMs, openMsMax: 60_000 }, 10_000);
  const replica = `replica-${++replicas}`;
  return startReplicaOn(url, { replica, settingsOf: () => settings, dependencies: [dependency], ...others });
}

function makeCalls(breakers: Breakers, calls: number, result: typeof ok | typeof fail | typeof ignored): void {
  for (let i = 0; i < calls; i++) breakers.begin(dependency, 'first').end(result);
}

function stateAt(breakers: Breakers): Promise<string> {
  return breakers.list().then((all) => all.find(({ name }) => name === dependency)!.state);
}

function retryAfterMs(breakers: Breakers): number | null {
  const permit = breakers.permit(dependency);
  return permit.may === 'wait' ? permit.retryAfterMs : null;
}

function epochReached(breakers: Breakers, epoch: number): Promise<void> {
  return new Promise((resolve) => {
    const stop = breakers.onChange((change) => {
      if (change.name !== dependency || change.epoch < epoch) return;
      stop();
      resolve();
    });
  });
}

/** When this replica stopped permitting calls. */
function learning(breakers: Breakers): Promise<number> {
  return new Promise((resolve) => {
    const stop = breakers.onChange(({ name, to }) => {
      if (name !== dependency || to === 'closed') return;
      stop();
      resolve(performance.now());
    });
  });
}

function trip(breakers: Breakers, verb: 'trip' | 'reset' | 'release' = 'trip') {
  return breakers.command({
    commandId: `${dependency} ${verb} ${performance.now()}`,
    dependency,
    verb,
    reason: 'test',
    actor: 'ann',
  });
}

describe('a closed breaker', () => {
  test('permits calls without asking the database', async () => {
    const pool = createPool(url, { max: 2, name: 'breaker test' });
    const own = createDb(pool);
    onTestFinished(() => own.destroy());
    const breakers = await startReplica({ db: own });
    const connect = vi.spyOn(pool, 'connect');
    for (let i = 0; i < 1_000; i++) {
      expect(breakers.permit(dependency)).toEqual({ may: 'call', epoch: 1 });
      expect(breakers.canStart(dependency)).toBe(Infinity);
      breakers.begin(dependency, 'first').end(ok);
    }
    expect(connect).not.toHaveBeenCalled();
  });

  test('opens when half of the calls of all replicas together failed, none of them enough for it alone', async () => {
    const [one, two] = [await startReplica(), await startReplica()];
    makeCalls(one, 5, fail);
    makeCalls(two, 5, ok);
    await eventually(() => one.permit(dependency).may === 'wait' && two.permit(dependency).may === 'wait');
    expect(await stateAt(one)).toBe('open');
    await eventually(() => retryAfterMs(one) !== null);
    expect(retryAfterMs(one)).toBeGreaterThan(58_000);
    expect(retryAfterMs(one)).toBeLessThanOrEqual(60_000);
    expect(one.blocked()).toContain(dependency);
    expect(one.canStart(dependency)).toBe(0);
  });

  test('opens within a flush of the failure that makes it enough, and not at the next poll', async () => {
    const breakers = await startReplica();
    for (let round = 0; round < 3; round++) {
      makeCalls(breakers, 10, fail);
      const at = performance.now();
      await learning(breakers);
      expect(performance.now() - at).toBeLessThan(250);
      await trip(breakers, 'reset');
      await eventually(() => breakers.permit(dependency).may === 'call');
    }
  });

  test('stays closed below the ratio, below the minimum volume, and whatever is ignored', async () => {
    const breakers = await startReplica();
    makeCalls(breakers, 9, fail);
    makeCalls(breakers, 10, ok);
    makeCalls(breakers, 30, ignored);
    await eventually(async () => (await breakers.list()).find(({ name }) => name === dependency)?.failed === 9);
    expect(await stateAt(breakers)).toBe('closed');
    expect((await breakers.list()).find(({ name }) => name === dependency)).toMatchObject({
      ok: 10,
      failed: 9,
      failureShare: 9 / 19,
    });
  });

  test('is made when it is first asked for, and written anew when its settings changed', async () => {
    const breakers = await startReplica({ dependencies: [] });
    expect(breakers.permit(dependency)).toMatchObject({ may: 'wait', why: 'unknown' });
    await eventually(() => breakers.permit(dependency).may === 'call');
    await startReplica({ openMs: 30_000 });
    const row = await db
      .selectFrom('breaker')
      .select(['open_ms', 'epoch'])
      .where('name', '=', dependency)
      .executeTakeFirst();
    expect(row).toEqual({ open_ms: 30_000, epoch: 1 });
  });
});

describe('a trip is known to every replica within 100 ms', () => {
  test('with notifications', async () => {
    const [one, two] = [await startReplica(), await startReplica()];
    const learned = Promise.all([learning(one), learning(two)]);
    await trip(one);
    const at = performance.now();
    expect(Math.max(...(await learned)) - at).toBeLessThan(KNOWN_WITHIN_MS);
    expect(two.permit(dependency)).toEqual({ may: 'wait', why: 'forced_open', retryAfterMs: null });
  });

  test('with the listening connection cut and none to be had', async () => {
    const proxy = await openProxy(url);
    const [one, deaf] = [await startReplica(), await startReplica({ listenUrl: proxy.url })];
    proxy.cut();
    for (let round = 0; round < 5; round++) {
      const learned = learning(deaf);
      await trip(one);
      const at = performance.now();
      expect((await learned) - at).toBeLessThan(KNOWN_WITHIN_MS);
      await trip(one, 'reset');
      await eventually(() => deaf.canStart(dependency) > 0);
    }
  });

  test('with the listening connection ended by the server, and again after it was replaced', async () => {
    const [one, two] = [await startReplica(), await startReplica()];
    const learned = learning(two);
    await sql`select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = 'breakwater breaker' and datname = current_database()`.execute(db);
    await trip(one);
    const at = performance.now();
    expect((await learned) - at).toBeLessThan(KNOWN_WITHIN_MS);
    await eventually(async () => (await countListeners()) >= 2);
    await trip(one, 'reset');
    await eventually(() => two.permit(dependency).may === 'call');
  });

  async function countListeners(): Promise<number> {
    const { rows } = await sql<{ count: number }>`select count(*)::int as count from pg_stat_activity
      where application_name = 'breakwater breaker' and datname = current_database()`.execute(db);
    return rows[0]!.count;
  }

  test('with a listening connection that died in silence, once that is found out', async () => {
    const proxy = await openProxy(url);
    const lines: string[] = [];
    const noted = createLog({ level: 'warn', destination: { write: (line) => void lines.push(line) } });
    const [one, two] = [
      await startReplica(),
      await startReplica({ listenUrl: proxy.url, livenessIntervalMs: 50, log: noted }),
    ];
    proxy.freeze();
    await eventually(() => lines.some((line) => line.includes('the listening connection broke')));
    const learned = learning(two);
    await trip(one);
    const at = performance.now();
    expect((await learned) - at).toBeLessThan(KNOWN_WITHIN_MS);
  });
});

describe('what is known', () => {
  afterEach(() => void vi.useRealTimers());

  test('does not depend on the clock of the process, ten minutes wrong in either direction', async () => {
    for (const wrongMs of [600_000, -600_000]) {
      count += 1;
      dependency = `provider:${count}`;
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + wrongMs });
      const [one, two] = [await startReplica({ openMs: 300 }), await startReplica({ openMs: 300 })];
      makeCalls(one, 10, fail);
      await eventually(() => two.permit(dependency).may === 'wait');
      await eventually(() => two.permit(dependency).may === 'probe');
      const probes = await two.acquireProbes(dependency, 3);
      expect(probes).toHaveLength(3);
      for (const probe of probes) await two.reportProbe(probe, ok);
      await eventually(() => one.permit(dependency).may === 'call');
      vi.useRealTimers();
    }
  });

  test('is unknown after two seconds without the database, and nothing is called; with it everything goes on', async () => {
    const proxy = await openProxy(url);
    const own = createDb(createPool(proxy.url, { max: 2, name: 'breaker test', statementTimeoutMs: 500 }));
    onTestFinished(() => own.destroy());
    const breakers = await startReplica({ db: own, listenUrl: proxy.url });
    proxy.cut();
    expect(breakers.permit(dependency).may).toBe('call');
    await eventually(() => breakers.permit(dependency).may === 'wait', 3_500);
    expect(breakers.permit(dependency)).toEqual({ may: 'wait', why: 'unknown', retryAfterMs: null });
    proxy.mend();
    await eventually(() => breakers.permit(dependency).may === 'call');
  }, 15_000);

  test('follows the database also to a lower epoch, as after a fail-over that lost the last transitions', async () => {
    const breakers = await startReplica();
    await trip(breakers);
    await trip(breakers, 'reset');
    await trip(breakers);
    await eventually(() => breakers.permit(dependency).may === 'wait');
    await db.transaction().execute(async (trx) => {
      await sql`set local session_replication_role = replica`.execute(trx);
      await sql`update breaker set state = 'closed', epoch = 1 where name = ${dependency}`.execute(trx);
    });
    await eventually(() => breakers.permit(dependency).may === 'call', 3_000);
    expect(breakers.permit(dependency)).toEqual({ may: 'call', epoch: 1 });
  });

  test('is not shaken by what else is put on the channel', async () => {
    const breakers = await startReplica();
    await sql`select pg_notify('breaker', 'x'), pg_notify('breaker', 'null'), pg_notify('breaker', '{}')`.execute(db);
    await sql`select pg_notify('breaker', '{"name":"nobody","epoch":9,"state":"open"}')`.execute(db);
    await trip(breakers);
    await eventually(() => breakers.permit(dependency).may === 'wait');
    expect(breakers.permit(dependency)).toMatchObject({ why: 'forced_open' });
  });
});

test('an open breaker costs no write, however often it is asked and polled', async () => {
  const breakers = await startReplica();
  makeCalls(breakers, 10, fail);
  await eventually(() => breakers.permit(dependency).may === 'wait');
  const before = await readRow();
  const seen = await countSightings();
  for (let i = 0; i < 1_000; i++) {
    expect(breakers.permit(dependency).may).toBe('wait');
    expect(await breakers.acquireProbes(dependency, 3)).toEqual([]);
  }
  await eventually(async () => (await countSightings()) !== seen, 3_000);
  expect(await readRow()).toEqual(before);

  async function readRow() {
    const { rows } = await sql`
select xmin::text, * from breaker where name = ${dependency}`.execute(db);
    return {
      rows,
      buckets: await db.selectFrom('breaker_bucket').selectAll().where('name', '=', dependency).execute(),
    };
  }

  /** Moves with every poll. */
  async function countSightings(): Promise<string> {
    const { rows } = await sql<{ seen: string }>`select max(seen_at)::text as seen from breaker_replica`.execute(db);
    return rows[0]!.seen;
  }
});

describe('after an opening', () => {
  async function openNow(...replicas: Breakers[]): Promise<void> {
    makeCalls(replicas[0]!, 10, fail);
    for (const replica of replicas) await eventually(() => replica.permit(dependency).may === 'probe');
  }

  test('three probes are let through in all, three successes close, and the limit begins at five in all', async () => {
    const replicas = [await startReplica({ openMs: 200 }), await startReplica({ openMs: 200 })];
    await openNow(...replicas);
    const leases = await Promise.all(replicas.map((replica) => replica.acquireProbes(dependency, 5)));
    expect(leases.flat()).toHaveLength(3);
    for (const [index, replica] of replicas.entries())
      for (const lease of leases[index]!) await replica.reportProbe(lease, ok);
    await eventually(() => replicas.every((replica) => replica.canStart(dependency) > 0));
    const rooms = replicas.map((replica) => replica.canStart(dependency));
    expect(rooms.sort()).toEqual([2, 3]);
  });

  test('one probe that fails opens again', async () => {
    const breakers = await startReplica({ openMs: 200 });
    await openNow(breakers);
    const [probe, other] = await breakers.acquireProbes(dependency, 2);
    await breakers.reportProbe(probe!, fail);
    await breakers.reportProbe(other!, ok);
    expect(await stateAt(breakers)).toBe('open');
    await eventually(() => breakers.permit(dependency).may === 'wait');
  });

  test('a probe that is told when to come back holds all replicas off that long', async () => {
    const [one, two] = [await startReplica({ openMs: 200 }), await startReplica({ openMs: 200 })];
    await openNow(one, two);
    const [probe] = await one.acquireProbes(dependency, 1);
    await one.reportProbe(probe!, { ...fail, throttled: true, retryAfterMs: 30_000 });
    for (const replica of [one, two]) await eventually(() => (retryAfterMs(replica) ?? 0) > 20_000, 1_000);
    expect(await two.acquireProbes(dependency, 3)).toEqual([]);
  });

  test('a probe that meets a permanent error gives its leave back', async () => {
    const breakers = await startReplica({ openMs: 200 });
    await openNow(breakers);
    const probes = await breakers.acquireProbes(dependency, 3);
    await eventually(() => breakers.permit(dependency).may === 'wait');
    await breakers.reportProbe(probes[0]!, ignored);
    await eventually(() => breakers.permit(dependency).may === 'probe');
    expect(await breakers.acquireProbes(dependency, 3)).toHaveLength(1);
  });

  test('the limit holds calls back, and grows with success', async () => {
    const breakers = await startReplica();
    await trip(breakers);
    await eventually(() => breakers.permit(dependency).may === 'wait');
    await trip(breakers, 'reset');
    await eventually(() => breakers.permit(dependency).may === 'call');
    const calls = Array.from({ length: 5 }, () => breakers.begin(dependency, 'first'));
    expect(breakers.permit(dependency)).toEqual({ may: 'wait', why: 'limit', retryAfterMs: null });
    // Of the five, the last two no longer make use of the limit.
    for (const call of calls) call.end(ok);
    expect(breakers.canStart(dependency)).toBe(7);
  });

  test('results of calls begun before the transition count for nothing', async () => {
    const breakers = await startReplica();
    const late = Array.from({ length: 20 }, () => breakers.begin(dependency, 'first'));
    const reset = epochReached(breakers, 3);
    await trip(breakers);
    await trip(breakers, 'reset');
    await reset;
    for (const call of late) call.end(fail);
    makeCalls(breakers, 1, ok);
    await eventually(async () => (await breakers.list()).find(({ name }) => name === dependency)?.ok === 1);
    expect((await breakers.list()).find(({ name }) => name === dependency)).toMatchObject({
      failed: 0,
      state: 'closed',
    });
  });
});

test('a pause the dependency asked for is kept by all replicas, and ends by itself', async () => {
  const [one, two] = [await startReplica(), await startReplica()];
  one.begin(dependency, 'first').end({ ...ignored, throttled: true, retryAfterMs: 800 });
  expect(one.permit(dependency)).toMatchObject({ may: 'wait', why: 'held_off', retryAfterMs: expect.closeTo(800, -2) });
  await eventually(() => two.permit(dependency).may === 'wait', KNOWN_WITHIN_MS * 2, 5);
  await eventually(() => one.permit(dependency).may === 'call' && two.permit(dependency).may === 'call', 2_000);
  expect(one.canStart(dependency)).toBe(5);
  expect(await stateAt(one)).toBe('closed');
});

test('a breaker held open for a while is probed at its end, and one held closed closes', async () => {
  const breakers = await startReplica();
  const order = { dependency, reason: 'test', actor: 'ann', ttlMs: 300 };
  await breakers.command({ ...order, commandId: `${dependency} trip`, verb: 'trip' });
  await eventually(() => breakers.permit(dependency).may === 'wait');
  await eventually(() => breakers.permit(dependency).may === 'probe', 3_000);
  await breakers.command({ ...order, commandId: `${dependency} hold`, verb: 'hold_closed' });
  await eventually(() => breakers.permit(dependency).may === 'call');
  await eventually(async () => (await stateAt(breakers)) === 'closed', 3_000);
});

test('a replica that stops writes down what it counted last, and is no longer one of the fleet', async () => {
  const breakers = await startReplica({ replica: 'leaving' });
  makeCalls(breakers, 3, fail);
  await breakers.stop();
  const seen = await db.selectFrom('breaker_bucket').select('failed').where('name', '=', dependency).execute();
  expect(seen.reduce((sum, row) => sum + row.failed, 0)).toBe(3);
  expect(await db.selectFrom('breaker_replica').selectAll().where('replica', '=', 'leaving').execute()).toEqual([]);
});
