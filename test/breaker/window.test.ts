import { sql } from 'kysely';
import { beforeEach, describe, expect, test } from 'vitest';
import { listBreakers, readBreakers } from '../../src/breaker/breaker-query.ts';
import {
  acquireLease,
  countFailuresInRow,
  ensureBreaker,
  evaluate,
  holdOff,
  recordResults,
  reportLease,
  tick,
} from '../../src/breaker/breaker-store.ts';
import { type BreakerCommand, commandBreaker } from '../../src/breaker/command.ts';
import { type CompleteSettings, completeSettings, DEFAULT_BREAKER } from '../../src/breaker/settings.ts';
import { createTestDatabase } from '../database.ts';
import { readSeen } from './seen.ts';

const { db } = await createTestDatabase();

/** Where a bucket begins: of the usual window they are half a second wide. */
const T = Date.UTC(2026, 0, 1);
const at = (ms: number) => new Date(T + ms);

let name = '';
let names = 0;
beforeEach(async () => {
  names += 1;
  name = `provider:${names}`;
  await setUp();
});

function setUp(change: Partial<CompleteSettings> = {}): Promise<void> {
  return ensureBreaker(db, name, { ...completeSettings(DEFAULT_BREAKER, 10_000), ...change }, at(0));
}

async function record(ms: number, { ok = 0, failed = 0, ageMs = 0, replica = 'r', epoch = 1 } = {}): Promise<void> {
  await recordResults(db, replica, [{ name, epoch, ok, failed, ageMs }], at(ms));
}

const opensAt = async (ms: number) => (await evaluate(db, name, 'r', at(ms)))?.opened;
const seenAt = (ms: number) => readSeen(db, name, at(ms));
const readRow = () => db.selectFrom('breaker').selectAll().where('name', '=', name).executeTakeFirstOrThrow();

describe('a breaker opens', () => {
  test('at exactly the minimum volume, and not one result below it', async () => {
    await record(0, { failed: 9 });
    expect(await opensAt(0)).toBe(false);
    await record(0, { ok: 1 });
    expect(await opensAt(0)).toBe(true);
  });

  test.each([
    [0.5, 5, 10],
    [0.5, 10, 20],
    [0.55, 55, 100],
    [0.07, 7, 100],
    [1, 10, 10],
  ])(
    'at exactly the ratio: of %d it opens with %d of %d, not with one failure less',
    async (failureRatio, failed, n) => {
      await setUp({ failureRatio });
      await record(0, { ok: n - failed + 1, failed: failed - 1 });
      expect(await opensAt(0)).toBe(false);
      // The one success more ages out of the way: in a later bucket the counts are exactly the wanted ones.
      await record(20_000, { ok: n - failed, failed });
      expect(await opensAt(20_000)).toBe(true);
    },
  );

  test('never without a failure, however small the ratio', async () => {
    await setUp({ failureRatio: 0.000_000_1 });
    await record(0, { ok: 1_000 });
    expect(await opensAt(0)).toBe(false);
  });

  test('when successes leave the window, without a new result', async () => {
    await record(0, { ok: 11 });
    await record(5_000, { failed: 10 });
    expect(await opensAt(9_999)).toBe(false);
    expect(await opensAt(10_000)).toBe(true);
  });

  test('and says on what: the counts of all replicas, and how many of them saw failures', async () => {
    await record(0, { failed: 6, replica: 'a' });
    await record(0, { failed: 1, ok: 2, replica: 'b' });
    await record(0, { ok: 3, replica: 'c' });
    expect(await opensAt(0)).toBe(true);
    expect(await readRow()).toMatchObject({
      state: 'open',
      reason: 'failure_ratio',
      evidence: { ok: 5, failed: 7, replicas: 2, failuresInRow: 0 },
    });
  });
});

