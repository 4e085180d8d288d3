import { beforeAll, describe, expect, test } from 'vitest';
import {
  checkConservation,
  countEventsForReal,
  findConservationDifference,
  readConservation,
} from '../../src/ledger/conservation-query.ts';
import { eventRow, seedEvent, seedRefusal } from '../api/seed.ts';
import { createTestDatabase } from '../database.ts';

const { db, pool } = await createTestDatabase();

const SIX = {
  received: 10,
  stored: 6,
  duplicate: 3,
  refused: 1,
  applied: 1,
  ignored: 1,
  waiting: 2,
  dead: 1,
  overridden: 1,
};

beforeAll(async () => {
  await db
    .insertInto('event')
    .values([
      eventRow({ state: 'pending' }),
      eventRow({ state: 'retrying' }),
      eventRow({ state: 'applied', conflicts: 2 }),
      eventRow({ state: 'ignored' }),
      eventRow({ state: 'dead', reason: 'permanent' }),
      eventRow({ state: 'overridden' }),
    ])
    .execute();
  await seedRefusal(db);
  // What intake counts by itself: six stored, three duplicates, one refusal.
  await pool.query('update counter set received = 7, duplicate = 1 where shard = 3');
  await pool.query('update counter set received = 3, duplicate = 2, refused = 1 where shard = 60');
});

describe('the counters', () => {
  test('are summed over all shards, a processing event counts as waiting, and they balance', async () => {
    expect(await readConservation(db)).toEqual({ balanced: true, ...SIX });
  });

  test('are zero and balanced in an empty ledger', async () => {
    await withCountersRestored(async () => {
      await pool.query('truncate counter');
      await pool.query('insert into counter (shard) values (0)');
      const { balanced, received, stored } = await readConservation(db);
      expect({ balanced, received, stored }).toEqual({ balanced: true, received: 0, stored: 0 });
    });
  });

  test('do not balance when something received is nowhere', async () => {
    await withCountersRestored(async () => {
      await pool.query('update counter set received = received + 1 where shard = 9');
      expect(await readConservation(db)).toEqual({ balanced: false, ...SIX, received: 11 });
    });
  });
});

describe('the hourly check', () => {
  test('finds no difference when the counters say what the rows say, and tells how much it looked at', async () => {
    expect(await checkConservation(db)).toEqual({
      balanced: true,
      differences: [],
      checked: { events: 6, refusals: 1 },
    });
    expect(await findConservationDifference(db)).toEqual([]);
  });

  test('finds a counter that drifted although the sums still balance', async () => {
    await withCountersRestored(async () => {
      await pool.query('update counter set applied = applied + 1, dead = dead - 1 where shard = 0');
      expect((await readConservation(db)).balanced).toBe(true);
      expect(await findConservationDifference(db)).toEqual([
        { what: 'applied', counted: 2, found: 1 },
        { what: 'dead', counted: 0, found: 1 },
      ]);
    });
  });

  test('counts every row once, however the table is cut into ranges of blocks', async () => {
    const many = Array.from({ length: 400 }, () => eventRow({ state: 'ignored' }));
    await db.insertInto('event').values(many).execute();
    const blocks = await pool.query(`select pg_relation_size('event') / 8192 as n`);
    expect(blocks.rows[0].n).toBeGreaterThan(10);
    const whole = await countEventsForReal(db);
    expect(whole).toEqual({
      stored: 406,
      waiting: 2,
      applied: 1,
      ignored: 401,
      dead: 1,
      overridden: 1,
      storedRefusals: 1,
      conflicts: 2,
    });
    expect(await countEventsForReal(db, { chunkBlocks: 1 })).toEqual(whole);
    expect(await countEventsForReal(db, { chunkBlocks: 7 })).toEqual(whole);
  });

  test('sees one snapshot: events that arrive and move while it reads make no difference', async () => {
    const busy = moveEventsUntil();
    try {
      for (let i = 0; i < 20; i++) {
        expect((await checkConservation(db, { chunkBlocks: 1 })).differences.filter(isCountOfRows)).toEqual([]);
      }
      expect(busy.moved()).toBeGreaterThan(0);
    } finally {
      await busy.stop();
    }
  });

  test('finds an event stored behind the triggers’ back', async () => {
    const before = (await readConservation(db)).stored;
    await pool.query(`alter table event disable trigger "stored events are counted"`);
    await seedEvent(db, { state: 'ignored' });
    const { balanced, differences } = await checkConservation(db);
    expect(balanced).toBe(false);
    expect(differences).toContainEqual({ what: 'stored', counted: before, found: before + 1 });
    expect(differences.map((difference) => difference.what)).toContain('ignored');
    expect(differences.map((difference) => difference.what)).not.toContain('applied');
  });
});

/** The seeded rows are inserted without intake, which alone counts `received`; only row counts can be compared here. */
function isCountOfRows(difference: { what: string }): boolean {
  return !difference.what.startsWith('received');
}

function moveEventsUntil(): { moved: () => number; stop: () => Promise<void> } {
  let going = true;
  let moved = 0;
  const work = (async () => {
    while (going) {
      const id = await seedEvent(db, { state: 'pending' });
      await db.updateTable('event').set({ state: 'applied' }).where('id', '=', id).execute();
      moved++;
    }
  })();
  return {
    moved: () => moved,
    stop: async () => {
      going = false;
      await work;
    },
  };
}

/** Puts the counters back, so that the tests do not see each other's damage. */
async function withCountersRestored(work: () => Promise<void>): Promise<void> {
  const before = await pool.query('select * from counter');
  try {
    await work();
  } finally {
    await pool.query('truncate counter');
    for (const row of before.rows) {
      await pool.query(
        'insert into counter values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)',
        Object.values(row) as number[],
      );
    }
  }
}
