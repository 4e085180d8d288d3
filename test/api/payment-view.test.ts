import { randomUUID } from 'node:crypto';
import { Kysely, PostgresDialect } from 'kysely';
import { describe, expect, test } from 'vitest';
import { findEventView } from '../../src/api/event-view.ts';
import { findPaymentView, findPaymentViewsByTransaction } from '../../src/api/payment-view.ts';
import type { Db } from '../../src/platform/database.ts';
import type { Schema } from '../../src/platform/schema.ts';
import { createTestDatabase } from '../database.ts';
import {
  type EventRow,
  RECEIVED_AT,
  seedAttempt,
  seedEntitlement,
  seedEvent,
  seedFact,
  seedPayment,
  seedTicket,
} from './seed.ts';

const { db, pool } = await createTestDatabase();

const NOW = new Date('2026-03-01T10:05:00.000Z');
const later = (seconds: number) => new Date(RECEIVED_AT.getTime() + seconds * 1000);

describe('a payment', () => {
  test('is unknown until an event tells of it', async () => {
    expect(await findPaymentView(db, 'acme', 'tx_nobody', NOW)).toBe(null);
    expect(await findPaymentViewsByTransaction(db, 'tx_nobody', NOW)).toEqual([]);
  });

  test('is known as soon as one event is stored, though nothing was applied', async () => {
    const id = await seedEvent(db, { transaction_id: 'tx_fresh', dedup_key: 'evt_fresh' });
    expect(await findPaymentView(db, 'acme', 'tx_fresh', NOW)).toEqual({
      provider: 'acme',
      transactionId: 'tx_fresh',
      status: 'succeeded',
      amountMinor: 999,
      currency: 'EUR',
      userId: 'user123',
      country: null,
      events: [
        {
          id: `acme.${id}`,
          dedupKey: 'evt_fresh',
          kind: 'payment_succeeded',
          state: 'pending',
          reason: null,
          late: false,
          conflicts: 0,
          receivedAt: RECEIVED_AT,
          tries: 0,
          nextTryAt: RECEIVED_AT,
          attempts: [],
        },
      ],
      entitlements: [],
      ticket: null,
    });
  });

  test('of the same id at another provider is another payment', async () => {
    await seedEvent(db, { provider: 'acme', transaction_id: 'tx_shared' });
    await seedEvent(db, { provider: 'beta', transaction_id: 'tx_shared', amount_minor: 5 });
    await seedEvent(db, { provider: 'gamma', transaction_id: 'tx_other' });
    expect((await findPaymentView(db, 'beta', 'tx_shared', NOW))?.events).toHaveLength(1);
    expect(await findPaymentView(db, 'gamma', 'tx_shared', NOW)).toBe(null);
    const both = await findPaymentViewsByTransaction(db, 'tx_shared', NOW);
    expect(both.map((view) => [view.provider, view.amountMinor])).toEqual([
      ['acme', 999],
      ['beta', 5],
    ]);
  });

  test('shows its events in the order they came in, each with its own attempts in order', async () => {
    const transaction_id = 'tx_story';
    const second = await seedEvent(db, {
      transaction_id,
      received_at: later(60),
      kind: 'payment_refunded',
      facts: null,
    });
    const first = await seedEvent(db, { transaction_id, state: 'retrying', tries: 2, due_at: later(90) });
    await seedAttempt(db, { event_id: first, n: 2, http_status: null, error: 'timeout', delay_ms: 2100 });
    await seedAttempt(db, { event_id: first, n: 1 });
    await seedAttempt(db, { event_id: second, n: 1, outcome: 'ok', http_status: 200, error: null, delay_ms: null });
    await seedAttempt(db, { provider: 'beta', event_id: first, n: 1, error: 'of another provider' });
    const view = await findPaymentView(db, 'acme', transaction_id, NOW);
    expect(view?.events.map((event) => event.id)).toEqual([`acme.${first}`, `acme.${second}`]);
    expect(view?.events[0]).toMatchObject({ state: 'retrying', tries: 2, nextTryAt: later(90) });
    expect(view?.events[0]?.attempts).toEqual([
      {
        n: 1,
        startedAt: RECEIVED_AT,
        durationMs: 12,
        dependency: 'activation',
        outcome: 'transient',
        httpStatus: 503,
        error: 'HTTP 503',
        delayMs: 1043,
      },
      expect.objectContaining({ n: 2, httpStatus: null, error: 'timeout', delayMs: 2100 }),
    ]);
    expect(view?.events[1]?.attempts).toEqual([expect.objectContaining({ n: 1, outcome: 'ok', delayMs: null })]);
  });

  test('shows what its user has with the facts that explain it, and nothing of anybody else', async () => {
    const event_id = await seedEvent(db, { transaction_id: 'tx_paid', user_id: 'u_has', state: 'applied' });
    await seedPayment(db, { transaction_id: 'tx_paid', user_id: 'u_has', payer_country: 'DE' });
    await seedFact(db, { transaction_id: 'tx_paid', user_id: 'u_has', event_id });
    await seedEntitlement(db, { user_id: 'u_has', revision: 3 });
    await seedEntitlement(db, { user_id: 'u_else' });
    const view = await findPaymentView(db, 'acme', 'tx_paid', NOW);
    expect(view).toMatchObject({ country: 'DE', userId: 'u_has' });
    expect(view?.entitlements).toEqual([
      {
        feature: 'premium',
        active: true,
        since: RECEIVED_AT,
        until: null,
        revision: 3,
        because: [
          {
            provider: 'acme',
            transactionId: 'tx_paid',
            effect: 'capture',
            type: 'paid',
            at: RECEIVED_AT,
            event: `acme.${event_id}`,
          },
        ],
      },
    ]);
  });

  test('with an id no database could hold is unknown, and no error', async () => {
    expect(await findPaymentView(db, 'acme', 'a\0b', NOW)).toBe(null);
    expect(await findPaymentView(db, 'acme', 'a\ud800b', NOW)).toBe(null);
    expect(await findPaymentViewsByTransaction(db, 'a\0b', NOW)).toEqual([]);
  });

  test('is read in six queries, however many events and attempts it has', async () => {
    const ticket_id = await seedTicket(db);
    for (let i = 0; i < 5; i++) {
      const event_id = await seedEvent(db, { transaction_id: 'tx_long', user_id: 'u_has', ticket_id });
      for (const n of [1, 2, 3]) await seedAttempt(db, { event_id, n });
    }
    const queries = await countQueries((counted) => findPaymentView(counted, 'acme', 'tx_long', NOW));
    expect(queries).toBe(6);
  });
});

