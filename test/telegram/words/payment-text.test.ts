import { FormattedString } from '@grammyjs/parse-mode';
import { describe, expect, test } from 'vitest';
import type { AttemptView, EventView } from '../../../src/api/event-view.ts';
import type { PaymentView } from '../../../src/api/payment-view.ts';
import { splitText } from '../../../src/telegram/sending/bot-split.ts';
import { canBeRetried, durationWords, idWords, renderPayment } from '../../../src/telegram/words/payment-text.ts';

const at = (clock: string) => new Date(`2026-11-21T${clock}Z`);
const NOW = at('12:30:00');

const attempt = (more: Partial<AttemptView> = {}): AttemptView => ({
  n: 1,
  startedAt: at('12:04:01'),
  durationMs: 12,
  dependency: 'activation',
  outcome: 'transient',
  httpStatus: 503,
  error: 'no such user jane@example.com',
  delayMs: 1043,
  ...more,
});
const event = (more: Partial<EventView> = {}): EventView => ({
  id: 'acme.1',
  dedupKey: 'evt_1',
  kind: 'payment_succeeded',
  state: 'applied',
  reason: null,
  late: false,
  conflicts: 0,
  receivedAt: at('12:04:00'),
  tries: 1,
  nextTryAt: null,
  attempts: [],
  ...more,
});
const payment = (more: Partial<PaymentView> = {}): PaymentView => ({
  provider: 'acme',
  transactionId: 'tx456',
  status: 'succeeded',
  amountMinor: 999,
  currency: 'EUR',
  userId: 'user123',
  country: 'DE',
  events: [event()],
  entitlements: [],
  ticket: null,
  ...more,
});
const premium = { feature: 'premium', active: true, since: at('12:04:00'), until: null, revision: 1, because: [] };

const told = (view: PaymentView, audience: { isGroup?: boolean; untold?: string[] | null } = {}) =>
  renderPayment(view, { now: NOW, isGroup: false, untold: null, ...audience }).text;

describe('a payment in words', () => {
  test('a paid and unlocked one reads like this', () => {
    expect(told(payment({ entitlements: [premium] }))).toBe(
      [
        '💳 acme · tx456',
        'acme says: ✅ paid · 9.99 EUR · payer in DE · first heard 12:04 UTC',
        '👤 Customer user123: 🔓 premium is active since 12:04, with no end',
        '',
        '1. payment succeeded · received 12:04 · ✅ applied',
        '',
        'Next: nothing to do, everything was applied',
      ].join('\n'),
    );
  });

  test('a dead one says each try, its ticket and owner, and what to type next', () => {
    const dead = event({
      state: 'dead',
      reason: 'transient_exhausted',
      attempts: [attempt(), attempt({ n: 2, startedAt: at('12:04:02'), delayMs: null })],
    });
    const ticket = { id: 'T-1042', state: 'acknowledged', severity: 'P2', failures: 3, owner: 'Ann' } as const;
    const text = told(payment({ events: [dead], ticket }));
    expect(text).toContain('❌ gave up: it kept failing');
    expect(text).toContain(
      '12:04:01 try 1, activation failed for now, HTTP 503: no such user [masked] → again after 1 s',
    );
    expect(text).toContain('🎫 T-1042 · P2 · acknowledged · owner Ann');
    expect(text).toContain('🔒 nothing unlocked');
    expect(text.endsWith('Next: /retry tx456')).toBe(true);
  });

  test.each([
    [
      'retrying',
      event({ state: 'retrying', nextTryAt: at('12:31:05') }),
      'wait, it is tried again by itself at 12:31:05 UTC',
    ],
    ['pending', event({ state: 'pending', nextTryAt: at('12:30:00') }), 'wait a moment, it is under way'],
    ['processing', event({ state: 'processing' }), 'wait a moment, it is under way'],
    ['applied', event(), 'nothing to do, everything was applied'],
    ['dead', event({ state: 'dead', reason: 'malformed' }), '/retry tx456'],
    ['refused', event({ state: 'dead', reason: 'permanent' }), 'once what is refused is mended, /retry tx456'],
  ])('what comes next when it is %s', (_, given, next) => {
    expect(told(payment({ events: [given] }))).toContain(`Next: ${next}`);
  });

  test('an applied payment on an open ticket leads to the ticket', () => {
    const ticket = { id: 'T-7', state: 'open', severity: 'P3', failures: 1, owner: null } as const;
    const text = told(payment({ events: [event({ conflicts: 2 })], ticket }));
    expect(text).toContain('came 2 times more with other contents');
    expect(text).toContain('nobody owns it');
    expect(text).toContain('Next: /ticket T-7');
  });

  test('whether the product knows is said only where there is a product', () => {
    const view = payment({ entitlements: [premium] });
    expect(told(view)).not.toContain('product');
    expect(told(view, { untold: ['premium'] })).toContain('(the product has not accepted it yet)');
    expect(told(view, { untold: [] })).toContain('(the product knows)');
  });

  test('a feature that ended, one with an end, and a customer not known', () => {
    const until = new Date('2026-12-21T12:00:00Z');
    expect(told(payment({ entitlements: [{ ...premium, until }] }))).toContain('until 21 Dec 12:00 UTC');
    expect(told(payment({ entitlements: [{ ...premium, active: false }] }))).toContain('🔒 premium is not active');
    expect(told(payment({ userId: null }))).toContain('Customer: not known yet');
  });

  test('of many tries the first and the last are shown, and how many lie between', () => {
    const attempts = Array.from({ length: 40 }, (_, i) => attempt({ n: i + 1 }));
    const text = told(payment({ events: [event({ attempts })] }));
    expect(text).toContain('try 3,');
    expect(text).toContain('… 30 more …');
    expect(text).toContain('try 40,');
    expect(text).not.toContain('try 20,');
  });
});

