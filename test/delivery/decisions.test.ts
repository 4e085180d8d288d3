import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nextStep } from '../../src/delivery/next-step.ts';
import { backoffMs, delayMs, parseRetryAfter } from '../../src/delivery/retry-schedule.ts';
import { type CallResult, judgeCall } from '../../src/delivery/verdict.ts';

const schedule = { baseMs: 1000, capMs: 60_000, maxTries: 5 };
const answered = (status: number, retryAfterMs: number | null = null): CallResult => ({
  kind: 'answered',
  status,
  retryAfterMs,
  excerpt: null,
});

describe('the retry schedule', () => {
  test('doubles from the base, is capped, and is spread by a fifth to either side', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (n, random) => {
        const centre = Math.min(60_000, 1000 * 2 ** (n - 1));
        const delay = backoffMs(n, schedule, random);
        expect(delay).toBeGreaterThanOrEqual(Math.floor(centre * 0.8));
        expect(delay).toBeLessThanOrEqual(Math.ceil(centre * 1.2));
      }),
    );
  });

  test('Retry-After is a floor, and up to a fifth comes on top so that not everybody returns at once', () => {
    expect(delayMs(1000, 10_000, 0)).toBe(10_000);
    expect(delayMs(1000, 10_000, 0.999)).toBeGreaterThan(11_900);
    expect(delayMs(20_000, 10_000, 0)).toBe(20_000);
  });

  test('Retry-After is never more than an hour, and what comes on top never more than 30 s', () => {
    expect(delayMs(1000, 86_400_000, 0)).toBe(3_600_000);
    expect(delayMs(1000, 86_400_000, 0.9999)).toBeLessThanOrEqual(3_630_000);
  });

  const now = new Date('2026-01-01T00:00:00Z');
  const cases: [string | null, string | null, number | null][] = [
    ['120', null, 120_000],
    ['0', null, 0],
    [null, null, null],
    ['-5', null, null],
    ['soon', null, null],
    ['1.5', null, null],
    ['Thu, 01 Jan 2026 00:01:00 GMT', null, 60_000],
    // The product's clock is ten minutes ahead of ours: only the difference within its answer counts.
    ['Thu, 01 Jan 2026 00:11:00 GMT', 'Thu, 01 Jan 2026 00:10:00 GMT', 60_000],
    ['Wed, 31 Dec 2025 23:00:00 GMT', null, null],
  ];
  test.each(cases)('Retry-After %j with Date %j is %j ms', (value, date, expected) => {
    expect(parseRetryAfter(value, date, now)).toBe(expected);
  });
});

describe('what an answer means', () => {
  test.each([200, 201, 202, 204])('%i is done', (status) => {
    expect(judgeCall(answered(status)).outcome).toBe('ok');
  });
  test.each([301, 302, 307, 400, 401, 403, 404, 405, 410, 413, 415, 422, 451])('%i is permanent', (status) => {
    expect(judgeCall(answered(status))).toMatchObject({ outcome: 'permanent', family: `HTTP ${status}` });
  });
  test.each([408, 409, 500, 501, 502, 503, 504])('%i is transient', (status) => {
    expect(judgeCall(answered(status)).outcome).toBe('transient');
  });
  test('429 is throttled', () => {
    expect(judgeCall(answered(429, 5000))).toMatchObject({ outcome: 'throttled', retryAfterMs: 5000 });
  });
  test.each([
    [{ kind: 'failed', code: 'ECONNREFUSED', message: '' } as const, 'connection refused'],
    [{ kind: 'failed', code: 'UND_ERR_SOCKET', message: '' } as const, 'connection reset'],
    [{ kind: 'failed', code: 'ENOTFOUND', message: '' } as const, 'name not found'],
    [{ kind: 'failed', code: 'CERT_HAS_EXPIRED', message: '' } as const, 'TLS'],
    [{ kind: 'failed', code: 'SOMETHING_NEW', message: '' } as const, 'call failed'],
    [{ kind: 'timed_out', afterMs: 10 } as const, 'timeout'],
    [{ kind: 'answer_too_large', status: 200, limitBytes: 10 } as const, 'answer too large'],
  ])('%j is transient, of the family %s', (result, family) => {
    expect(judgeCall(result)).toMatchObject({ outcome: 'transient', family });
  });
});

describe('what becomes of an event after a try', () => {
  const receivedAt = new Date('2026-01-01T00:00:00Z');
  const soon = new Date('2026-01-01T00:00:10Z');
  const step = (tries: number, status: number, now = soon) =>
    nextStep(
      { tries, attempts: tries, failedProbes: 0, receivedAt },
      { ...judgeCall(answered(status)), wasProbe: false },
      schedule,
      now,
      0.5,
    );

  test('five failed tries and no sixth', () => {
    expect([0, 1, 2, 3].map((tries) => step(tries, 503))).toEqual(
      [1000, 2000, 4000, 8000].map((ms) => ({ step: 'retry', delayMs: ms, countsAsTry: true, failedProbes: 0 })),
    );
    expect(step(4, 503)).toEqual({ step: 'dead', reason: 'transient_exhausted' });
  });

  test('a permanent error dies at once', () => {
    expect(step(0, 422)).toEqual({ step: 'dead', reason: 'permanent' });
  });

  test('being throttled again and again is asked less and less often, though it costs no try', () => {
    const delays = [0, 1, 2, 10].map((attempts) =>
      nextStep(
        { tries: 0, attempts, failedProbes: 0, receivedAt },
        { ...judgeCall(answered(429)), wasProbe: false },
        schedule,
        soon,
        0.5,
      ),
    );
    expect(delays).toMatchObject([{ delayMs: 1000 }, { delayMs: 2000 }, { delayMs: 4000 }, { delayMs: 60_000 }]);
  });

  test('being throttled costs no try, however often, and is given up a day after receipt', () => {
    expect(step(4, 429)).toMatchObject({ step: 'retry', countsAsTry: false });
    expect(step(0, 429, new Date('2026-01-02T00:00:01Z'))).toEqual({ step: 'dead', reason: 'transient_exhausted' });
    expect(step(0, 429, new Date('2026-01-01T23:59:59Z'))).toMatchObject({ step: 'retry' });
  });
});
