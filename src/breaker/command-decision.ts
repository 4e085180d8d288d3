import type { BreakerState } from '../platform/schema.ts';

/** What a person's command does to a breaker: pure. */

export type Verb = 'trip' | 'hold_closed' | 'reset' | 'release';

export type CommandRequest = {
  verb: Verb;
  /** Said by the person, and shown to everybody. */
  reason: string;
  /** When it ends by itself. `hold_closed` needs it, at most an hour; a `trip` without it lasts until somebody ends it. */
  ttlMs?: number | null;
};

export type Refusal = 'unknown_breaker' | 'reason_missing' | 'end_missing' | 'end_out_of_range';

const HOLD_MS_MAX = 60 * 60 * 1000;
const TRIP_MS_MAX = 30 * 24 * 60 * 60 * 1000;

/** What is wrong with the command itself, whatever the breaker's state. */
export function findRefusal({ verb, reason, ttlMs }: CommandRequest): Refusal | null {
  if (reason.trim() === '') return 'reason_missing';
  if (verb === 'hold_closed') return findWrongEnd(ttlMs ?? null, HOLD_MS_MAX) ?? (ttlMs == null ? 'end_missing' : null);
  return verb === 'trip' ? findWrongEnd(ttlMs ?? null, TRIP_MS_MAX) : null;
}

function findWrongEnd(ttlMs: number | null, ttlMsMax: number): Refusal | null {
  return ttlMs === null || (ttlMs > 0 && ttlMs <= ttlMsMax) ? null : 'end_out_of_range';
}

/**
 * The state the command leads to, null when it changes nothing. A reset is a transition from every state: it empties the window, and is
 * on record. A release lets probes decide; what was held closed was called all along and goes on.
 */
export function stateAfter(verb: Verb, state: BreakerState): BreakerState | null {
  switch (verb) {
    case 'trip':
      return state === 'forced_open' ? null : 'forced_open';
    case 'hold_closed':
      return state === 'forced_closed' ? null : 'forced_closed';
    case 'reset':
      return 'closed';
    case 'release':
      return state === 'forced_open' ? 'half_open' : state === 'forced_closed' ? 'closed' : null;
  }
}
