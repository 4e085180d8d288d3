import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { PaymentEvent } from '../../../src/ledger/payment-event.ts';
import { provider } from '../provider.ts';
import { onlyEvent, parse, sample } from './parse.ts';

const ACME = provider({ currency: 'EUR' });
const SEED = { status: 'success', amount: '9.99', user_id: 'user123', transaction_id: 'tx456' };
const CAPTURE = { type: 'paid', effect: 'capture', periodEnd: null, periodStart: null };
const NEW_YEAR = new Date('2026-01-01T00:00:00Z');

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

test('the seed payload is a payment of 9.99 in the provider’s currency, known by its bytes', () => {
  expect(onlyEvent(ACME, SEED)).toEqual({
    dedupKey: `sha256:${sha256(JSON.stringify(SEED))}`,
    kind: 'payment_succeeded',
    providerType: null,
    transactionId: 'tx456',
    subscriptionId: null,
    userId: 'user123',
    amountMinor: 999,
    currency: 'EUR',
    payerCountry: null,
    plan: null,
    occurredAt: null,
    facts: [CAPTURE],
  });
});

const COMMON = {
  providerType: 'payment.updated',
  subscriptionId: null,
  userId: 'u_42',
  amountMinor: 1999,
  currency: 'USD',
  payerCountry: null,
  plan: null,
  occurredAt: NEW_YEAR,
};

const SAMPLES: Record<string, Partial<PaymentEvent>> = {
  success: {
    ...COMMON,
    dedupKey: 'gen_evt_1',
    kind: 'payment_succeeded',
    transactionId: 'gtx_1',
    facts: [CAPTURE as never],
  },
  'success.minimal': {
    dedupKey: `sha256:${sha256(sample('generic/success.minimal.json'))}`,
    kind: 'payment_succeeded',
    transactionId: 'gtx_1',
    userId: '42',
    amountMinor: 1999,
    currency: 'EUR',
  },
  'success.minor_units': { kind: 'payment_succeeded', amountMinor: 1999, currency: 'USD', userId: 'u_42' },
  pending: { ...COMMON, dedupKey: 'gen_evt_0', kind: 'payment_pending', transactionId: 'gtx_1', facts: [] },
  failed: { ...COMMON, dedupKey: 'gen_evt_2', kind: 'payment_failed', transactionId: 'gtx_2', facts: [] },
  refunded: {
    ...COMMON,
    dedupKey: 'gen_evt_3',
    kind: 'payment_refunded',
    providerType: 'payment.refunded',
    transactionId: 'gtx_1',
    amountMinor: 500,
    facts: [{ type: 'refunded', effect: 'refund:gre_1', amountMinor: 500, cumulative: false }],
  },
  disputed: {
    ...COMMON,
    dedupKey: 'gen_evt_4',
    kind: 'dispute_opened',
    providerType: 'payment.disputed',
    transactionId: 'gtx_1',
    facts: [{ type: 'disputed', effect: 'dispute:gdp_1:opened', disputeId: 'gdp_1' }],
  },
  subscription_renewed: {
    ...COMMON,
    dedupKey: 'gen_evt_5',
    kind: 'payment_succeeded',
    providerType: 'subscription.renewed',
    transactionId: 'gtx_5',
    subscriptionId: 'gsub_1',
    facts: [
      {
        type: 'paid',
        effect: 'capture',
        periodStart: new Date('2026-02-01T00:00:00Z'),
        periodEnd: new Date('2026-03-01T00:00:00Z'),
      },
    ],
  },
  subscription_canceled: {
    dedupKey: 'gen_evt_6',
    kind: 'subscription_canceled',
    transactionId: null,
    subscriptionId: 'gsub_1',
    userId: 'u_42',
    amountMinor: null,
    occurredAt: new Date('2026-02-10T00:00:00Z'),
    facts: [
      { type: 'canceled', effect: 'cancel:2026-03-01T00:00:00.000Z', cancelAt: new Date('2026-03-01T00:00:00Z') },
    ],
  },
  jpy_zero_decimal: { kind: 'payment_succeeded', amountMinor: 500, currency: 'JPY' },
  same_txn_other_amount: {
    dedupKey: 'gen_evt_11',
    transactionId: 'gtx_1',
    amountMinor: 2999,
    facts: [CAPTURE as never],
  },
  unknown_user: { kind: 'payment_succeeded', userId: null, transactionId: 'gtx_9' },
};