describe('an event', () => {
  const shown = async (row: Partial<EventRow>, heldUntil: Date | null = null) => {
    const id = await seedEvent(db, row);
    if (heldUntil)
      await db
        .insertInto('claim')
        .values({ id: randomUUID(), until: heldUntil, events: [id] })
        .execute();
    return findEventView(db, { provider: 'acme', id }, NOW);
  };

  test('that a worker holds at this moment is processing, and has no next try', async () => {
    const until = new Date(NOW.getTime() + 1);
    expect(await shown({ state: 'retrying' }, until)).toMatchObject({ state: 'processing', nextTryAt: null });
    expect(await shown({ state: 'pending' }, until)).toMatchObject({ state: 'processing', nextTryAt: null });
  });

  test('whose lease ran out is waiting again', async () => {
    const lost = { state: 'retrying', due_at: later(1) } as const;
    expect(await shown(lost, NOW)).toMatchObject({ state: 'retrying', nextTryAt: later(1) });
  });

  test('that is dead says why and has no next try', async () => {
    expect(await shown({ state: 'dead', reason: 'transient_exhausted', tries: 5 })).toMatchObject({
      state: 'dead',
      reason: 'transient_exhausted',
      tries: 5,
      nextTryAt: null,
    });
  });

  test('that was redriven has its budget again and keeps all its attempts', async () => {
    const id = await seedEvent(db, { state: 'pending', tries: 0, attempts: 2, due_at: NOW });
    await seedAttempt(db, { event_id: id, n: 1 });
    await seedAttempt(db, { event_id: id, n: 2, delay_ms: null });
    const view = await findEventView(db, { provider: 'acme', id }, NOW);
    expect(view).toMatchObject({ state: 'pending', reason: null, tries: 0, nextTryAt: NOW });
    expect(view?.attempts.map((attempt) => attempt.n)).toEqual([1, 2]);
  });

  test.each(['applied', 'ignored', 'overridden'] as const)(
    'that is %s has neither reason nor next try',
    async (state) => {
      expect(await shown({ state })).toMatchObject({ state, reason: null, nextTryAt: null });
    },
  );

  test('without a transaction can be asked for by its own id, with all that it told', async () => {
    const id = await seedEvent(db, {
      dedup_key: 'evt_alone',
      transaction_id: null,
      subscription_id: 'sub_1',
      kind: 'subscription_canceled',
      provider_type: 'subscription.canceled',
      amount_minor: null,
      currency: null,
      country: 'IE',
      late: true,
      state: 'applied',
    });
    expect(await findEventView(db, { provider: 'acme', id }, NOW)).toEqual({
      id: `acme.${id}`,
      dedupKey: 'evt_alone',
      kind: 'subscription_canceled',
      state: 'applied',
      reason: null,
      late: true,
      conflicts: 0,
      receivedAt: RECEIVED_AT,
      tries: 0,
      nextTryAt: null,
      attempts: [],
      provider: 'acme',
      providerType: 'subscription.canceled',
      transactionId: null,
      subscriptionId: 'sub_1',
      userId: 'user123',
      amountMinor: null,
      currency: null,
      country: 'IE',
      ticket: null,
    });
  });

  test('is unknown under another provider’s name', async () => {
    const id = await seedEvent(db);
    expect(await findEventView(db, { provider: 'beta', id }, NOW)).toBe(null);
  });
});

