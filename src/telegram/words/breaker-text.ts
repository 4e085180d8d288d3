import { FormattedString, fmt } from '@grammyjs/parse-mode';
import type { BreakerView } from '../../breaker/breaker-query.ts';
import { whyOpened } from '../../escalation/breaker-words.ts';
import { countWords } from '../cards/count-words.ts';
import { stateWords } from './breaker-words.ts';
import { clockTime, oneLine } from './line-words.ts';

export type ListedBreaker = BreakerView & { waiting: number };

/** Every dependency: its state, since when, how calls went, who waits, when the next probe may be. */
export function renderBreakers(breakers: ListedBreaker[], now: Date): FormattedString {
  if (breakers.length === 0) return fmt`🔌 No dependency has been called yet, so there is no breaker.`;
  const lines = breakers.map((breaker) => renderBreaker(breaker, now));
  return FormattedString.join([fmt`🔌 ${FormattedString.bold('Circuit breakers')}`, ...lines], '\n');
}

function renderBreaker(breaker: ListedBreaker, now: Date): FormattedString {
  const parts = [
    `since ${clockTime(breaker.since, now)} UTC`,
    failureWords(breaker),
    `${countWords(breaker.waiting)} waiting`,
    endWords(breaker, now),
  ];
  const why = whyWords(breaker);
  const state = FormattedString.bold(`${oneLine(breaker.name, 80)}: ${stateWords(breaker.state)}`);
  return fmt`${state}\n   ${parts.filter((part) => part !== null).join(' · ')}${why === null ? '' : `\n   ${why}`}`;
}

/** Of the window while it is closed; of the opening while that is what the last transition was. */
function failureWords({ state, ok, failed, failureShare, evidence }: BreakerView): string | null {
  if (state === 'closed' || state === 'forced_closed')
    return failureShare === null ? 'no calls lately' : shareWords(failureShare, ok + failed);
  if (!evidence) return null;
  const calls = evidence.ok + evidence.failed;
  return calls === 0 ? null : shareWords(evidence.failed / calls, calls);
}

function shareWords(share: number, calls: number): string {
  return `${Math.round(100 * share)} % of ${calls.toLocaleString('en-US')} calls failed`;
}

function endWords({ state, forcedUntil, nextProbeAt }: BreakerView, now: Date): string | null {
  switch (state) {
    case 'closed':
      return null;
    case 'forced_open':
    case 'forced_closed':
      return forcedUntil === null ? 'no end' : `until ${clockTime(forcedUntil, now)} UTC`;
    case 'half_open':
      return nextProbeAt === null || nextProbeAt <= now ? 'probing now' : probeWords(nextProbeAt, now);
    case 'open':
      return nextProbeAt === null ? null : probeWords(nextProbeAt, now);
  }
}

function probeWords(at: Date, now: Date): string {
  return `next probe ${clockTime(at, now)} UTC`;
}

function whyWords(breaker: BreakerView): string | null {
  switch (breaker.state) {
    case 'closed':
      return null;
    case 'half_open':
      return breaker.note === null ? null : `released by ${byWords(breaker)}`;
    case 'forced_closed':
      return `held by ${byWords(breaker)}`;
    case 'open':
    case 'forced_open':
      return oneLine(whyOpened(breaker), 300);
  }
}

function byWords({ actor, note }: BreakerView): string {
  return oneLine(`${actor ?? 'somebody'}${note === null ? '' : `: “${note}”`}`, 300);
}

export const BREAKER_HOW_TO = `To act, with a reason that everybody will see:
/breaker trip <name> [30m] <reason>: nothing is called, until the end or until released
/breaker release <name> <reason>: ends a trip by probing first, or a hold
/breaker reset <name> <reason>: closed at once, the counts forgotten; what waits comes back slowly
/breaker hold <name> 10m <reason>: called whatever fails, for an hour at most
/breaker trip, or release, reset, hold, alone: asks step by step`;
