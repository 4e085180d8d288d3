import { type Baseline, baselineMs, learnDuration, NO_BASELINE } from './baseline.ts';
import {
  type Fleet,
  isOver,
  noteDemand,
  type Ramp,
  type RampSample,
  rampAfter,
  reshare,
  roomOf,
  startCutRamp,
  startRamp,
} from './ramp.ts';
import {
  afterFirstTry,
  afterGoodRetry,
  afterRetry,
  fillBudget,
  type RetryBudget,
  retriesLeft,
  startBudget,
} from './retry-budget.ts';

type Lane = { inFlight: number; ramp: Ramp | null; baseline: Baseline; budget: RetryBudget };

/** `first` earns part of a retry, `retry` spends one. */
export type CallKind = 'first' | 'retry';

export type Traffic = ReturnType<typeof createTraffic>;

/** This replica's calls in flight, the limit on them after an opening, and the retries they earn. Times are of `performance.now()`. */
export function createTraffic() {
  const lanes = new Map<string, Lane>();
  let fleet: Fleet = { replicas: 1, rank: 0 };

  function lane(name: string, nowMs: number): Lane {
    const found = lanes.get(name);
    if (found) return found;
    const fresh = { inFlight: 0, ramp: null, baseline: NO_BASELINE, budget: startBudget(nowMs, fleet.replicas) };
    lanes.set(name, fresh);
    return fresh;
  }

  function begin(name: string, kind: CallKind, nowMs: number): void {
    const own = lane(name, nowMs);
    own.inFlight += 1;
    if (own.ramp) own.ramp = noteDemand(own.ramp, own.inFlight, nowMs);
    own.budget = kind === 'first' ? afterFirstTry(own.budget, fleet.replicas) : afterRetry(own.budget);
  }

  /** `isLate`: begun before the last transition, it says nothing about now. */
  function end(
    name: string,
    call: Omit<RampSample, 'inFlight'> & { kind: CallKind; isLate: boolean },
    nowMs: number,
  ): void {
    const own = lane(name, nowMs);
    const sample = { ...call, inFlight: own.inFlight };
    own.inFlight -= 1;
    if (call.kind === 'retry' && call.outcome === 'ok') own.budget = afterGoodRetry(own.budget, fleet.replicas);
    if (call.isLate) return;
    const usualMs = baselineMs(own.baseline);
    if (call.outcome === 'ok' && (!own.ramp || usualMs === null))
      own.baseline = learnDuration(own.baseline, call.durationMs);
    if (own.ramp) own.ramp = rampAfter(own.ramp, sample, { fleet, baselineMs: usualMs, nowMs });
    else if (call.throttled) own.ramp = startCutRamp(fleet, sample.inFlight, nowMs);
  }

  /** Room for further calls; Infinity without a limit. */
  function room(name: string, nowMs: number): number {
    const own = lane(name, nowMs);
    if (own.ramp && isOver(own.ramp, nowMs)) own.ramp = null;
    if (!own.ramp) return Number.POSITIVE_INFINITY;
    own.ramp = noteDemand(own.ramp, own.inFlight, nowMs);
    return roomOf(own.ramp, own.inFlight);
  }

  function retries(name: string, nowMs: number): number {
    const own = lane(name, nowMs);
    own.budget = fillBudget(own.budget, nowMs, fleet.replicas);
    return retriesLeft(own.budget);
  }

  /** Calls are let go again, and everything that waited wants to begin. */
  function release(name: string, nowMs: number): void {
    lane(name, nowMs).ramp = startRamp(fleet, nowMs);
  }

  function holdBack(name: string, nowMs: number): void {
    lane(name, nowMs).ramp = null;
  }

  /** `okOfFleet`: what succeeded in all replicas together since the close. */
  function learnOfOthers(name: string, okOfFleet: number, nowMs: number): void {
    const own = lane(name, nowMs);
    if (own.ramp) own.ramp = reshare(own.ramp, fleet, okOfFleet, nowMs);
  }

  function takeFleet(now: Fleet): void {
    fleet = now;
  }

  return {
    begin,
    end,
    room,
    retries,
    takeFleet,
    release,
    holdBack,
    learnOfOthers,
    inFlight: (name: string): number => lanes.get(name)?.inFlight ?? 0,
    /** null: there is none. */
    limit: (name: string): number | null => lanes.get(name)?.ramp?.limit ?? null,
  };
}
