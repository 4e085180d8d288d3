import type { DeadReason } from '../platform/schema.ts';
import { backoffMs, delayMs, type RetrySchedule } from './retry-schedule.ts';
import type { Verdict } from './verdict.ts';

/** What becomes of an event after a try: pure. */
export type NextStep =
  | { step: 'applied' }
  /** `failedProbes`: in a row, with this one. */
  | { step: 'retry'; delayMs: number; countsAsTry: boolean; failedProbes: number }
  | { step: 'dead'; reason: DeadReason };

/** A throttled event costs no try, so time bounds it: a day after its receipt it is given up. */
const THROTTLED_FOR_MS = 24 * 60 * 60 * 1000;

/** A failed probe says that the dependency is still away, and not that it is the event's fault; the third in a row is taken for a try. */
const PROBES_PER_TRY = 3;

export function nextStep(
  event: { tries: number; attempts: number; failedProbes: number; receivedAt: Date },
  verdict: Verdict & { wasProbe: boolean },
  schedule: RetrySchedule,
  now: Date,
  random: number,
): NextStep {
  switch (verdict.outcome) {
    case 'ok':
      return { step: 'applied' };
    case 'permanent':
      return { step: 'dead', reason: 'permanent' };
    case 'handed_back':
      return { step: 'retry', delayMs: 0, countsAsTry: false, failedProbes: event.failedProbes };
    case 'throttled': {
      if (now.getTime() - event.receivedAt.getTime() > THROTTLED_FOR_MS)
        return { step: 'dead', reason: 'transient_exhausted' };
      return {
        step: 'retry',
        delayMs: delayMs(backoffMs(event.attempts + 1, schedule, random), verdict.retryAfterMs, random),
        countsAsTry: false,
        failedProbes: event.failedProbes,
      };
    }
    case 'transient': {
      const failedProbes = verdict.wasProbe ? event.failedProbes + 1 : 0;
      if (failedProbes % PROBES_PER_TRY > 0) {
        const backoff = backoffMs(failedProbes, schedule, random);
        return {
          step: 'retry',
          delayMs: delayMs(backoff, verdict.retryAfterMs, random),
          countsAsTry: false,
          failedProbes,
        };
      }
      const failed = event.tries + 1;
      if (failed >= schedule.maxTries) return { step: 'dead', reason: 'transient_exhausted' };
      return {
        step: 'retry',
        delayMs: delayMs(backoffMs(failed, schedule, random), verdict.retryAfterMs, random),
        countsAsTry: true,
        failedProbes: 0,
      };
    }
  }
}
