import { type Applied, applyFacts } from '../entitlement/apply-facts.ts';
import type { Plans } from '../entitlement/plans.ts';
import type { Clock } from '../platform/clock.ts';
import type { Db } from '../platform/database.ts';
import type { ClaimedEvent } from './claim-store.ts';
import { type FinishReport, finishEvents, type Outcome } from './finish.ts';
import { type AttemptRow, wakeLearnt } from './finish-store.ts';
import { nextStep } from './next-step.ts';
import { MALFORMED, type ReadAgain } from './read-again.ts';
import type { RetrySchedule } from './retry-schedule.ts';
import type { Verdict } from './verdict.ts';

export type DeliverDeps = {
  db: Db;
  clock: Clock;
  random: () => number;
  plans: Plans;
  schedule: RetrySchedule;
  /** How long the facts of a payment wait for their user before that becomes a ticket. */
  userWaitMs: number;
  /** Reads the kept bytes of a malformed event once more, by the formats as they are now. */
  readAgain: ReadAgain;
};

/** An event that took four processes down with it, or was held by four that froze, is not tried again by itself. */
const MAX_LOST_LEASES = 3;

/** What follows from the facts alone; `tell` is for those events whose user the product must be told about. */
export type Kept = { event: ClaimedEvent; userId: string };

/**
 * Keeps the events' facts, folds them into entitlements and finishes every event that needs nothing more, in one transaction.
 * With a product to tell, the events that changed somebody's access stay claimed and are answered.
 */
export async function keepFacts(
  deps: DeliverDeps,
  events: ClaimedEvent[],
  telling: boolean,
): Promise<{ toTell: Kept[]; outcomes: Outcome[]; report: FinishReport }> {
  const startedAt = deps.clock.now();
  return deps.db.transaction().execute(async (trx) => {
    const crashed = events.filter((event) => event.lostLeases > MAX_LOST_LEASES);
    const unreadable = events.filter((event) => event.errorFamily === MALFORMED && !crashed.includes(event));
    const sound = events.filter((event) => !crashed.includes(event) && !unreadable.includes(event));
    const { results, learnt } = await applyFacts(trx, sound, deps.plans);
    const folded = sound.map((event, i) => ({ event, result: results[i]! }));
    const toTell = telling ? folded.flatMap(({ event, result }) => toldTo(event, result)) : [];
    const finished = folded.filter(({ result }) => !telling || result.outcome !== 'folded');
    const outcomes = [
      ...crashed.map((event) => outcomeOfCrash(event, startedAt)),
      ...unreadable.map((event) => outcomeOfMalformed(deps, event, startedAt)),
      ...finished.map(({ event, result }) => outcomeOfFacts(deps, event, result, startedAt)),
    ];
    await wakeLearnt(trx, learnt);
    const report = await finishEvents(trx, outcomes, []);
    return { toTell, outcomes, report };
  });
}

function toldTo(event: ClaimedEvent, result: Applied): Kept[] {
  return result.outcome === 'folded' ? [{ event, userId: result.userId }] : [];
}

function outcomeOfFacts(deps: DeliverDeps, event: ClaimedEvent, result: Applied, startedAt: Date): Outcome {
  switch (result.outcome) {
    case 'folded':
    case 'kept':
      // Nothing was called, so there was no attempt: the entitlement row is the activation.
      return { event, step: 'applied', attempt: null };
    case 'nothing':
      return { event, step: 'ignored', attempt: null };
    case 'user_unknown':
      return outcomeOfUnknownUser(deps, event, startedAt);
    case 'contradiction': {
      const text = `the event contradicts what is known of this payment: ${result.family}`;
      const attempt = localAttempt(deps, startedAt, 'ledger', 'permanent', text);
      return {
        event,
        step: 'dead',
        reason: 'permanent',
        family: result.family,
        countsAsTry: true,
        needsLook: true,
        attempt,
      };
    }
  }
}

function outcomeOfUnknownUser(deps: DeliverDeps, event: ClaimedEvent, startedAt: Date): Outcome {
  const family = 'user unknown';
  const remainingMs = event.receivedAt.getTime() + deps.userWaitMs - deps.clock.now().getTime();
  if (remainingMs > 0) {
    const attempt = localAttempt(deps, startedAt, 'ledger', 'handed_back', 'whose payment this is is not known yet');
    return { event, step: 'retry', delayMs: remainingMs, countsAsTry: false, failedProbes: 0, family, attempt };
  }
  const attempt = localAttempt(deps, startedAt, 'ledger', 'permanent', 'nobody told whose payment this is');
  return { event, step: 'dead', reason: 'permanent', family, countsAsTry: true, needsLook: false, attempt };
}

function outcomeOfCrash(event: ClaimedEvent, startedAt: Date): Outcome {
  const attempt: AttemptRow = {
    ...NO_CALL,
    startedAt,
    durationMs: 0,
    dependency: 'worker',
    outcome: 'permanent',
    error: `${event.lostLeases} processes ended or froze while delivering it`,
  };
  return { event, step: 'dead', reason: 'crashed', family: 'crashed', countsAsTry: false, needsLook: false, attempt };
}

function outcomeOfMalformed(deps: DeliverDeps, event: ClaimedEvent, startedAt: Date): Outcome {
  const attempt = localAttempt(deps, startedAt, 'ledger', 'permanent', 'its bytes still cannot be read');
  return { event, step: 'dead', reason: 'malformed', family: MALFORMED, countsAsTry: true, needsLook: true, attempt };
}

const NO_CALL = { httpStatus: null, errorCode: null, error: null };

function localAttempt(
  deps: DeliverDeps,
  startedAt: Date,
  dependency: string,
  outcome: AttemptRow['outcome'],
  error: string | null,
): AttemptRow {
  const durationMs = Math.max(0, Math.round(deps.clock.now().getTime() - startedAt.getTime()));
  return { ...NO_CALL, startedAt, durationMs, dependency, outcome, error };
}

/** What a verdict on a call means for an event that rode on it. */
export function outcomeOfVerdict(
  deps: DeliverDeps,
  event: ClaimedEvent,
  verdict: Verdict,
  call: { startedAt: Date; durationMs: number; dependency: string; wasProbe: boolean },
): Outcome {
  const { outcome, httpStatus, errorCode, error } = verdict;
  const { wasProbe, ...made } = call;
  const attempt: AttemptRow = { ...made, outcome, httpStatus, errorCode, error };
  const next = nextStep(event, { ...verdict, wasProbe }, deps.schedule, deps.clock.now(), deps.random());
  switch (next.step) {
    case 'applied':
      return { event, step: 'applied', attempt };
    case 'retry':
      return { event, ...next, family: verdict.family, attempt };
    case 'dead':
      return { event, ...next, family: verdict.family ?? 'unknown', countsAsTry: true, needsLook: false, attempt };
  }
}