describe('in the group', () => {
  const view = payment({
    userId: 'jane.doe@example.com',
    events: [
      event({ state: 'dead', reason: 'permanent', attempts: [attempt({ outcome: 'permanent', httpStatus: 422 })] }),
    ],
  });

  test('the user is masked and an error is its class and status', () => {
    const text = told(view, { isGroup: true });
    expect(text).not.toMatch(/jane|example\.com|no such user/);
    expect(text).toContain('activation refused it, HTTP 422 →');
    expect(text).toContain('/retry tx456 in our private chat');
  });

  test('in private the user is told in full', () => {
    expect(told(view)).toContain('jane.doe@example.com');
  });
});

test('ids of six digits stay readable, card numbers do not, and nothing invisible gets in', () => {
  expect(idWords('123456')).toBe('123456');
  expect(idWords('4242424242424242')).not.toContain('4242');
  expect(idWords('a\u202eb\nc\u0000')).toBe('ab c');
});

test('only a payment with a dead event can be retried', () => {
  expect(canBeRetried(payment({ events: [event(), event({ state: 'dead', reason: 'crashed' })] }))).toBe(true);
  expect(canBeRetried(payment({ events: [event({ state: 'retrying' })] }))).toBe(false);
});

test.each([
  [0, '0 ms'],
  [950, '950 ms'],
  [1043, '1 s'],
  [8_250, '8.3 s'],
  [61_000, '61 s'],
  [600_000, '10 min'],
])('%d ms is %s', (ms, words) => expect(durationWords(ms)).toBe(words));

describe('a long text', () => {
  test('is cut between lines, loses nothing, and its entities stay where they were', () => {
    const lines = Array.from({ length: 400 }, (_, i) => FormattedString.b(`line ${i} 😀`));
    const text = FormattedString.join(lines, '\n');
    const parts = splitText(text);
    expect(parts.map((part) => part.rawText).join('')).toBe(text.rawText);
    for (const part of parts) {
      expect(part.rawText.length).toBeLessThanOrEqual(4096);
      for (const { offset, length } of part.rawEntities)
        expect(part.rawText.slice(offset, offset + length)).toMatch(/line \d+ 😀/);
    }
  });

  test('without a line to cut at it is cut between characters, never inside one', () => {
    const parts = splitText(new FormattedString(`x${'😀'.repeat(3000)}`));
    expect(parts.length).toBe(2);
    for (const part of parts) expect(part.rawText.isWellFormed()).toBe(true);
  });

  test('a short one is one message', () => expect(splitText(new FormattedString('hello'))).toHaveLength(1));
});
