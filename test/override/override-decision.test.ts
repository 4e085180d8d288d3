import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  findApprovalRefusal,
  findExceededLimit,
  findGlassRefusal,
  findRefusingRefusal,
  findWrongCustomer,
  findWrongEnd,
  findWrongParams,
  hashParams,
  type OverrideParams,
  type OverrideRow,
} from '../../src/override/override-decision.ts';

const NOW = new Date('2026-03-01T12:00:00Z');
const inMs = (ms: number) => new Date(NOW.getTime() + ms);
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

const params: OverrideParams = {
  userId: 'user123',
  feature: 'premium',
  until: inMs(7 * DAY),
  payment: { provider: 'acme', transactionId: 'tx456' },
  ticketId: 1001,
  reason: 'the webhook was refused',
  evidence: 'a receipt by mail',
};

const ANN = 1001;
const BEN = 1002;

function requested(over: Partial<OverrideRow> = {}): OverrideRow {
  return {
    ...params,
    id: 1,
    state: 'requested',
    paramsHash: hashParams(params),
    requestedBy: ANN,
    requestedAt: NOW,
    approveUntil: inMs(15 * MINUTE),
    breakGlass: false,
    reviewedBy: null,
    ...over,
  };
}

describe('the hash of what is asked for', () => {
  test.each<[string, Partial<OverrideParams>]>([
    ['the customer', { userId: 'user124' }],
    ['the feature', { feature: 'team' }],
    ['the end', { until: inMs(8 * DAY) }],
    ['the payment', { payment: { provider: 'acme', transactionId: 'tx457' } }],
    ['its provider', { payment: { provider: 'stripe', transactionId: 'tx456' } }],
    ['no payment', { payment: null }],
    ['the ticket', { ticketId: 1002 }],
    ['the reason', { reason: 'another' }],
    ['the evidence', { evidence: null }],
  ])('changes with %s', (_, changed) => {
    expect(hashParams({ ...params, ...changed })).not.toBe(hashParams(params));
  });

  test('never runs two parameters together', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), fc.string(), (a, b, c, d) => {
        fc.pre(a !== c || b !== d);
        const one = hashParams({ ...params, userId: a, feature: b });
        return one !== hashParams({ ...params, userId: c, feature: d });
      }),
    );
  });
});

describe('what may be asked for', () => {
  const FEATURES = ['premium', 'team'];
  test.each<[string, Partial<OverrideParams>, string | null]>([
    ['all is well', {}, null],
    ['no reason', { reason: '  ' }, 'reason_missing'],
    ['a feature nobody has', { feature: 'premuim' }, 'feature_unknown'],
    ['an end that has passed', { until: inMs(-1) }, 'until_past'],
    ['an end at once', { until: NOW }, 'until_past'],
    ['no time at all', { until: new Date(Number.NaN) }, 'until_past'],
    ['31 days', { until: inMs(31 * DAY) }, null],
    ['over 31 days', { until: inMs(31 * DAY + 1) }, 'until_too_far'],
    ['no customer', { userId: ' ' }, 'unreadable'],
    ['a customer that cannot be stored', { userId: 'a\0b' }, 'unreadable'],
    ['half a character', { reason: '\ud800' }, 'unreadable'],
    ['an id without end', { userId: 'x'.repeat(256) }, 'unreadable'],
  ])('%s', (_, changed, why) => {
    expect(findWrongParams({ ...params, ...changed }, FEATURES, NOW)).toBe(why);
  });

  test('any end within 31 days, and none outside', () => {
    fc.assert(
      fc.property(fc.integer({ min: -40 * DAY, max: 40 * DAY }), (ms) => {
        const isRight = ms > 0 && ms <= 31 * DAY;
        return (findWrongEnd(inMs(ms), NOW) === null) === isRight;
      }),
    );
  });

  test.each([
    [{ isKnown: true, isActive: false, hasOpenRequest: false }, false, null],
    [{ isKnown: true, isActive: true, hasOpenRequest: false }, true, 'already_active'],
    [{ isKnown: true, isActive: false, hasOpenRequest: true }, true, 'already_open'],
    [{ isKnown: false, isActive: false, hasOpenRequest: false }, false, 'customer_unconfirmed'],
    [{ isKnown: false, isActive: false, hasOpenRequest: false }, true, null],
  ])('a customer who is %o, typed again %s: %s', (standing, isConfirmed, why) => {
    expect(findWrongCustomer(standing, isConfirmed)).toBe(why);
  });

  test.each([
    [{ lastHour: 2, lastDay: 9 }, null],
    [{ lastHour: 3, lastDay: 3 }, 'limit_hour'],
    [{ lastHour: 0, lastDay: 10 }, 'limit_day'],
  ])('after %o requests of one engineer: %s', (asked, why) => {
    expect(findExceededLimit(asked)).toBe(why);
  });
});

