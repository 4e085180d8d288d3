import { GrammyError, HttpError } from 'grammy';
import { describe, expect, test } from 'vitest';
import { delayAfterTrouble, isWebhookInTheWay, troubleOf } from '../../../src/telegram/incoming/poller-pace.ts';

const refused = (error_code: number, description: string, retry_after?: number) =>
  new GrammyError(
    'x',
    { ok: false, error_code, description, parameters: retry_after ? { retry_after } : {} },
    'getUpdates',
    {},
  );
const unreachable = new HttpError('Network request failed', new Error('ECONNREFUSED'));
const delay = (error: unknown, failures = 1, elapsedMs = 0) =>
  delayAfterTrouble(error, { failures, elapsedMs, random: 0.5 });

test.each([
  [unreachable, 'unreachable'],
  [refused(500, 'Internal Server Error: restart'), 'unreachable'],
  [new Error('the database is gone'), 'unreachable'],
  [refused(401, 'Unauthorized'), 'bad token'],
  [refused(404, 'Not Found'), 'bad token'],
  [refused(409, 'Conflict: terminated by other getUpdates request'), 'conflict'],
  [refused(429, 'Too Many Requests: retry after 3', 3), 'flood'],
] as const)('%s is %s', (error, trouble) => expect(troubleOf(error)).toBe(trouble));

describe('how long to wait', () => {
  test('the first try after a failure comes quickly, the next ever later', () => {
    expect([1, 2, 3, 4].map((failures) => delay(unreachable, failures))).toEqual([250, 500, 1000, 2000]);
  });

  test('tries start at most 10 s apart, however long one took and however many failed', () => {
    for (const failures of [1, 6, 12, 1000]) {
      for (const elapsedMs of [0, 100, 5_000, 9_000, 30_000]) {
        const waitMs = delayAfterTrouble(unreachable, { failures, elapsedMs, random: 0.999 });
        expect(waitMs).toBeGreaterThanOrEqual(0);
        if (elapsedMs < 9_500) expect(elapsedMs + waitMs).toBeLessThanOrEqual(10_000);
      }
    }
    expect(delay(refused(401, 'Unauthorized'))).toBeLessThanOrEqual(10_000);
    expect(delay(refused(409, 'Conflict'))).toBeLessThanOrEqual(10_000);
  });

  test('what Telegram asks for is kept to, even when it is longer', () => {
    expect(delay(refused(429, 'Too Many Requests', 42))).toBe(42_000);
  });
});

test('only a 409 about a webhook says that one is in the way', () => {
  expect(isWebhookInTheWay(refused(409, "Conflict: can't use getUpdates method while webhook is active; …"))).toBe(
    true,
  );
  expect(isWebhookInTheWay(refused(409, 'Conflict: terminated by other getUpdates request'))).toBe(false);
  expect(isWebhookInTheWay(refused(400, 'Bad Request: bad webhook'))).toBe(false);
});
