import { createHash, randomUUID } from 'node:crypto';
import type { Insertable } from 'kysely';
import type { Db } from '../../src/platform/database.ts';
import type { Schema } from '../../src/platform/schema.ts';

/** Rows as delivery leaves them, so that reading can be tested apart from writing. */

export type EventRow = Insertable<Schema['event']>;

export const RECEIVED_AT = new Date('2026-03-01T10:00:00.000Z');

export function eventRow(row: Partial<EventRow> = {}): EventRow {
  const dedupKey = row.dedup_key ?? `evt_${randomUUID()}`;
  return {
    provider: 'acme',
    dedup_key: dedupKey,
    body_hash: createHash('sha256').update(dedupKey).digest(),
    kind: 'payment_succeeded',
    provider_type: 'payment.updated',
    transaction_id: 'tx456',
    subscription_id: null,
    user_id: 'user123',
    amount_minor: 999,
    currency: 'EUR',
    payer_country: null,
    plan: null,
    facts: JSON.stringify([{ type: 'paid', effect: 'capture', periodEnd: null, periodStart: null }]),
    country: null,
    received_at: RECEIVED_AT,
    state: 'pending',
    reason: null,
    error_family: null,
    due_at: RECEIVED_AT,
    ticket_id: null,
    redrive_id: null,
    settled_by: null,
    settled_reason: null,
    ...row,
  };
}

export async function seedEvent(db: Db, row: Partial<EventRow> = {}): Promise<number> {
  const { id } = await db.insertInto('event').values(eventRow(row)).returning('id').executeTakeFirstOrThrow();
  return id;
}

export async function seedAttempt(
  db: Db,
  row: Partial<Insertable<Schema['attempt']>> & { event_id: number; n: number },
): Promise<void> {
  await db
    .insertInto('attempt')
    .values({
      provider: 'acme',
      started_at: RECEIVED_AT,
      duration_ms: 12,
      dependency: 'activation',
      outcome: 'transient',
      http_status: 503,
      error_code: null,
      error: 'HTTP 503',
      delay_ms: 1043,
      ...row,
    })
    .execute();
}

export async function seedPayment(db: Db, row: Partial<Insertable<Schema['payment']>> = {}): Promise<void> {
  await db
    .insertInto('payment')
    .values({
      provider: 'acme',
      transaction_id: 'tx456',
      user_id: 'user123',
      subscription_id: null,
      amount_minor: 999,
      currency: 'EUR',
      payer_country: 'DE',
      first_received_at: RECEIVED_AT,
      ...row,
    })
    .execute();
}

export async function seedFact(db: Db, row: Partial<Insertable<Schema['fact']>> & { event_id: number }): Promise<void> {
  const transactionId = row.transaction_id === undefined ? 'tx456' : row.transaction_id;
  await db
    .insertInto('fact')
    .values({
      provider: 'acme',
      subject: transactionId ?? `subscription:${row.subscription_id}`,
      effect: 'capture',
      type: 'paid',
      transaction_id: transactionId,
      subscription_id: null,
      user_id: 'user123',
      amount_minor: 999,
      currency: 'EUR',
      plan: null,
      at: RECEIVED_AT,
      received_at: RECEIVED_AT,
      detail: null,
      ...row,
    })
    .execute();
}

export async function seedEntitlement(db: Db, row: Partial<Insertable<Schema['entitlement']>> = {}): Promise<void> {
  await db
    .insertInto('feature')
    .values({ name: row.feature ?? 'premium' })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  await db
    .insertInto('entitlement')
    .values({
      user_id: 'user123',
      feature: 'premium',
      since: RECEIVED_AT,
      until: null,
      revoked: false,
      revision: 1,
      ...row,
    })
    .execute();
}

export async function seedTicket(db: Db, row: Partial<Insertable<Schema['ticket']>> = {}): Promise<number> {
  const { id } = await db
    .insertInto('ticket')
    .values({
      fingerprint: `delivery|acme|activation|${randomUUID()}`,
      stage: 'delivery',
      source: 'acme',
      dependency: 'activation',
      error_family: 'HTTP 503',
      severity: 'P2',
      owner_id: null,
      owner_name: null,
      merged_into: null,
      countries: '{}',
      sample_transaction: null,
      first_failure_at: RECEIVED_AT,
      last_failure_at: RECEIVED_AT,
      resolved_by: null,
      resolved_reason: null,
      ...row,
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  return id;
}

export async function seedRefusal(db: Db, row: Partial<Insertable<Schema['refusal']>> = {}): Promise<void> {
  await db
    .insertInto('refusal')
    .values({
      provider: 'acme',
      cause: 'wrong_secret',
      detail: null,
      country: null,
      received_at: RECEIVED_AT,
      age_seconds: null,
      header_names: [],
      secret_fingerprints: [],
      body_hash: Buffer.alloc(32),
      body_bytes: 0,
      sealed: null,
      ticket_id: null,
      event_provider: null,
      event_id: null,
      ...row,
    })
    .execute();
}
