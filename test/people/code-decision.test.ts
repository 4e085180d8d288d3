import { describe, expect, test } from 'vitest';
import { type FactorState, isFresh, judgeCode, LOCK_MS } from '../../src/people/code-decision.ts';

const now = new Date('2026-11-22T12:00:00Z');
const after = (ms: number) => new Date(now.getTime() + ms);
const factor = (more: Partial<FactorState> = {}): FactorState => ({
  lastStep: 100,
  wrongCodes: 0,
  lockedUntil: null,
  ...more,
});

describe('a typed code', () => {
  test.each([
    ['of a step that was never taken is right', factor(), { current: 101, offered: null }, 'right'],
    ['of the step that was taken last was used', factor(), { current: 100, offered: null }, 'used'],
    ['of a step before that was used too', factor(), { current: 99, offered: null }, 'used'],
    ['of the authenticator on offer enrols', factor(), { current: null, offered: 7 }, 'enrolled'],
    ['of nobody’s is wrong', factor(), { current: null, offered: null }, 'wrong'],
    ['that is the fourth wrong one is wrong', factor({ wrongCodes: 3 }), { current: null, offered: null }, 'wrong'],
    ['that is the fifth locks', factor({ wrongCodes: 4 }), { current: null, offered: null }, 'locked_now'],
    [
      'that is right is not looked at while it is locked',
      factor({ wrongCodes: 5, lockedUntil: after(1) }),
      { current: 101, offered: null },
      'locked',
    ],
    [
      'is looked at again when the lock is over',
      factor({ wrongCodes: 5, lockedUntil: now }),
      { current: 101, offered: null },
      'right',
    ],
    [
      'that is wrong after a lock is the first wrong one',
      factor({ wrongCodes: 5, lockedUntil: now }),
      { current: null, offered: null },
      'wrong',
    ],
  ] as const)('%s', (_, given, steps, verdict) => expect(judgeCode(given, steps, now)).toBe(verdict));
});

describe('what a right code proves', () => {
  test.each([
    ['at once', 0, true],
    ['just within five minutes', 299_999, true],
    ['not after them', 300_000, false],
    ['not while it lies ahead, however it came to be there', -60_000, false],
    ['also when another replica’s clock is a little ahead', -1_000, true],
  ])('%s', (_, ageMs, expected) => expect(isFresh(after(-ageMs), now)).toBe(expected));

  test('nothing when there was none', () => expect(isFresh(null, now)).toBe(false));
});

test('a lock lasts a quarter of an hour', () => expect(LOCK_MS).toBe(900_000));
