import type { BreakerChange } from './known-breakers.ts';
import { isHoldingBack } from './permit.ts';

/**
 * How many calls may be in flight after an opening: pure. Everything that waited is released at once, and a dependency that has just
 * come back would fall over again; a limit that grows with success finds what it can do. Slow start and AIMD as in TCP (RFC 5681), cut
 * by 0.9 as in Netflix' `AIMDLimit`. Every replica keeps its share of the limit.
 */
export type Ramp = {
  /** This replica's share. A fraction counts towards the next call. */
  limit: number;
  /** Until the first cut the limit doubles with each round trip; then it grows by one. */
  slowStart: boolean;
  startedAtMs: number;
  cutAtMs: number;
  /** When somebody was last held back by it. */
  boundAtMs: number;
  succeeded: boolean;
};

export type Fleet = {
  /** Replicas alive, this one among them. */
  replicas: number;
  /** This one's place among them, from 0. */
  rank: number;
};

/** A call that came to its end. */
export type RampSample = {
  outcome: 'ok' | 'fail' | 'ignored';
  throttled: boolean;
  durationMs: number;
  /** Of this replica, this call among them. */
  inFlight: number;
};

/** In flight over all replicas at the close. */
const START = 5;
const CUT = 0.9;
/** One bad moment shows in all calls under way; it is one reason to cut, not hundreds. */
const CUT_EVERY_MS = 200;
/** A round trip that takes twice as long says that calls queue up over there; a few milliseconds more say nothing. */
const SLOWER = 2;
const SLOWER_MS_MIN = 25;
/** The ramp is over when for so long nobody was held back by it: then the limit is above what is wanted. */
const OVER_AFTER_MS = 10_000;

export function startRamp(fleet: Fleet, nowMs: number): Ramp {
  return {
    limit: shareOf(START, fleet),
    slowStart: true,
    startedAtMs: nowMs,
    cutAtMs: -Infinity,
    boundAtMs: nowMs,
    succeeded: false,
  };
}

/** After a 429 without an opening: what the pause has gathered is not released at once either. */
export function startCutRamp(fleet: Fleet, inFlight: number, nowMs: number): Ramp {
  const limit = Math.max(shareOf(START, fleet), inFlight * CUT);
  return { ...startRamp(fleet, nowMs), limit, slowStart: false, cutAtMs: nowMs };
}

/** `total` in whole calls: the first replicas get one more. */
function shareOf(total: number, { replicas, rank }: Fleet): number {
  return Math.floor(total / replicas) + (rank < total % replicas ? 1 : 0);
}

/** How many more calls this replica may begin. */
export function roomOf(ramp: Ramp, inFlight: number): number {
  return Math.max(0, Math.floor(ramp.limit) - inFlight);
}

/** Somebody asked for room: remembers when there was none. */
export function noteDemand(ramp: Ramp, inFlight: number, nowMs: number): Ramp {
  return roomOf(ramp, inFlight) === 0 ? { ...ramp, boundAtMs: nowMs } : ramp;
}

export function rampAfter(
  ramp: Ramp,
  sample: RampSample,
  world: { fleet: Fleet; baselineMs: number | null; nowMs: number },
): Ramp {
  if (sample.throttled || sample.outcome === 'fail' || isSlow(sample, world.baselineMs)) return cut(ramp, world.nowMs);
  return sample.outcome === 'ok' ? grow(ramp, sample, world.fleet) : ramp;
}

function isSlow({ outcome, durationMs }: RampSample, baselineMs: number | null): boolean {
  if (outcome !== 'ok' || baselineMs === null) return false;
  return durationMs > baselineMs * SLOWER && durationMs > baselineMs + SLOWER_MS_MIN;
}

function cut(ramp: Ramp, nowMs: number): Ramp {
  const isSameReason = nowMs - ramp.cutAtMs < CUT_EVERY_MS;
  if (isSameReason) return ramp;
  return { ...ramp, limit: Math.max(Math.min(1, ramp.limit), ramp.limit * CUT), slowStart: false, cutAtMs: nowMs };
}

/** Only a limit that is made use of has been tried. */
function grow(ramp: Ramp, { inFlight }: RampSample, { replicas }: Fleet): Ramp {
  const isUsed = inFlight * 2 >= ramp.limit;
  const step = ramp.slowStart ? 1 : 1 / Math.max(1, ramp.limit * replicas);
  return { ...ramp, limit: ramp.limit + (isUsed ? step : 0), succeeded: true };
}

/**
 * The fleet changed, or others got on. A replica that had no part in the first five joins with one call when the others together may
 * make two each, or after a while; before the first cut nobody has less than its share of the start.
 */
export function reshare(ramp: Ramp, fleet: Fleet, okOfFleet: number, nowMs: number): Ramp {
  if (!ramp.slowStart) return ramp;
  const mayJoin = START + okOfFleet >= fleet.replicas * 2 || nowMs - ramp.startedAtMs >= OVER_AFTER_MS;
  const joins = mayJoin ? 1 : 0;
  return { ...ramp, limit: Math.max(ramp.limit, shareOf(START, fleet), joins) };
}

export function isOver(ramp: Ramp, nowMs: number): boolean {
  return ramp.succeeded && nowMs - ramp.boundAtMs >= OVER_AFTER_MS;
}

/** A first reading of a breaker closed for less than this may be of one whose ramp the others are still on. */
const FRESHLY_CLOSED_MS = 60_000;

/**
 * Whether what was held back is let go by this change: from a state without calls to one with them, also when some states in between
 * were missed. A reset of a closed breaker holds nothing back and releases nothing.
 */
export function isRelease(change: BreakerChange): boolean {
  if (isHoldingBack(change.to)) return false;
  if (change.from === null) return change.epoch > 1 && change.enteredMs < FRESHLY_CLOSED_MS;
  return isHoldingBack(change.from.state) || change.epoch - change.from.epoch > 1;
}
