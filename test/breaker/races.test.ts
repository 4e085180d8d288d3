import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { beforeEach, describe, expect, test } from 'vitest';
import { acquireLease, ensureBreaker, evaluate, recordResults, reportLease } from '../../src/breaker/breaker-store.ts';
import { type BreakerCommand, commandBreaker } from '../../src/breaker/command.ts';
import { completeSettings, DEFAULT_BREAKER } from '../../src/breaker/settings.ts';
import type { Db } from '../../src/platform/database.ts';
import { createTestDatabase } from '../database.ts';

/**
 * Each rule that keeps replicas from stepping on each other, in rounds in which they truly meet; and beside it the design that looks right
 * and is not, which must fail here, or the rounds prove nothing.
 */

const { db } = await createTestDatabase();
const REPLICAS = 8;
const ROUNDS = 10;
const settings = completeSettings({ ...DEFAULT_BREAKER, openMs: 50 }, 10_000);

let name = '';
let names = 0;
beforeEach(newBreaker);

async function newBreaker(): Promise<void> {
  names += 1;
  name = `provider:${names}`;
  await ensureBreaker(db, name, settings);
}

/** All of `works` at once on one breaker: its row is locked until every one of them waits for it. */
async function meet<T>(works: (() => Promise<T>)[]): Promise<T[]> {
  const { promise: locked, resolve: isLocked } = Promise.withResolvers<void>();
  const { promise: letGo, resolve: go } = Promise.withResolvers<void>();
  const holding = db.transaction().execute(async (trx) => {
    await trx.selectFrom('breaker').select('name').where('name', '=', name).forUpdate().execute();
    isLocked();
    await letGo;
  });
  await locked;
  const results = Promise.all(works.map((work) => work()));
  while ((await countWaiting()) < works.length) await delay(2);
  go();
  await holding;
  return results;
}

async function countWaiting(): Promise<number> {
  const { rows } = await sql<{ waiting: number }>`
    select count(*)::int as waiting from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`.execute(db);
  return rows[0]!.waiting;
}

async function inRounds<T>(round: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    await newBreaker();
    results.push(await round());
  }
  return results;
}

const times = <T>(count: number, make: (i: number) => T) => Array.from({ length: count }, (_, i) => make(i));
const failures = (failed: number, epoch = 1) => [{ name, epoch, ok: 0, failed, ageMs: 0 }];

async function open(): Promise<void> {
  await recordResults(db, 'r', failures(10));
  await evaluate(db, name, 'r');
}

async function openAndDue(): Promise<void> {
  await open();
  await sql`update breaker set open_until = clock_timestamp() where name = ${name}`.execute(db);
}

function readBreaker() {
  return db
    .selectFrom('breaker')
    .select(['state', 'epoch', 'open_streak'])
    .where('name', '=', name)
    .executeTakeFirstOrThrow();
}

describe('of eight replicas that ask for a probe at the same moment exactly three get one', () => {
  test('decided on the columns of the locked row', async () => {
    const granted = await inRounds(async () => {
      await openAndDue();
      const leases = await meet(
        times(REPLICAS, (i) => () => acquireLease(db, { name, replica: `r${i}`, lease: `${i}` })),
      );
      expect((await readBreaker()).epoch).toBe(3);
      return leases.filter(Boolean).length;
    });
    expect(granted).toEqual(times(ROUNDS, () => 3));
  });

  test('control: locking the row and counting another table in the same statement lets too many through', async () => {
    await sql`create table probe_lease (name text, lease text)`.execute(db);
    const acquireByCounting = async (i: number) => {
      const { numAffectedRows } = await sql`
        with locked as materialized (select name from breaker where name = ${name} for update)
        insert into probe_lease select locked.name, ${`${i}`} from locked
        where (select count(*) from probe_lease p where p.name = locked.name) < 3`.execute(db);
      return Number(numAffectedRows);
    };
    const granted = await inRounds(async () => {
      const counts = await meet(times(REPLICAS, (i) => () => acquireByCounting(i)));
      return counts.reduce((sum, count) => sum + count, 0);
    });
    expect(granted.filter((count) => count > 3).length).toBeGreaterThan(ROUNDS / 2);
  });
});

describe('of eight replicas that see failures at the same moment, together enough, exactly one opens the breaker', () => {
  /** Two failures each: no replica alone reaches the ten. */
  const transitions = async () => (await readBreaker()).epoch - 1;

  test('counts committed first, evaluated after', async () => {
    const opened = await inRounds(async () => {
      const recordThenEvaluate = async (i: number) => {
        await recordResults(db, `r${i}`, failures(2));
        return evaluate(db, name, `r${i}`);
      };
      const seen = await Promise.all(times(REPLICAS, recordThenEvaluate));
      expect(seen.filter((evaluation) => evaluation?.opened)).toHaveLength(1);
      return transitions();
    });
    expect(opened).toEqual(times(ROUNDS, () => 1));
  });

  test('control: in one transaction they do not see each other, and nobody opens', async () => {
    const opened = await inRounds(async () => {
      const [recorded, evaluated] = [meeting(REPLICAS), meeting(REPLICAS)];
      const both = (i: number) =>
        db.transaction().execute(async (trx) => {
          await recordResults(trx as Db, `r${i}`, failures(2));
          await recorded();
          await evaluate(trx as Db, name, `r${i}`);
          await evaluated();
        });
      await Promise.all(times(REPLICAS, both));
      return transitions();
    });
    expect(opened).toEqual(times(ROUNDS, () => 0));
  });

  /** Resolves for everybody when `people` have come. */
  function meeting(people: number): () => Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    let missing = people;
    return () => {
      missing -= 1;
      if (missing === 0) resolve();
      return promise;
    };
  }
});