describe('the window', () => {
  test('counts a result until it is exactly the window old, and not a millisecond longer', async () => {
    await record(0, { failed: 10 });
    expect(await seenAt(9_999)).toEqual({ ok: 0, failed: 10 });
    expect(await opensAt(10_000)).toBe(false);
    expect(await opensAt(9_999)).toBe(true);
  });

  test('never counts what is older than itself, and all that is younger than itself less one bucket', async () => {
    await record(499, { failed: 10 });
    expect(await seenAt(9_999)).toEqual({ ok: 0, failed: 10 });
    expect(await seenAt(10_000)).toEqual({ ok: 0, failed: 0 });
  });

  test('takes results that come late at the time they ended, and drops those of the age of the window', async () => {
    await record(10_000, { failed: 10, ageMs: 9_500 });
    expect(await seenAt(10_499)).toEqual({ ok: 0, failed: 10 });
    expect(await seenAt(10_500)).toEqual({ ok: 0, failed: 0 });
    await record(30_000, { failed: 10, ageMs: 10_000, replica: 'late' });
    const late = await db.selectFrom('breaker_bucket').selectAll().where('replica', '=', 'late').execute();
    expect(late).toEqual([]);
  });

  test('does not count what lies ahead, as after a clock that jumped back, and counts on where that stood', async () => {
    for (let i = 0; i < 22; i++) await record(600_000 + i * 500, { failed: 1 });
    expect(await seenAt(0)).toEqual({ ok: 0, failed: 0 });
    expect(await opensAt(0)).toBe(false);
    for (let i = 0; i < 20; i++) await record(i * 500, { failed: 1 });
    expect(await seenAt(9_999)).toEqual({ ok: 0, failed: 20 });
  });

  test('is a ring: however long it runs it holds the last twenty buckets, in at most 22 rows', async () => {
    for (let i = 0; i < 70; i++) {
      await record(i * 500, { ok: 1 });
      expect(await seenAt(i * 500)).toEqual({ ok: Math.min(i + 1, 20), failed: 0 });
    }
    const rows = await db.selectFrom('breaker_bucket').selectAll().where('name', '=', name).execute();
    expect(rows).toHaveLength(22);
  });

  test('overwrites what stood in a slot one round ago, and adds to what is of the same bucket', async () => {
    await record(0, { failed: 4 });
    await record(100, { failed: 4 });
    expect(await seenAt(499)).toEqual({ ok: 0, failed: 8 });
    await record(11_000, { failed: 3 });
    expect(await seenAt(11_000)).toEqual({ ok: 0, failed: 3 });
  });

  test('survives a change of its length', async () => {
    await record(0, { failed: 4 });
    await setUp({ windowMs: 1_000 });
    await record(1_000, { failed: 3 });
    expect(await seenAt(1_000)).toEqual({ ok: 0, failed: 3 });
    await setUp({ windowMs: 60_000 });
    await record(3_000, { failed: 2 });
    expect(await seenAt(3_000)).toEqual({ ok: 0, failed: 9 });
  });

  test.each([1, 19, 21, 1_010])('of %d ms is one too', async (windowMs) => {
    await setUp({ windowMs });
    await record(0, { failed: 10 });
    expect(await seenAt(windowMs)).toEqual({ ok: 0, failed: 0 });
    expect(await opensAt(0)).toBe(true);
  });

  test('of several moments and breakers is written in one statement', async () => {
    const other = `${name}b`;
    await ensureBreaker(db, other, completeSettings(DEFAULT_BREAKER, 10_000), at(0));
    const count = { epoch: 1, ok: 1, failed: 2 };
    await recordResults(
      db,
      'r',
      [
        { ...count, name, ageMs: 0 },
        { ...count, name, ageMs: 120 },
        { ...count, name, ageMs: 700 },
        { ...count, name, epoch: 2, ageMs: 0 },
        { ...count, name: other, ageMs: 0 },
        { ...count, name: 'nobody', ageMs: 0 },
      ],
      at(1_400),
    );
    expect(await seenAt(1_400)).toEqual({ ok: 3, failed: 6 });
  });
});

