import type { Logger } from '../platform/log.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { ProbeOutcome } from './breaker-store.ts';
import type { KnownBreakers } from './known-breakers.ts';
import { decidePermit, type Permit } from './permit.ts';
import type { ResultCounts } from './result-counts.ts';
import type { CallKind, Traffic } from './traffic.ts';

/** What a call came to. `ignored`: it says nothing about whether the dependency works (a 4xx, our own shutdown). */
export type CallEnd = {
  outcome: ProbeOutcome;
  durationMs: number;
  /** Answered 429, or 503 with Retry-After. */
  throttled?: boolean;
  retryAfterMs?: number | null;
};

export type CallDeps = {
  known: KnownBreakers;
  traffic: Traffic;
  results: ResultCounts;
  metrics: Metrics;
  log: Logger;
  /** Somebody asked for a dependency; the first time its row is made. */
  use: (dependency: string) => void;
  flushWithin: (ms: number) => void;
  /** Tells all replicas. */
  holdOff: (dependency: string, pauseMs: number) => Promise<void>;
};

const FLUSH_MS = 200;
const FLUSH_FAILING_MS = 100;
const FAILING_FOR_MS = 1_000;
const PAUSE_MS_MAX = 3_600_000;

/** Calls of this replica: asked for, begun, ended. Nothing here waits for the database. */
export function createCalls(deps: CallDeps) {
  const { known, traffic, results, metrics } = deps;
  const nowMs = () => performance.now();
  let failedAtMs = -Infinity;

  function permit(dependency: string): Permit {
    const answer = decide(dependency);
    if (answer.may === 'wait') metrics.breakerRefused.inc({ dependency, why: answer.why });
    return answer;
  }

  function decide(dependency: string): Permit {
    deps.use(dependency);
    const answer = decidePermit(known.find(dependency), nowMs());
    const isFull = answer.may === 'call' && traffic.room(dependency, nowMs()) === 0;
    return isFull ? { may: 'wait', why: 'limit', retryAfterMs: null } : answer;
  }

  function canStart(dependency: string): number {
    return decide(dependency).may === 'call' ? traffic.room(dependency, nowMs()) : 0;
  }

  function begin(dependency: string, kind: CallKind): { end: (result: CallEnd) => void } {
    const epoch = known.find(dependency)?.epoch ?? 0;
    traffic.begin(dependency, kind, nowMs());
    return { end: (result) => end(dependency, kind, epoch, result) };
  }

  function end(
    dependency: string,
    kind: CallKind,
    epoch: number,
    { outcome, durationMs, throttled = false, ...rest }: CallEnd,
  ): void {
    const isLate = known.find(dependency)?.epoch !== epoch;
    traffic.end(dependency, { kind, outcome, durationMs, throttled, isLate }, nowMs());
    if (rest.retryAfterMs) pause(dependency, rest.retryAfterMs);
    if (outcome !== 'ignored') count(dependency, epoch, outcome);
  }

  /** Of another epoch than the row's it is dropped there. */
  function count(dependency: string, epoch: number, outcome: 'ok' | 'fail'): void {
    results.add(dependency, epoch, outcome, nowMs());
    if (outcome === 'fail') failedAtMs = nowMs();
    deps.flushWithin(nowMs() - failedAtMs < FAILING_FOR_MS ? FLUSH_FAILING_MS : FLUSH_MS);
  }

  /** Calls that were under way together are told the same pause; one of them tells the others. */
  function pause(dependency: string, retryAfterMs: number): void {
    const pauseMs = Math.min(retryAfterMs, PAUSE_MS_MAX);
    const leftMs = (known.find(dependency)?.heldOffUntilMs ?? 0) - nowMs();
    known.holdOff(dependency, nowMs() + pauseMs);
    if (leftMs > pauseMs * 0.9) return;
    const onError = (err: unknown) => deps.log.warn({ err, dependency }, 'a pause could not be told to other replicas');
    deps.holdOff(dependency, pauseMs).catch(onError);
  }

  return {
    permit,
    canStart,
    canRetry: (dependency: string) => Math.min(canStart(dependency), traffic.retries(dependency, nowMs())),
    blocked: () => known.names().filter((name) => canStart(name) === 0),
    begin,
    pause,
  };
}