test.each(Object.entries(SAMPLES))('the sample %s is read as it is meant', (name, expected) => {
  expect(onlyEvent(ACME, sample(`generic/${name}.json`))).toMatchObject(expected);
});

describe('status words', () => {
  test.each([
    ['success', 'payment_succeeded'],
    ['Succeeded', 'payment_succeeded'],
    ['PAID', 'payment_succeeded'],
    ['refunded', 'payment_refunded'],
    ['disputed', 'dispute_opened'],
    ['dispute_won', 'dispute_won'],
    ['dispute_lost', 'dispute_lost'],
    ['canceled', 'subscription_canceled'],
    ['pending', 'payment_pending'],
    ['processing', 'payment_pending'],
    ['failed', 'payment_failed'],
    ['declined', 'payment_failed'],
    ['flying', 'unknown'],
    ['constructor', 'unknown'],
  ])('%s is %s', (status, kind) => {
    expect(onlyEvent(ACME, { ...SEED, status }).kind).toBe(kind);
  });

  test('words of the operator are added to the built-in ones and go before them', () => {
    const config = provider({ statuses: { Settled: 'paid', success: 'pending' } });
    expect(onlyEvent(config, { ...SEED, status: 'SETTLED' }).kind).toBe('payment_succeeded');
    expect(onlyEvent(config, SEED).kind).toBe('payment_pending');
    expect(onlyEvent(config, { ...SEED, status: 'paid' }).kind).toBe('payment_succeeded');
  });

  test('a word that means nothing to us changes nobody’s access, whatever else the event says', () => {
    expect(onlyEvent(ACME, { status: 'flying', amount: 'a lot' })).toMatchObject({ kind: 'unknown', facts: [] });
  });
});

describe('refunds', () => {
  const refund = (given: object) =>
    onlyEvent(ACME, { event_id: 'e1', status: 'refunded', transaction_id: 't', amount: '19.99', ...given }).facts;

  test.each([
    ['no amount means all', {}, { effect: 'refund:all', amountMinor: null }],
    ['a named refund of everything', { refund_id: 'r1' }, { effect: 'refund:r1', amountMinor: null }],
    ['a named refund of a part', { refund_id: 'r1', refunded_amount: '5' }, { effect: 'refund:r1', amountMinor: 500 }],
    ['an unnamed refund of a part', { refunded_amount: '5' }, { effect: `refund:${sha256('e1')}`, amountMinor: 500 }],
    ['a part of unknown size keeps access', { partial: true }, { effect: `refund:${sha256('e1')}`, amountMinor: 0 }],
  ])('%s', (_what, given, fact) => {
    expect(refund(given)).toEqual([{ type: 'refunded', cumulative: false, ...fact }]);
  });

  test('two unnamed refunds of one transaction are two effects', () => {
    expect(refund({ event_id: 'e1', refunded_amount: '5' })).not.toEqual(
      refund({ event_id: 'e2', refunded_amount: '5' }),
    );
  });
});

test('a dispute without an id is known by its transaction, so that its outcome finds it', () => {
  const opened = onlyEvent(ACME, { ...SEED, status: 'disputed' }).facts;
  const won = onlyEvent(ACME, { ...SEED, status: 'dispute_won' }).facts;
  expect(opened).toEqual([{ type: 'disputed', effect: 'dispute:tx456:opened', disputeId: 'tx456' }]);
  expect(won).toEqual([{ type: 'dispute_won', effect: 'dispute:tx456:won', disputeId: 'tx456' }]);
});

