import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { countPartitionsAhead, createPartitions } from '../../src/ledger/partition-store.ts';
import { createTestDatabase } from '../database.ts';

const { db } = await createTestDatabase();

test('a month’s partition is made beside a backup that reads the payloads, and holds up no webhook', async () => {
  const ahead = await countPartitionsAhead(db);
  await db.transaction().execute(async (backup) => {
    await sql`select count(*) from payload`.execute(backup);
    await db.transaction().execute(async (trx) => {
      await sql`set local lock_timeout = '500ms'`.execute(trx);
      expect(await createPartitions(trx, ahead + 2)).toBe(2);
    });
  });
  expect(await countPartitionsAhead(db)).toBe(ahead + 2);
  expect(await createPartitions(db, ahead + 2)).toBe(0);
});

test('replicas that make the same partitions at once all come to their end', async () => {
  const ahead = await countPartitionsAhead(db);
  const made = await Promise.all(Array.from({ length: 4 }, () => createPartitions(db, ahead + 3)));
  expect(made.reduce((sum, one) => sum + one)).toBe(3);
  expect(await countPartitionsAhead(db)).toBe(ahead + 3);
});
