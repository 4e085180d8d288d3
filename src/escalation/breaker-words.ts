import type { BreakerEvidence, BreakerState } from '../platform/schema.ts';
import { scrubText } from '../platform/scrub.ts';
import type { BreakerOpening } from './ticket-view.ts';

/** A change of a breaker, as its row tells it. */
export type BreakerTransition = {
  epoch: number;
  from: BreakerState;
  to: BreakerState;
  reason: string | null;
  note: string | null;
  actor: string | null;
  evidence: BreakerEvidence | null;
  at: Date;
};

const BY_PEOPLE = ['trip', 'hold_closed', 'reset', 'release'];

/** A person ordered it; otherwise the actor is the replica that noticed. */
export function isByPerson({ reason }: Pick<BreakerOpening, 'reason'>): boolean {
  return reason !== null && BY_PEOPLE.includes(reason);
}

/** No call of everyday work is let through. */
export function isOpening(state: BreakerState): boolean {
  return state === 'open' || state === 'forced_open';
}

/** People behind it wait: nothing is called, or only probes are. */
export function isKeepingWaiting(state: BreakerState): boolean {
  return isOpening(state) || state === 'half_open';
}

/** A line of the ticket's story. `until` is when a forced state ends by itself. */
export function transitionWords(transition: BreakerTransition, until: Date | null): string {
  if (isByPerson(transition)) return orderWords(transition, until);
  switch (transition.to) {
    case 'open':
      return `${transition.from === 'half_open' ? 'open again' : 'opened'}: ${whyOpened(transition)}`;
    case 'half_open':
      return transition.reason === 'forced_expired' ? 'the trip has ended, probing' : 'half-open, probing';
    case 'closed':
      return transition.reason === 'forced_expired' ? 'the hold has ended, closed' : 'closed: the probes succeeded';
    case 'forced_open':
    case 'forced_closed':
      return `${transition.to.replace('_', ' ')}, by hand in the database`;
  }
}

function orderWords({ reason, actor, note, to }: BreakerTransition, until: Date | null): string {
  const end = until === null ? '' : ` until ${timeWords(until)}`;
  const done = { trip: 'tripped', hold_closed: 'held closed', reset: 'reset', release: 'released' }[reason!];
  const now = to === 'half_open' ? ', probing' : '';
  return `${done}${end} by ${actor ?? 'somebody'}${now}${noteWords(note)}`;
}

function noteWords(note: string | null): string {
  return note === null || note === '' ? '' : `: “${scrubText(note)}”`;
}

/** Why a breaker is open, as a person reads it. */
export function whyOpened({ reason, note, actor, evidence }: BreakerOpening): string {
  switch (reason) {
    case 'failure_ratio':
      return evidence ? ratioWords(evidence) : 'too many calls failed';
    case 'failures_in_row':
      return evidence ? `${evidence.failuresInRow} calls failed in a row` : 'too many calls failed in a row';
    case 'probe_failed':
      return 'a probe failed';
    case 'probes_lost':
      return 'its probes never came back';
    case 'trip':
      return `tripped by ${actor ?? 'somebody'}${noteWords(note)}`;
    default:
      return 'changed by hand in the database';
  }
}

function ratioWords({ ok, failed, replicas }: BreakerEvidence): string {
  const calls = ok + failed;
  const seenBy = replicas > 1 ? `, seen by ${replicas} replicas` : '';
  return `${failed} of ${calls} calls failed (${Math.round((100 * failed) / calls)} %)${seenBy}`;
}

/** `⏰ breaker activation is still open since 12:04 UTC …`: under its card, every half hour of a trip without an end. */
export function reminderWords(tripped: {
  name: string;
  since: Date;
  opening: BreakerOpening;
  waiting: number;
}): string {
  const { name, since, opening, waiting } = tripped;
  const events = waiting === 0 ? 'Nothing waits for it' : `${waiting.toLocaleString('en-US')} events wait for it`;
  return `⏰ breaker ${name} is still open since ${timeWords(since)}: ${whyOpened(opening)}. It has no end. ${events}. When it is time: Release on the card, or /breaker release ${name} <reason>`;
}

function timeWords(at: Date): string {
  return `${at.toISOString().slice(11, 16)} UTC`;
}

const REMIND_EVERY_MS = 30 * 60 * 1000;

/** How many reminders should have been given by now. Only what has no end of its own is forgotten. */
export function remindersDue(breaker: { state: BreakerState; forcedUntil: Date | null; enteredMs: number }): number {
  if (breaker.state !== 'forced_open' || breaker.forcedUntil !== null) return 0;
  return Math.floor(breaker.enteredMs / REMIND_EVERY_MS);
}