test('a cancellation without a time means now, and another one later is another fact', () => {
  const cancel = (event_id: string, created_at?: string) =>
    onlyEvent(ACME, { status: 'canceled', subscription_id: 's', event_id, created_at }).facts[0];
  expect(cancel('e1', '2026-01-01T00:00:00Z')).toEqual({
    type: 'canceled',
    effect: 'cancel:2026-01-01T00:00:00.000Z',
    cancelAt: null,
  });
  expect(cancel('e1')).not.toEqual(cancel('e2'));
});

describe('the dedup key', () => {
  const BYTES = JSON.stringify(SEED);
  test.each([
    ['the id of the signed body', { event_id: 'e1' }, {}, 'e1'],
    ['a signed header goes before the body', { event_id: 'e1' }, { signedId: 'msg_1' }, 'msg_1'],
    ['the signed body goes before an unsigned header', { event_id: 'e1' }, { unsignedId: 'd1' }, 'e1'],
    ['an unsigned header is bound to the bytes', {}, { unsignedId: 'd1' }, `d1:${sha256(BYTES)}`],
    ['without any id the bytes are the key', {}, {}, `sha256:${sha256(BYTES)}`],
  ])('%s', (_what, given, around, key) => {
    expect(onlyEvent(ACME, { ...SEED, ...given }, around).dedupKey).toBe(key);
  });
});

describe('fields may lie elsewhere', () => {
  const config = provider({
    fields: { userId: 'data.customer.id', amount: 'data.lines.0.total', transactionId: 'data.id', eventId: 'id' },
  });
  const body = { id: 'e9', status: 'paid', data: { id: 7, customer: { id: 'c1' }, lines: [{ total: '1.50' }] } };

  test('paths lead through objects and lists', () => {
    expect(onlyEvent(config, body)).toMatchObject({
      dedupKey: 'e9',
      userId: 'c1',
      transactionId: '7',
      amountMinor: 150,
    });
  });

  test('a path that leads nowhere is an absent field', () => {
    expect(onlyEvent(config, { ...body, data: { id: 7 } })).toMatchObject({ userId: null, amountMinor: null });
  });
});

describe('money', () => {
  test.each([
    ['text', { amount: '9.90' }, 990],
    ['a number', { amount: 9.9 }, 990],
    ['minor units by the body', { amount: 990, amount_unit: 'minor' }, 990],
    ['major units by the body', { amount: 9.9, amount_unit: 'MAJOR' }, 990],
    ['a currency of its own', { amount: '500', currency: 'jpy' }, 500],
    ['nothing', { amount: undefined }, null],
    ['null', { amount: null }, null],
  ])('%s', (_what, given, minor) => {
    expect(onlyEvent(ACME, { ...SEED, ...given }).amountMinor).toBe(minor);
  });

  test('the provider’s unit holds unless the body says otherwise', () => {
    const config = provider({ amountUnit: 'minor' });
    expect(onlyEvent(config, { ...SEED, amount: '990' }).amountMinor).toBe(990);
    expect(onlyEvent(config, { ...SEED, amount: '9.90', amount_unit: 'major' }).amountMinor).toBe(990);
  });
});

describe('times', () => {
  test.each([
    ['2026-01-01T00:00:00Z'],
    ['2026-01-01T00:00:00.000000Z'],
    ['2026-01-01T01:00:00+01:00'],
    ['2026-01-01T01:00:00+0100'],
    ['2026-01-01T00:00:00'],
    ['2026-01-01 00:00:00'],
    ['2026-01-01'],
    [1767225600],
    ['1767225600'],
    [1767225600000],
  ])('%j is the first of January, on a machine in any zone', (created_at) => {
    expect(onlyEvent(ACME, { ...SEED, created_at }).occurredAt).toEqual(NEW_YEAR);
  });
});