test('while a breaker is held closed results are shown, open nothing, and are forgotten at its end', async () => {
  const hold = {
    commandId: name,
    dependency: name,
    verb: 'hold_closed',
    ttlMs: 5_000,
    reason: 'x',
    actor: 'a',
  } as const;
  await commandBreaker(db, hold, at(0));
  await record(0, { failed: 10, epoch: 2 });
  expect(await seenAt(0)).toEqual({ ok: 0, failed: 10 });
  expect(await opensAt(0)).toBeUndefined();
  expect(await tick(db, at(5_000))).toContain(name);
  expect(await opensAt(5_000)).toBe(false);
  expect(await readRow()).toMatchObject({ state: 'closed', epoch: 3, reason: 'forced_expired' });
});

describe('the rule about failures in a row', () => {
  test('is off by default', async () => {
    const count = { name, epoch: 1, ok: 0, failed: 9, ageMs: 0 };
    await countFailuresInRow(db, count);
    expect((await readRow()).failures_in_row).toBe(0);
    expect(await opensAt(0)).toBe(false);
  });

  test('opens after so many without a success between them, however far apart', async () => {
    await setUp({ failuresInRow: 3 });
    const add = (ok: number, failed: number) => countFailuresInRow(db, { name, epoch: 1, ok, failed, ageMs: 0 });
    await add(0, 2);
    await add(1, 1);
    await add(0, 2);
    expect(await opensAt(600_000)).toBe(false);
    await add(0, 1);
    expect(await opensAt(1_200_000)).toBe(true);
    expect(await readRow()).toMatchObject({ reason: 'failures_in_row', failures_in_row: 0 });
  });
});

describe('an opening', () => {
  const openAt = async (ms: number, epoch: number) => {
    await record(ms, { failed: 10, epoch });
    expect(await opensAt(ms)).toBe(true);
  };
  const probeAt = (ms: number, lease = 'l') => acquireLease(db, { name, replica: 'r', lease }, at(ms));

  test('lasts its time exactly', async () => {
    await openAt(0, 1);
    expect(await probeAt(59_999)).toBeNull();
    expect(await probeAt(60_000)).toMatchObject({ epoch: 3 });
  });

  test('lasts twice as long with each that follows, up to its longest, and as long as at first after a quiet time', async () => {
    await setUp({ openMsMax: 200_000 });
    await openAt(0, 1);
    let now = 0;
    for (const lastsMs of [60_000, 120_000, 200_000, 200_000]) {
      expect((await readRow()).open_until).toEqual(at(now + lastsMs));
      now += lastsMs;
      const lease = await probeAt(now);
      await reportLease(db, lease!, 'fail', at(now));
    }
    now += 200_000;
    for (const lease of ['a', 'b', 'c']) await reportLease(db, (await probeAt(now, lease))!, 'ok', at(now));
    const { state, epoch } = await readRow();
    expect(state).toBe('closed');
    await openAt(now + 2_000_001, epoch);
    expect((await readRow()).open_streak).toBe(1);
  });

  test('that ends further away than it can last was written by another clock, and is over', async () => {
    await openAt(600_000, 1);
    expect((await readBreakers(db, at(0))).find((breaker) => breaker.name === name)?.dueMs).toBe(0);
    expect(await probeAt(0)).not.toBeNull();
  });

  test('is prolonged by Retry-After, within the longest one, and no probe is let through before', async () => {
    await openAt(0, 1);
    await holdOff(db, name, 90_000, at(10_000));
    expect(await readRow()).toMatchObject({ open_until: at(70_000), not_before: at(100_000) });
    expect(await probeAt(99_999)).toBeNull();
    expect(await probeAt(100_000)).not.toBeNull();
  });
});

describe('Retry-After', () => {
  test('is believed for an hour at most, and a shorter one does not end a longer one', async () => {
    await holdOff(db, name, 100 * 3_600_000, at(0));
    expect((await readRow()).not_before).toEqual(at(3_600_000));
    await holdOff(db, name, 1_000, at(0));
    expect((await readRow()).not_before).toEqual(at(3_600_000));
  });

  test.each([0, -1, Number.NaN])('of %d ms is none', async (pauseMs) => {
    await holdOff(db, name, pauseMs, at(0));
    expect((await readRow()).not_before).toBeNull();
  });

  test('written by a clock that has jumped back holds nobody off, and is overwritten', async () => {
    await holdOff(db, name, 3_600_000, at(7_200_000));
    expect((await readBreakers(db, at(0))).find((breaker) => breaker.name === name)?.heldOffMs).toBe(0);
    await holdOff(db, name, 1_000, at(0));
    expect((await readRow()).not_before).toEqual(at(1_000));
  });
});