describe('the ticket of a payment', () => {
  const ticketOf = async (transactionId: string, provider = 'acme') =>
    (await findPaymentView(db, provider, transactionId, NOW))?.ticket;

  async function seedFailed(row: Partial<EventRow>): Promise<string> {
    const transaction_id = row.transaction_id ?? `tx_${randomUUID()}`;
    await seedEvent(db, { state: 'dead', reason: 'permanent', ...row, transaction_id });
    return transaction_id;
  }

  test('is the one its event is on, with the exact count of failures and its owner', async () => {
    const ticket_id = await seedTicket(db, { state: 'acknowledged', owner_id: 7, owner_name: 'Ada', failures: 5000 });
    expect(await ticketOf(await seedFailed({ ticket_id }))).toEqual({
      id: `T-${ticket_id}`,
      state: 'acknowledged',
      severity: 'P2',
      failures: 5000,
      owner: 'Ada',
    });
  });

  test('is the latest open one before any resolved one', async () => {
    const older = await seedTicket(db, { opened_at: later(1) });
    const newer = await seedTicket(db, { opened_at: later(2) });
    const resolved = await seedTicket(db, { state: 'resolved', opened_at: later(3), resolved_at: later(4) });
    const tx = await seedFailed({ ticket_id: newer });
    await seedFailed({ transaction_id: tx, ticket_id: older });
    await seedFailed({ transaction_id: tx, ticket_id: resolved });
    expect(await ticketOf(tx)).toMatchObject({ id: `T-${newer}`, state: 'open', owner: null });
  });

  test('is the one resolved last when none is open', async () => {
    const last = await seedTicket(db, { state: 'resolved', resolved_at: later(9) });
    const first = await seedTicket(db, { state: 'resolved', resolved_at: later(4) });
    const tx = await seedFailed({ ticket_id: last });
    await seedFailed({ transaction_id: tx, ticket_id: first });
    expect(await ticketOf(tx)).toMatchObject({ id: `T-${last}`, state: 'resolved' });
  });

  test('is the one that its own was merged into', async () => {
    const top = await seedTicket(db, { error_family: 'breaker' });
    const middle = await seedTicket(db, { state: 'merged', merged_into: top });
    const bottom = await seedTicket(db, { state: 'merged', merged_into: middle });
    expect(await ticketOf(await seedFailed({ ticket_id: bottom }))).toMatchObject({ id: `T-${top}`, state: 'open' });
  });

  test('is the conflict’s, also when the event had failed before by another cause', async () => {
    const provider = 'conflicted';
    const failed = await seedTicket(db, { source: provider, state: 'resolved', resolved_at: later(1) });
    const conflict = await seedTicket(db, {
      source: provider,
      stage: 'intake',
      error_family: 'conflict',
      severity: 'P3',
    });
    await seedTicket(db, { source: 'somebody else', stage: 'intake', error_family: 'conflict' });
    const tx = await seedFailed({ provider, state: 'applied', reason: null, ticket_id: failed, conflicts: 1 });
    expect(await ticketOf(tx, provider)).toMatchObject({ id: `T-${conflict}`, severity: 'P3' });
  });

  test('is not the conflict of another payment', async () => {
    const provider = 'half-conflicted';
    await seedTicket(db, { source: provider, stage: 'intake', error_family: 'conflict' });
    const tx = await seedFailed({ provider, state: 'applied', reason: null, conflicts: 0 });
    expect(await ticketOf(tx, provider)).toBe(null);
  });

  test('is not a later conflict’s when the payment’s own conflict was resolved', async () => {
    const provider = 'twice-conflicted';
    const conflict = { source: provider, stage: 'intake', error_family: 'conflict' } as const;
    const own = await seedTicket(db, { ...conflict, state: 'resolved', resolved_at: later(1) });
    await seedTicket(db, { ...conflict, opened_at: later(2) });
    const tx = await seedFailed({ provider, state: 'applied', reason: null, conflicts: 1, ticket_id: own });
    expect(await ticketOf(tx, provider)).toMatchObject({ id: `T-${own}`, state: 'resolved' });
  });
});

/** How many queries the work sends, but for what begins and ends its snapshot. */
async function countQueries(work: (counted: Db) => Promise<unknown>): Promise<number> {
  let queries = 0;
  const counted = new Kysely<Schema>({
    dialect: new PostgresDialect({ pool }),
    log: ({ query }) => void (/^\s*(select|with)/i.test(query.sql) && queries++),
  });
  await work(counted);
  return queries;
}