describe('malformed: stored, never applied, and the message does not repeat the value', () => {
  const long = 'x'.repeat(256);
  test.each([
    ['not JSON', 'status=success', 'not JSON'],
    ['cut short', '{"status":"suc', 'not JSON'],
    ['a list', '[]', 'not an object'],
    ['a number', '1', 'not an object'],
    ['null', 'null', 'not an object'],
    ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 'not UTF-8'],
    ['no status', { amount: '1' }, 'status is missing'],
    ['a status that is an object', { ...SEED, status: {} }, 'status is neither text nor a number'],
    ['paid without a transaction', { ...SEED, transaction_id: null }, 'the transaction id is missing'],
    [
      'refunded without a transaction',
      { ...SEED, status: 'refunded', transaction_id: '' },
      'the transaction id is missing',
    ],
    ['disputed without a transaction', { status: 'disputed', dispute_id: 'd' }, 'the transaction id is missing'],
    ['canceled without anything to cancel', { status: 'canceled' }, 'neither a transaction id nor a subscription id'],
    ['an amount in words', { ...SEED, amount: 'ten' }, 'amount: amount is not a decimal number'],
    ['a negative amount', { ...SEED, amount: -1 }, 'amount: '],
    ['too many decimals', { ...SEED, amount: '9.999' }, 'amount: '],
    ['an amount that is a list', { ...SEED, amount: [9.99] }, 'amount is not an amount'],
    ['an unknown unit', { ...SEED, amount_unit: 'cents' }, 'amount_unit is neither major nor minor'],
    ['a currency in words', { ...SEED, currency: 'Euro €' }, 'currency is not a currency code'],
    ['a time in words', { ...SEED, created_at: 'yesterday' }, 'created_at is not a time'],
    ['a day that does not exist', { ...SEED, created_at: '2026-02-31T00:00:00Z' }, 'created_at is not a time'],
    ['a period without an end in time', { ...SEED, period_end: 'never' }, 'period_end is not a time'],
    ['a NUL in the user', { ...SEED, user_id: 'a\0b' }, 'user_id holds a NUL'],
    ['a lone surrogate', '{"status":"success","transaction_id":"\\ud800"}', 'transaction_id holds a NUL or a lone'],
    ['an id of 256 bytes', { ...SEED, event_id: long }, 'event_id holds'],
    ['a plan of 256 bytes', { ...SEED, plan: long }, 'plan holds'],
    ['an effect too long to index', { ...SEED, status: 'refunded', refund_id: long.slice(1) }, 'the refunded id holds'],
  ])('%s', (_what, body, said) => {
    const parsed = parse(ACME, body);
    const bytes = Buffer.isBuffer(body) ? body : typeof body === 'string' ? body : JSON.stringify(body);
    expect(parsed).toEqual({
      outcome: 'malformed',
      dedupKey: `sha256:${sha256(bytes)}`,
      message: expect.stringContaining(said),
    });
    expect((parsed as { message: string }).message).not.toContain('xxx');
  });

  test.each([['signedId'], ['unsignedId']])('a %s that no key can hold', (name) => {
    expect(parse(ACME, SEED, { [name]: long })).toMatchObject({ outcome: 'malformed' });
    expect(parse(ACME, SEED, { [name]: 'x'.repeat(190) })).toMatchObject({ outcome: 'events' });
  });

  test('255 bytes are not too many', () => {
    expect(onlyEvent(ACME, { ...SEED, event_id: 'x'.repeat(255) }).dedupKey).toHaveLength(255);
  });
});

test('an id longer than a double holds keeps its last digits', () => {
  const body = '{"status":"paid","transaction_id":12345678901234567891,"user_id":9007199254740993}';
  expect(onlyEvent(ACME, body)).toMatchObject({ transactionId: '12345678901234567891', userId: '9007199254740993' });
});

test('a byte order mark in front of the JSON is no mistake', () => {
  expect(onlyEvent(ACME, `\ufeff${JSON.stringify(SEED)}`).transactionId).toBe('tx456');
});

test('a field named __proto__ is a field like any other', () => {
  const config = provider({ fields: { userId: '__proto__.polluted' } });
  expect(onlyEvent(config, '{"status":"paid","transaction_id":"t","__proto__":{"polluted":"u"}}').userId).toBe('u');
  expect(onlyEvent(config, SEED).userId).toBeNull();
});

test('the provider’s plan is taken when the event names none', () => {
  expect(onlyEvent(provider({ plan: 'pro' }), SEED).plan).toBe('pro');
  expect(onlyEvent(provider({ plan: 'pro' }), { ...SEED, plan: 'team' }).plan).toBe('team');
});
