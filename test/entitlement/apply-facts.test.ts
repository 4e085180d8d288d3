import fc from 'fast-check';
import { expect, test } from 'vitest';
import { applyFacts } from '../../src/entitlement/apply-facts.ts';
import type { FactSource } from '../../src/entitlement/fact-source.ts';
import type { FactDraft } from '../../src/ledger/payment-event.ts';
import { createTestDatabase } from '../database.ts';

const { db } = await createTestDatabase();
let run = 0;
let nextId = 1;

const day = (n: number) => new Date(Date.UTC(2026, 0, n));

function event(facts: FactDraft[], over: Partial<FactSource> = {}): FactSource {
  return {
    provider: 'acme',
    id: nextId++,
    kind: 'payment_succeeded',
    transactionId: `tx${run}`,
    subscriptionId: null,
    userId: `user${run}`,
    amountMinor: 1999,
    currency: 'EUR',
    payerCountry: null,
    plan: null,
    occurredAt: day(1),
    receivedAt: day(2),
    facts: JSON.parse(JSON.stringify(facts)),
    ...over,
  };
}

const paid = (end: number | null = null, start: number | null = null): FactDraft => ({
  type: 'paid',
  effect: 'capture',
  periodEnd: end === null ? null : day(end),
  periodStart: start === null ? null : day(start),
});

/** A checkout that knows no period, the invoice that does, a note of the plan, a refund in part, a dispute opened and won. */
const story = (): FactSource[] => [
  event([paid()], { subscriptionId: `sub${run}`, occurredAt: day(2) }),
  event([paid(20, 1)], { occurredAt: day(1) }),
  event([paid(25)], { plan: 'team', userId: null, occurredAt: day(3) }),
  event([{ type: 'refunded', effect: 'refund:r1', amountMinor: 500, cumulative: false }], {
    userId: null,
    kind: 'payment_refunded',
  }),
  event([{ type: 'refunded', effect: 'refund_total:500', amountMinor: 500, cumulative: true }], {
    kind: 'payment_refunded',
  }),
  event([{ type: 'disputed', effect: 'dispute:d1:opened', disputeId: 'd1' }], { userId: null, occurredAt: day(5) }),
  event([{ type: 'dispute_won', effect: 'dispute:d1:won', disputeId: 'd1' }], { occurredAt: day(6) }),
  event([{ type: 'canceled', effect: 'cancel:24', cancelAt: day(24) }], {
    transactionId: null,
    subscriptionId: `sub${run}`,
    kind: 'subscription_canceled',
    occurredAt: day(7),
  }),
];

const apply = (events: FactSource[]) =>
  db.transaction().execute((trx) => applyFacts(trx, events, { team: ['export'] }));

async function outcome() {
  const rows = await db
    .selectFrom('entitlement')
    .select(['feature', 'since', 'until', 'revoked'])
    .where('user_id', '=', `user${run}`)
    .orderBy('feature')
    .execute();
  // What one order granted for a moment, before the plan was told, is listed as had once; what counts is what is in force.
  return rows.filter((row) => !row.revoked);
}

test('every order and every grouping of a transaction’s events ends in the same entitlement', async () => {
  const expected = [{ feature: 'export', since: day(1), until: day(24), revoked: false }];
  await fc.assert(
    fc.asyncProperty(
      fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7], { minLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 8, maxLength: 8 }),
      async (order, sizes) => {
        run += 1;
        const events = story();
        const shuffled = order.map((i) => events[i]!);
        for (const size of sizes) if (shuffled.length > 0) await apply(shuffled.splice(0, size));
        if (shuffled.length > 0) await apply(shuffled);
        expect(await outcome()).toEqual(expected);
      },
    ),
    { numRuns: 40 },
  );
}, 60_000);

test('applying the same events again changes nothing, not even the revision', async () => {
  run += 1;
  const events = story();
  await apply(events);
  const before = await db.selectFrom('entitlement').selectAll().where('user_id', '=', `user${run}`).execute();
  await apply(events);
  expect(await db.selectFrom('entitlement').selectAll().where('user_id', '=', `user${run}`).execute()).toEqual(before);
});

test('another amount for the same capture is a contradiction, in one batch and in two, and overwrites nothing', async () => {
  run += 1;
  const first = event([paid()]);
  const other = event([paid(20)], { amountMinor: 2999 });
  const { results } = await apply([first, other]);
  expect(results.map((result) => result.outcome)).toEqual(['folded', 'contradiction']);
  expect((await apply([other])).results[0]).toEqual({ outcome: 'contradiction', family: 'amount mismatch' });
  const facts = await db
    .selectFrom('fact')
    .select(['amount_minor', 'detail'])
    .where('subject', '=', `tx${run}`)
    .execute();
  expect(facts).toEqual([{ amount_minor: 1999, detail: null }]);
});

test('another user for the same payment is a contradiction, and the payment stays whose it was', async () => {
  run += 1;
  await apply([event([paid()])]);
  const { results } = await apply([event([paid()], { userId: 'somebody else' })]);
  expect(results).toEqual([{ outcome: 'contradiction', family: 'user mismatch' }]);
});

test('a refund that comes before its payment is kept, and ends the access the payment would have given', async () => {
  run += 1;
  const refund = event([{ type: 'refunded', effect: 'refund:all', amountMinor: null, cumulative: false }], {
    userId: null,
  });
  expect((await apply([refund])).results).toEqual([{ outcome: 'kept' }]);
  await apply([event([paid()])]);
  const [row] = await db.selectFrom('entitlement').select('revoked').where('user_id', '=', `user${run}`).execute();
  expect(row).toEqual({ revoked: true });
});

test('a renewal that names only its subscription finds its user there', async () => {
  run += 1;
  await apply([event([paid(10)], { subscriptionId: `sub${run}` })]);
  const renewal = event([paid(20)], {
    transactionId: `tx${run}-2`,
    subscriptionId: `sub${run}`,
    userId: null,
    occurredAt: day(10),
  });
  expect((await apply([renewal])).results).toEqual([{ outcome: 'folded', userId: `user${run}` }]);
});

test('a new payment is folded with what was paid before, and with what else its event says', async () => {
  run += 1;
  await apply([event([paid(20, 1)])]);
  const renewed = event(
    [paid(40, 20), { type: 'refunded', effect: 'refund:part', amountMinor: 1, cumulative: false }],
    {
      transactionId: `tx${run} renewed`,
      occurredAt: day(20),
    },
  );
  await apply([renewed]);
  expect(await outcome()).toEqual([{ feature: 'premium', since: day(1), until: day(40), revoked: false }]);
});

test('a new payment without a time of its own has been paid when the first of its events came', async () => {
  run += 1;
  await apply([
    event([paid()], { occurredAt: null, receivedAt: day(5) }),
    event([{ type: 'disputed', effect: 'dispute:d1:opened', disputeId: 'd1' }], { receivedAt: day(3) }),
    event([{ type: 'dispute_won', effect: 'dispute:d1:won', disputeId: 'd1' }], {
      occurredAt: day(6),
      receivedAt: day(6),
    }),
  ]);
  expect(await outcome()).toEqual([{ feature: 'premium', since: day(3), until: null, revoked: false }]);
});
