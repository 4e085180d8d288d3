import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DIGEST_TICKETS_MAX, type DigestLine, renderDigest } from '../../../src/telegram/cards/storm-text.ts';
import { type RedriveOutcome, renderRedrive, renderText } from '../../../src/telegram/sending/notice-text.ts';

const NEXT = new Date('2026-11-22T12:04:10Z');

function outcome(changes: Partial<RedriveOutcome>): RedriveOutcome {
  const nothing = { events: 1, applied: 0, ignored: 0, waiting: 0, retrying: 0, dead: 0 };
  return { requestedBy: 'Ann', ...nothing, lastStatus: null, nextTryAt: null, finished: false, ...changes };
}

const ofOne = { redriveId: 1, by: 'Ann', what: 'tx456' };

test.each<[Partial<RedriveOutcome>, string]>([
  [{ waiting: 1 }, '🔁 Retry by Ann: tx456 running'],
  [{ applied: 1, finished: true }, '🔁 Retry by Ann: tx456 applied ✓'],
  [{ ignored: 1, finished: true }, '🔁 Retry by Ann: tx456 had nothing to do ✓'],
  [
    { retrying: 1, lastStatus: 'HTTP 503', nextTryAt: NEXT },
    '🔁 Retry by Ann: tx456 failed again: HTTP 503, next try 12:04:10',
  ],
  [{ dead: 1, lastStatus: 'timeout', finished: true }, '🔁 Retry by Ann: tx456 failed again: timeout, given up'],
])('a retry of one event: %j reads %s', (changes, text) => {
  expect(renderRedrive(ofOne, outcome(changes)).text).toBe(text);
});

test.each<[Partial<RedriveOutcome>, string]>([
  [{ applied: 30, dead: 2, waiting: 6 }, '🔁 Retry of 38 by Ann: 30 applied, 2 failed, 6 running'],
  [{ applied: 37, ignored: 1, finished: true }, '🔁 Retry of 38 by Ann: 38 applied ✓'],
  [
    { retrying: 38, lastStatus: 'HTTP 503', nextTryAt: NEXT },
    '🔁 Retry of 38 by Ann: 0 applied, 38 failing (last: HTTP 503, next try 12:04:10)',
  ],
])('a retry of many: %j reads %s', (changes, text) => {
  expect(renderRedrive({ redriveId: 1, by: 'Ann' }, outcome({ events: 38, ...changes })).text).toBe(text);
});

test('a retry that names nobody tells who asked for it', () => {
  expect(renderRedrive({}, outcome({ applied: 1 })).text).toBe('🔁 Retry by Ann: applied ✓');
});

test('a text is cut where Telegram would refuse it', () => {
  expect(renderText({ text: 'short' }).text).toBe('short');
  expect(Array.from(renderText({ text: '😀'.repeat(5000) }).text)).toHaveLength(4096);
  expect(renderText({ text: 5 }).text).toBe('');
});

const lines: fc.Arbitrary<DigestLine[]> = fc.array(
  fc.record({
    ticketId: fc.integer({ min: 1, max: 999_999_999 }),
    severity: fc.constantFrom('P1', 'P2', 'P3', 'P4'),
    source: fc.string({ unit: 'binary', maxLength: 300 }),
    dependency: fc.option(fc.string({ unit: 'binary', maxLength: 300 })),
    errorFamily: fc.string({ unit: 'binary', maxLength: 300 }),
  } as const),
  { minLength: 1, maxLength: DIGEST_TICKETS_MAX + 50 },
);

test('a digest names every one of its tickets and stays within Telegram’s length', () => {
  fc.assert(
    fc.property(lines, (tickets) => {
      const { text } = renderDigest(tickets);
      expect(Array.from(text).length).toBeLessThanOrEqual(4096);
      for (const { ticketId } of tickets) expect(text).toContain(`T-${ticketId}`);
    }),
  );
});

test('a digest says how many, what failed, and where the rest is', () => {
  const line: DigestLine = {
    ticketId: 1042,
    severity: 'P2',
    source: 'acme',
    dependency: 'activation',
    errorFamily: 'HTTP 503',
  };
  expect(renderDigest([line, { ...line, ticketId: 1043, dependency: null }]).text.split('\n')).toEqual([
    '⛈ Storm: 2 more tickets',
    'P2 · T-1042 · acme → activation: HTTP 503',
    'P2 · T-1043 · acme: HTTP 503',
    expect.stringContaining('/tickets'),
  ]);
});