test('people are shown what was counted, since when, and when the next probe may be', async () => {
  const shownAt = async (ms: number) => (await listBreakers(db, at(ms))).find((breaker) => breaker.name === name);
  await record(0, { ok: 3, failed: 9 });
  expect(await shownAt(0)).toMatchObject({ state: 'closed', since: at(0), failureShare: 0.75, nextProbeAt: null });
  await opensAt(1_000);
  await holdOff(db, name, 120_000, at(1_000));
  expect(await shownAt(2_000)).toMatchObject({
    state: 'open',
    since: at(1_000),
    openUntil: at(61_000),
    nextProbeAt: at(121_000),
    reason: 'failure_ratio',
    evidence: { ok: 3, failed: 9 },
    failureShare: null,
  });
  await acquireLease(db, { name, replica: 'r', lease: 'l' }, at(121_000));
  expect(await shownAt(121_000)).toMatchObject({ state: 'half_open', nextProbeAt: at(121_000) });
  const trip = {
    commandId: name,
    dependency: name,
    verb: 'trip',
    ttlMs: 5_000,
    reason: ' on the phone ',
    actor: 'ann',
  };
  await commandBreaker(db, trip as BreakerCommand, at(122_000));
  const tripped = { state: 'forced_open', forcedUntil: at(127_000), nextProbeAt: at(127_000), note: 'on the phone' };
  expect(await shownAt(122_000)).toMatchObject({ ...tripped, reason: 'trip', actor: 'ann' });
});

test('a command for a breaker that is not there is refused, and leaves no trace', async () => {
  const command = { commandId: name, dependency: 'provider:nobody', verb: 'trip', reason: 'x', actor: 'ann' } as const;
  expect(await commandBreaker(db, command)).toEqual({ outcome: 'refused', why: 'unknown_breaker', replayed: false });
  expect(await commandBreaker(db, { ...command, dependency: name, reason: '' })).toMatchObject({ outcome: 'refused' });
  expect(await db.selectFrom('breaker_command').selectAll().where('command_id', '=', name).execute()).toEqual([]);
});

describe('a transition made by hand', () => {
  test('is refused without a new epoch, and with another than the next', async () => {
    const set = (text: string) => sql`update breaker set ${sql.raw(text)} where name = ${name}`.execute(db);
    await expect(set(`state = 'forced_open'`)).rejects.toThrow('without a new epoch');
    await expect(set(`state = 'forced_open', epoch = epoch + 2`)).rejects.toThrow('after epoch 1 comes 2, not 3');
    await expect(set(`epoch = epoch - 1`)).rejects.toThrow('after epoch 1 comes 2');
  });

  test('is written down like any other', async () => {
    await sql`update breaker set state = 'forced_open', epoch = epoch + 1, reason = 'psql', actor = 'dba' where name = ${name}`.execute(
      db,
    );
    const rows = await db.selectFrom('breaker_transition').selectAll().where('name', '=', name).execute();
    expect(rows).toMatchObject([
      { epoch: 2, from_state: 'closed', to_state: 'forced_open', reason: 'psql', actor: 'dba' },
    ]);
  });
});

test('probes that succeeded are enough when the settings ask for fewer meanwhile', async () => {
  await record(0, { failed: 10 });
  await opensAt(0);
  for (const lease of ['a', 'b']) {
    const probe = await acquireLease(db, { name, replica: 'r', lease }, at(60_000));
    await reportLease(db, probe!, 'ok', at(60_000));
  }
  await setUp({ probes: 2, closeAfter: 2 });
  expect(await acquireLease(db, { name, replica: 'r', lease: 'c' }, at(60_000))).toBeNull();
  expect(await tick(db, at(60_000))).toContain(name);
  expect(await readRow()).toMatchObject({ state: 'closed', reason: 'probes_ok' });
});
