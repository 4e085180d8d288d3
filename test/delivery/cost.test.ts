import { randomUUID } from 'node:crypto';
import { type Kysely, sql, type Transaction } from 'kysely';
import { expect, test } from 'vitest';
import { reclaimExpired } from '../../src/delivery/claim-store.ts';
import { learnUsers } from '../../src/entitlement/fact-store.ts';
import type { Schema } from '../../src/platform/schema.ts';
import { createTestDatabase } from '../database.ts';
import { insertEvent } from '../seed.ts';

/** What is done again and again may not cost more the more there ever was: the server itself counts the rows it reads. */

const { db } = await createTestDatabase();

async function rowsRead(table: string, work: (trx: Transaction<Schema>) => Promise<unknown>): Promise<number> {
  return db.transaction().execute(async (trx) => {
    const before = await countRowsRead(trx, table);
    await work(trx);
    return (await countRowsRead(trx, table)) - before;
  });
}

async function countRowsRead(trx: Kysely<Schema>, table: string): Promise<number> {
  const { rows } = await sql<{ read: number }>`
    select (seq_tup_read + coalesce(idx_tup_fetch, 0))::int as read from pg_stat_xact_user_tables where relname = ${table}`.execute(
    trx,
  );
  return rows[0]!.read;
}

test('looking for lost leases reads what waits, not what was ever stored', async () => {
  await sql`
    insert into event (provider, dedup_key, body_hash, kind, received_at, due_at, state)
    select 'acme', 'old' || i, '\\x00', 'unknown', now(), now(), 'applied' from generate_series(1, 20000) i`.execute(
    db,
  );
  await sql`analyze event`.execute(db);
  const lost = await insertEvent(db);
  await db
    .insertInto('claim')
    .values({ id: randomUUID(), until: new Date(0), events: [lost.id] })
    .execute();
  expect(await rowsRead('event', async (trx) => expect(await reclaimExpired(trx)).toBe(1))).toBeLessThan(100);
});

test('telling whose a payment is reads its own facts, not those of all payments that nobody claimed', async () => {
  const insertUnclaimed = (from: number, subscription: string | null) =>
    sql`
      insert into fact (provider, subject, effect, type, event_id, transaction_id, subscription_id, received_at)
      select 'acme', 'tx' || i, 'capture', 'paid', i, 'tx' || i, ${subscription}::text || i, now()
      from generate_series(${from}::int, ${from}::int + 9999) i`.execute(db);
  await insertUnclaimed(1, null);
  await insertUnclaimed(10_001, 'sub');
  await sql`analyze fact`.execute(db);
  const known = [
    { provider: 'acme', transactionId: 'tx7', subscriptionId: null, userId: 'ann' },
    { provider: 'acme', transactionId: null, subscriptionId: 'sub10008', userId: 'ben' },
    { provider: 'acme', transactionId: 'tx-unheard-of', subscriptionId: 'sub-unheard-of', userId: 'zoe' },
  ];
  let learnt: Awaited<ReturnType<typeof learnUsers>> = [];
  const byUser = (a: { userId: string }, b: { userId: string }) => (a.userId < b.userId ? -1 : 1);
  const read = await rowsRead('fact', async (trx) => {
    learnt = await learnUsers(trx, known);
  });
  expect(learnt.toSorted(byUser)).toEqual([
    { provider: 'acme', transactionId: 'tx7', userId: 'ann' },
    { provider: 'acme', transactionId: 'tx10008', userId: 'ben' },
  ]);
  expect(read).toBeLessThan(100);
});
