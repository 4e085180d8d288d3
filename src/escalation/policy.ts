import type { Severity } from '../platform/schema.ts';
import type { WorkingHours } from './working-hours.ts';

/** 1 is the on-call, 2 the second level, 3 everyone. */
export type Level = 1 | 2 | 3;

/** So many minutes after the ticket opened (or had nobody again), unless somebody has acknowledged it. */
export type Step = { afterMinutes: number; level: Level };

export type SeverityPolicy = {
  /** One round, in the order of time. The first step after more than no time is the time to acknowledge. */
  steps: Step[];
  rounds: number;
  /** After the last round its last level is called this often; null: never again. */
  thenEveryMinutes: number | null;
  /** An acknowledgement counts for this long unless it is confirmed; null: for ever. */
  lapseMinutes: number | null;
  resolveMinutes: number;
  /** Otherwise the minutes of its steps are minutes of working hours, and nobody is called outside them. */
  pagesAtNight: boolean;
};

export type Policy = { hours: WorkingHours; severities: Record<Severity, SeverityPolicy> };

const HOUR = 60;
const DAY = 24 * HOUR;
/** From 09:00 to 18:00. */
const WORKING_DAY = 9 * HOUR;

/** TELEGRAM.md §2. */
export const DEFAULT_POLICY: Policy = {
  hours: { zone: 'UTC', days: [1, 2, 3, 4, 5], from: '09:00', to: '18:00' },
  severities: {
    P1: {
      steps: [
        { afterMinutes: 0, level: 1 },
        { afterMinutes: 5, level: 1 },
        { afterMinutes: 10, level: 2 },
        { afterMinutes: 20, level: 3 },
      ],
      rounds: 3,
      thenEveryMinutes: 30,
      lapseMinutes: 30,
      resolveMinutes: HOUR,
      pagesAtNight: true,
    },
    P2: {
      steps: [
        { afterMinutes: 0, level: 1 },
        { afterMinutes: 15, level: 1 },
        { afterMinutes: 30, level: 2 },
        { afterMinutes: 60, level: 3 },
      ],
      rounds: 3,
      thenEveryMinutes: 30,
      lapseMinutes: 2 * HOUR,
      resolveMinutes: 4 * HOUR,
      pagesAtNight: true,
    },
    P3: {
      steps: [
        { afterMinutes: 0, level: 1 },
        { afterMinutes: 4 * HOUR, level: 1 },
      ],
      rounds: 1,
      thenEveryMinutes: WORKING_DAY,
      lapseMinutes: null,
      resolveMinutes: DAY,
      pagesAtNight: false,
    },
    P4: {
      steps: [{ afterMinutes: WORKING_DAY, level: 1 }],
      rounds: 1,
      thenEveryMinutes: WORKING_DAY,
      lapseMinutes: null,
      resolveMinutes: 3 * DAY,
      pagesAtNight: false,
    },
  },
};

/** Of the time to resolve: then the warning is given. */
export const WARNING_AT = 0.75;
/** Of the time an acknowledgement counts for: then the owner is asked whether they still have it. */
export const CONFIRM_AT = 2 / 3;

/**
 * The n-th step of a ticket that nobody acknowledges, from 0: the rounds one after the other, then the last level at intervals. The
 * call at the very beginning is part of the first round alone. Null when nothing comes any more.
 */
export function stepAt(policy: SeverityPolicy, n: number): Step | null {
  if (n < policy.steps.length) return policy.steps[n]!;
  const repeated = policy.steps.filter((step) => step.afterMinutes > 0);
  const last = repeated.at(-1);
  if (!last) return null;
  const later = n - policy.steps.length;
  const round = 1 + Math.floor(later / repeated.length);
  const step = repeated[later % repeated.length]!;
  if (round < policy.rounds) return { level: step.level, afterMinutes: step.afterMinutes + round * last.afterMinutes };
  if (policy.thenEveryMinutes === null) return null;
  const more = 1 + later - (policy.rounds - 1) * repeated.length;
  return { level: last.level, afterMinutes: policy.rounds * last.afterMinutes + more * policy.thenEveryMinutes };
}

/** Null: this severity has no time to acknowledge. */
export function acknowledgeMinutes(policy: SeverityPolicy): number | null {
  return policy.steps.find((step) => step.afterMinutes > 0)?.afterMinutes ?? null;
}
