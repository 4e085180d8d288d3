import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { claimEvents } from '../../src/delivery/claim-store.ts';
import { readMalformed } from '../../src/delivery/read-again.ts';
import type { PaymentEvent } from '../../src/ledger/payment-event.ts';
import { createTestDatabase } from '../database.ts';
import { insertEvent } from '../seed.ts';

const { db } = await createTestDatabase();

const READING: PaymentEvent = {
  dedupKey: 'evt_1',
  kind: 'payment_succeeded',
  providerType: 'paid',
  transactionId: 'tx_1',
  subscriptionId: null,
  userId: 'anna',
  amountMinor: 999,
  currency: 'EUR',
  payerCountry: null,
  plan: null,
  occurredAt: null,
  facts: [],
};
const readable = async () => ({ outcome: 'event', event: READING }) as const;
const unreadable = async () => ({ outcome: 'malformed', message: 'no JSON' }) as const;

/** Malformed, and claimed by a worker because somebody redrove it. */
async function claimMalformed() {
  await db.deleteFrom('claim').execute();
  await db.updateTable('event').set({ state: 'ignored' }).where('state', '=', 'pending').execute();
  const { id } = await insertEvent(db, { kind: 'unknown', userId: null, transactionId: null });
  await db.updateTable('event').set({ error_family: 'malformed' }).where('id', '=', id).execute();
  const [event] = await claimEvents(db, { limit: 1, leaseMs: 30_000, busyUsers: [] });
  return event!;
}

const readRow = (id: number) =>
  db
    .selectFrom('event')
    .select(['kind', 'user_id', 'transaction_id', 'error_family'])
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
const timesFoundByTransaction = async (id: number) =>
  (await db.selectFrom('event_of_transaction').select('event_id').where('event_id', '=', id).execute()).length;
const isFoundByTransaction = async (id: number) => (await timesFoundByTransaction(id)) > 0;

test('what can be read now is written down, and found by its transaction', async () => {
  const event = await claimMalformed();
  expect(await readMalformed(db, event, readable)).toMatchObject({ userId: 'anna', errorFamily: null });
  expect(await readRow(event.id)).toEqual({
    kind: 'payment_succeeded',
    user_id: 'anna',
    transaction_id: 'tx_1',
    error_family: null,
  });
  expect(await isFoundByTransaction(event.id)).toBe(true);
});

test('what its transaction led to already is noted once', async () => {
  const event = await claimMalformed();
  await sql`insert into event_of_transaction values (transaction_key('tx_1'), ${event.id})`.execute(db);
  await readMalformed(db, event, readable);
  expect(await timesFoundByTransaction(event.id)).toBe(1);
});

test('what still cannot be read stays as it is', async () => {
  const event = await claimMalformed();
  expect(await readMalformed(db, event, unreadable)).toBeNull();
  expect(await readRow(event.id)).toMatchObject({ kind: 'unknown', error_family: 'malformed' });
});

test.each([
  ['is gone', { end: true }],
  ['holds other events', { end: false }],
])('nothing is written under a claim that %s', async (_, { end }) => {
  const event = await claimMalformed();
  if (end) await db.deleteFrom('claim').execute();
  else
    await db
      .updateTable('claim')
      .set({ events: [event.id + 1] })
      .execute();
  await readMalformed(db, event, readable);
  expect(await readRow(event.id)).toMatchObject({ kind: 'unknown', user_id: null, error_family: 'malformed' });
  expect(await isFoundByTransaction(event.id)).toBe(false);
});
