/**
 * What came of a typed code. `enrolled`: the first code of an authenticator that was offered. `right`. `used`: it was right, and has been taken before.
 * `wrong`: not of this person, or of another time. `locked_now`: one wrong code too many. `locked`: nothing is looked at until the lock ends. `none`: there
 * is no authenticator. `unreadable`: its secret was sealed with a key that is gone.
 */
export type CodeVerdict = 'enrolled' | 'right' | 'used' | 'wrong' | 'locked_now' | 'locked' | 'none' | 'unreadable';

export type FactorState = {
  lastStep: number;
  wrongCodes: number;
  lockedUntil: Date | null;
};

/** The time steps to which the code belongs under the secret in use and under the one that is offered. */
export type CodeSteps = { current: number | null; offered: number | null };

const WRONG_CODES_MAX = 5;
export const LOCK_MS = 15 * 60_000;

/** How long a right code proves who acts, for what may be done within some minutes of it. */
const FRESH_MS = 5 * 60_000;
/** Replicas' clocks differ by some milliseconds; what lies further ahead was not written by one of them. */
const AHEAD_MS = 5_000;

export function judgeCode(factor: FactorState, steps: CodeSteps, now: Date): CodeVerdict {
  if (isLocked(factor, now)) return 'locked';
  if (steps.offered !== null) return 'enrolled';
  if (steps.current !== null) return steps.current > factor.lastStep ? 'right' : 'used';
  return countWrong(factor) >= WRONG_CODES_MAX ? 'locked_now' : 'wrong';
}

/** A lock that is over takes its wrong codes with it. */
export function countWrong({ wrongCodes, lockedUntil }: FactorState): number {
  return (lockedUntil === null ? wrongCodes : 0) + 1;
}

export function wrongCodesLeft(wrongCodes: number): number {
  return Math.max(0, WRONG_CODES_MAX - wrongCodes);
}

export function isLocked({ lockedUntil }: Pick<FactorState, 'lockedUntil'>, now: Date): boolean {
  return lockedUntil !== null && now < lockedUntil;
}

export function isFresh(verifiedAt: Date | null, now: Date): boolean {
  if (verifiedAt === null) return false;
  const ageMs = now.getTime() - verifiedAt.getTime();
  return ageMs >= -AHEAD_MS && ageMs < FRESH_MS;
}

export function freshUntil(verifiedAt: Date): Date {
  return new Date(verifiedAt.getTime() + FRESH_MS);
}