describe('who may approve', () => {
  const approval = { personId: BEN, seenHash: hashParams(params), now: inMs(MINUTE) };
  test.each<[string, Partial<OverrideRow>, Partial<typeof approval>, string | null]>([
    ['somebody else, in time', {}, {}, null],
    ['the requester', {}, { personId: ANN }, 'requester'],
    ['somebody who saw other parameters', {}, { seenHash: 'x' }, 'changed'],
    ['anybody, after a parameter changed', { until: inMs(30 * DAY) }, {}, 'changed'],
    ['anybody, a moment too late', {}, { now: inMs(15 * MINUTE) }, 'expired'],
    ['anybody, in the last moment', {}, { now: inMs(15 * MINUTE - 1) }, null],
    ['anybody, twice', { state: 'executed' }, {}, 'decided'],
    ['anybody, after it expired', { state: 'expired' }, {}, 'expired'],
    ['anybody, after it was refused', { state: 'refused' }, {}, 'decided'],
  ])('%s', (_, row, press, why) => {
    expect(findApprovalRefusal(requested(row), { ...approval, ...press })).toBe(why);
  });

  test.each<[string, Partial<OverrideRow>, Date, string | null]>([
    ['may be refused while it waits', {}, inMs(MINUTE), null],
    ['cannot be refused after its time', {}, inMs(15 * MINUTE), 'expired'],
    ['cannot be refused when it was approved', { state: 'executed' }, inMs(MINUTE), 'decided'],
  ])('a request %s', (_, row, now, why) => {
    expect(findRefusingRefusal(requested(row), now)).toBe(why);
  });
});

describe('who may break the glass', () => {
  const urgent = { severity: 'P1', state: 'open', isOwnedByAnother: false } as const;
  const breaking = {
    personId: ANN,
    seenHash: hashParams(params),
    now: inMs(10 * MINUTE),
    ticket: urgent,
    isOnCall: true,
  };
  test.each<[string, Partial<typeof breaking> | object, string | null]>([
    ['on call, P1, nobody answered for ten minutes', {}, null],
    ['not before ten minutes', { now: inMs(10 * MINUTE - 1) }, 'too_early'],
    ['not after the request has expired', { now: inMs(15 * MINUTE) }, 'expired'],
    ['not somebody else, who can approve', { personId: BEN }, 'not_requester'],
    ['not off call', { isOnCall: false }, 'not_on_call'],
    ['not for a P2', { ticket: { ...urgent, severity: 'P2' } }, 'not_urgent'],
    ['not without a ticket', { ticket: null }, 'not_urgent'],
    ['not when somebody else has the ticket', { ticket: { ...urgent, isOwnedByAnother: true } }, 'not_urgent'],
    ['not when the ticket is resolved', { ticket: { ...urgent, state: 'resolved' } }, 'not_urgent'],
    ['not for other parameters', { seenHash: 'x' }, 'changed'],
  ])('%s', (_, changed, why) => {
    expect(findGlassRefusal(requested(), { ...breaking, ...changed })).toBe(why);
  });
});
