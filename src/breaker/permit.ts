import type { BreakerState } from '../platform/schema.ts';

/** May a call be made? Pure, and asked before every call: no I/O. Times are of `performance.now()`. */

export type KnownBreaker = {
  name: string;
  state: BreakerState;
  epoch: number;
  /** When an open breaker lets a probe through; Infinity while it is not known yet. */
  dueAtMs: number;
  /** Until when the dependency asked for a pause. */
  heldOffUntilMs: number;
  forcedUntilMs: number | null;
  probeRoom: number;
  countsInRow: boolean;
  /** When the reading this comes from was asked for. */
  readAtMs: number;
};

/**
 * `call`: go ahead. `probe`: only with a lease (`acquireProbes`). `wait`: not now; `retryAfterMs` is null when nobody can say how long.
 * `unknown` means that what we know is too old: a replica cut off from the database starts nothing, since the work is there anyway.
 */
export type Permit =
  | { may: 'call'; epoch: number }
  | { may: 'probe'; epoch: number }
  | { may: 'wait'; why: WaitReason; retryAfterMs: number | null };

type WaitReason = 'open' | 'half_open' | 'forced_open' | 'held_off' | 'limit' | 'unknown';

/** Two polls that did not arrive. */
const UNKNOWN_AFTER_MS = 2_000;

export function decidePermit(known: KnownBreaker | undefined, nowMs: number): Permit {
  if (!known || nowMs - known.readAtMs > UNKNOWN_AFTER_MS) return wait('unknown', null);
  const heldOffMs = Math.max(0, known.heldOffUntilMs - nowMs);
  switch (known.state) {
    case 'closed':
      return heldOffMs > 0 ? wait('held_off', heldOffMs) : { may: 'call', epoch: known.epoch };
    case 'open':
      return probeAfter(known, Math.max(known.dueAtMs - nowMs, heldOffMs));
    case 'half_open':
      if (heldOffMs > 0) return wait('held_off', heldOffMs);
      return known.probeRoom > 0 ? { may: 'probe', epoch: known.epoch } : wait('half_open', null);
    case 'forced_open':
      return wait('forced_open', known.forcedUntilMs === null ? null : Math.max(0, known.forcedUntilMs - nowMs));
    case 'forced_closed':
      return { may: 'call', epoch: known.epoch };
  }
}

function probeAfter(known: KnownBreaker, ms: number): Permit {
  if (ms <= 0) return { may: 'probe', epoch: known.epoch };
  return wait('open', Number.isFinite(ms) ? ms : null);
}

function wait(why: WaitReason, retryAfterMs: number | null): Permit {
  return { may: 'wait', why, retryAfterMs };
}

/** Whether calls are held back in this state. */
export function isHoldingBack(state: BreakerState): boolean {
  return state !== 'closed' && state !== 'forced_closed';
}