describe('what was thought out under an epoch changes nothing under the next', () => {
  test('eight evaluations of the same failures open once', async () => {
    await recordResults(db, 'r', failures(10));
    const seen = await meet(times(REPLICAS, (i) => () => evaluate(db, name, `r${i}`)));
    expect(seen.filter((evaluation) => evaluation?.opened)).toHaveLength(1);
    expect(await readBreaker()).toEqual({ state: 'open', epoch: 2, open_streak: 1 });
  });

  test('control: without the epoch they open eight times', async () => {
    await recordResults(db, 'r', failures(10));
    const evaluateWithoutEpoch = () =>
      sql`
        with seen as materialized (select sum(failed) as failed from breaker_bucket where name = ${name})
        update breaker b set state = 'open', epoch = b.epoch + 1, open_streak = b.open_streak + 1,
          open_until = clock_timestamp() + interval '1 minute'
        from seen where b.name = ${name} and seen.failed >= b.minimum_volume`.execute(db);
    await meet(times(REPLICAS, () => evaluateWithoutEpoch));
    expect(await readBreaker()).toEqual({ state: 'open', epoch: 9, open_streak: 8 });
  });

  test('after a reset the failures before it, and those that come late, do not open it again', async () => {
    await open();
    await commandBreaker(db, press('reset'));
    await recordResults(db, 'r', failures(10, 1));
    await evaluate(db, name, 'r');
    expect(await readBreaker()).toMatchObject({ state: 'closed', epoch: 3 });
  });

  test('control: counted without their epoch they open it again', async () => {
    await open();
    await commandBreaker(db, press('reset'));
    await sql`update breaker_bucket set epoch = (select epoch from breaker b where b.name = ${name}) where name = ${name}`.execute(
      db,
    );
    await evaluate(db, name, 'r');
    expect(await readBreaker()).toMatchObject({ state: 'open', epoch: 4 });
  });

  test('a probe of an earlier half-open time neither closes nor opens', async () => {
    const late = await earlierProbe();
    expect(await reportLease(db, late, 'fail')).toBeNull();
    expect(await reportLease(db, late, 'ok')).toBeNull();
    expect((await readBreaker()).state).toBe('half_open');
  });

  test('control: a report that asks for the state only opens it', async () => {
    await earlierProbe();
    const reportWithoutLease = sql`
      update breaker set state = 'open', epoch = epoch + 1, open_until = clock_timestamp() + interval '1 minute',
        leases = '{}', probes_ok = 0, probes_lost = 0
      where name = ${name} and state = 'half_open'`;
    await reportWithoutLease.execute(db);
    expect((await readBreaker()).state).toBe('open');
  });

  /** A probe still under way when another failed, and the breaker became half-open once more. */
  async function earlierProbe() {
    await openAndDue();
    const [late, failing] = [
      await acquireLease(db, { name, replica: 'a', lease: 'late' }),
      await acquireLease(db, { name, replica: 'b', lease: 'failing' }),
    ];
    await reportLease(db, failing!, 'fail');
    await sql`update breaker set open_until = clock_timestamp() where name = ${name}`.execute(db);
    await acquireLease(db, { name, replica: 'b', lease: 'next' });
    return late!;
  }
});

const press = (verb: BreakerCommand['verb'], more: Partial<BreakerCommand> = {}): BreakerCommand => ({
  commandId: `${name} ${verb}`,
  dependency: name,
  verb,
  reason: 'test',
  actor: 'ann',
  ...more,
});

describe('people who press at the same moment', () => {
  test('the same press, delivered eight times, acts once, and all get the same answer', async () => {
    const answers = await meet(times(REPLICAS, () => () => commandBreaker(db, press('reset'))));
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    for (const answer of answers) expect(answer).toMatchObject({ outcome: 'changed', to: 'closed', epoch: 2 });
    expect((await readBreaker()).epoch).toBe(2);
  });

  test('of two who saw the same state one acts, and the other is told who was quicker', async () => {
    const by = (actor: string) => press('reset', { actor, commandId: `${name} ${actor}`, seenEpoch: 1 });
    const answers = await meet([() => commandBreaker(db, by('ann')), () => commandBreaker(db, by('bob'))]);
    expect(answers.map(({ outcome }) => outcome).sort()).toEqual(['changed', 'stale']);
    const quicker = answers[0]!.outcome === 'changed' ? 'ann' : 'bob';
    expect(answers.find(({ outcome }) => outcome === 'stale')).toMatchObject({
      state: 'closed',
      epoch: 2,
      changedBy: quicker,
    });
  });

  test('control: who does not say what he saw acts as well', async () => {
    const by = (actor: string) => press('reset', { actor, commandId: `${name} ${actor}` });
    await meet([() => commandBreaker(db, by('ann')), () => commandBreaker(db, by('bob'))]);
    expect((await readBreaker()).epoch).toBe(3);
  });
});
