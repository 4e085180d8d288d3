import type { CommandAnswer } from '../../breaker/command.ts';
import type { Refusal, Verb } from '../../breaker/command-decision.ts';
import type { BreakerState } from '../../platform/schema.ts';
import { clockTime, oneLine } from './line-words.ts';

/** What people type and press, and what it is called inside. */
export const ORDERS = { trip: 'trip', hold: 'hold_closed', release: 'release', reset: 'reset' } as const;
export type Order = keyof typeof ORDERS;

export function findOrder(word: string): Order | null {
  return (Object.keys(ORDERS) as Order[]).find((order) => order === word) ?? null;
}

export function orderOf(verb: Verb): Order {
  return verb === 'hold_closed' ? 'hold' : verb;
}

const STATE_WORDS: Record<BreakerState, string> = {
  closed: 'closed',
  open: 'open',
  half_open: 'half-open',
  forced_open: 'forced open',
  forced_closed: 'held closed',
};

const REASON_WORDS: Record<string, string> = {
  failure_ratio: 'too many calls failed',
  failures_in_row: 'too many calls failed in a row',
  open_elapsed: 'its time open is over',
  probe_failed: 'a probe failed',
  probes_ok: 'its probes succeeded',
  probes_lost: 'its probes were lost',
  forced_expired: 'the order has ended',
};

/** What is true of a breaker, told to somebody who saw it before. The actor of what happened by itself is a replica. */
export function changedWords(now: { state: BreakerState; by: string | null; because: string | null }): string {
  const itself = REASON_WORDS[now.because ?? ''];
  const who = itself ? `by itself: ${itself}` : `by ${oneLine(now.by ?? 'somebody', 64)}`;
  return `Changed meanwhile: now ${STATE_WORDS[now.state]}, ${who}. Nothing was done.`;
}

/** The answer to an order: `activation: forced_open`, the state as the API names it, and what became of it. */
export function answerWords(name: string, by: string, answer: CommandAnswer, now: Date): string {
  switch (answer.outcome) {
    case 'changed': {
      const end = answer.forcedUntil === null ? '' : `, until ${clockTime(new Date(answer.forcedUntil), now)} UTC`;
      return `${name}: ${answer.to}\nIt was ${STATE_WORDS[answer.from]}; changed by ${oneLine(by, 64)}${end} (epoch ${answer.epoch}).`;
    }
    case 'unchanged':
      return `${name}: ${answer.state}\nNothing has changed: there was nothing to do.`;
    case 'stale':
      return `${name}: ${answer.state}\n${changedWords({ state: answer.state, by: answer.changedBy, because: answer.changedBecause })}`;
    case 'refused':
      return refusalWords(answer.why, name);
  }
}

/** Why an order makes no sense, and how it would. */
export function refusalWords(why: Refusal | 'end_not_taken', name: string): string {
  switch (why) {
    case 'unknown_breaker':
      return `🔎 There is no breaker ${oneLine(name, 64)}. /breaker lists those there are.`;
    case 'reason_missing':
      return '🤔 A reason is needed. Nothing has changed.';
    case 'end_missing':
      return `🤔 Until when? A hold needs an end of at most an hour: /breaker hold ${oneLine(name, 64)} 10m <reason>. Nothing has changed.`;
    case 'end_out_of_range':
      return '🤔 That end cannot be: a hold lasts at most 1h, a trip at most 30d (or has no end), and neither ends at once. Nothing has changed.';
    case 'end_not_taken':
      return '🤔 Only trip and hold take an end like 30m; a reset or a release is done at once. Nothing has changed.';
  }
}

export function stateWords(state: BreakerState): string {
  return STATE_WORDS[state];
}

export function unknownBreakerText(name: string, known: string[]): string {
  const asked = oneLine(name, 64);
  if (known.length === 0) return `🔎 There is no breaker ${asked}: nothing was ever called.`;
  return `🔎 There is no breaker ${asked}. There ${known.length === 1 ? 'is' : 'are'} ${known.join(', ')}.`;
}
