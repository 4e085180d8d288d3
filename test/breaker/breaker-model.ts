import type { CompleteSettings } from '../../src/breaker/settings.ts';
import type { BreakerState } from '../../src/platform/schema.ts';

/** The table of states and events once more, as plainly as it can be said: what the statements must do, step by step. */

export type Step =
  | { step: 'wait'; ms: number }
  | { step: 'record'; replica: string; late: boolean; ok: number; failed: number; ageMs: number }
  | { step: 'evaluate' }
  | { step: 'acquire' }
  | { step: 'report'; lease: number; outcome: 'ok' | 'fail' | 'ignored'; otherEpoch: boolean }
  | { step: 'tick' }
  | {
      step: 'command';
      verb: 'trip' | 'hold_closed' | 'reset' | 'release';
      ttlMs: number | null;
      seen: 'none' | 'current' | 'older';
    }
  | { step: 'replay' }
  | { step: 'hold_off'; pauseMs: number };

export type Model = ReturnType<typeof createModel>;

const HOUR_MS = 3_600_000;

export function createModel(settings: CompleteSettings, startMs: number) {
  let now = startMs;
  let state: BreakerState = 'closed';
  let epoch = 1;
  let enteredAt = startMs;
  let openUntil: number | null = null;
  let notBefore: number | null = null;
  let forcedUntil: number | null = null;
  let streak = 0;
  let leases = new Map<string, number>();
  let probesOk = 0;
  let probesLost = 0;
  let inRow = 0;
  let results: { at: number; ok: number; failed: number }[] = [];
  let lastAnswer: object | null = null;
  const issued: { lease: string; epoch: number }[] = [];
  const transitions: [BreakerState, BreakerState, string][] = [];

  function enter(to: BreakerState, reason: string, forUntil: { open?: number; forced?: number | null } = {}): void {
    transitions.push([state, to, reason]);
    state = to;
    epoch += 1;
    enteredAt = now;
    openUntil = forUntil.open ?? null;
    forcedUntil = forUntil.forced ?? null;
    leases = new Map();
    [probesOk, probesLost, inRow, results] = [0, 0, 0, []];
  }

  function open(reason: string): void {
    const isQuiet = state === 'closed' && now - enteredAt > 10 * settings.openMsMax;
    streak = isQuiet ? 1 : streak + 1;
    enter('open', reason, { open: now + Math.min(settings.openMsMax, settings.openMs * 2 ** (streak - 1)) });
  }

  /** What a bucket has counted leaves the window together, when its beginning does. */
  function windowCounts() {
    const width = Math.ceil(settings.windowMs / 20);
    const inside = results.filter(({ at }) => Math.floor(at / width) * width > now - settings.windowMs);
    return {
      ok: inside.reduce((sum, result) => sum + result.ok, 0),
      failed: inside.reduce((sum, result) => sum + result.failed, 0),
    };
  }

  function record({ late, ok, failed, ageMs }: Extract<Step, { step: 'record' }>): string {
    const isCounted = state === 'closed' || state === 'forced_closed';
    if (late || !isCounted || ageMs >= settings.windowMs) return 'dropped';
    results.push({ at: now - ageMs, ok, failed });
    if (settings.failuresInRow !== null && state === 'closed') inRow = ok > 0 ? 0 : inRow + failed;
    return 'counted';
  }

  function evaluate(): string {
    if (state !== 'closed') return 'nothing';
    const { ok, failed } = windowCounts();
    const byRatio =
      failed > 0 && ok + failed >= settings.minimumVolume && failed >= settings.failureRatio * (ok + failed);
    const byRow = settings.failuresInRow !== null && inRow >= settings.failuresInRow;
    if (!byRatio && !byRow) return 'stays';
    open(byRatio ? 'failure_ratio' : 'failures_in_row');
    return byRatio ? 'opened' : 'opened in a row';
  }

  function liveLeases(): number {
    return [...leases.values()].filter((until) => until > now).length;
  }

  function acquire(lease: string): string {
    if (notBefore !== null && notBefore > now && state !== 'closed') return 'refused';
    if (state === 'open' && openUntil! <= now) enter('half_open', 'open_elapsed');
    else if (state !== 'half_open') return 'refused';
    else {
      const lost = probesLost + leases.size - liveLeases();
      if (liveLeases() + probesOk >= settings.probes) return 'refused, full';
      if (lost >= settings.probesLostMax) return 'refused, too many lost';
      probesLost = lost;
      leases = new Map([...leases].filter(([, until]) => until > now));
    }
    leases.set(lease, now + settings.leaseMs);
    issued.push({ lease, epoch });
    return leases.size === 1 && probesOk === 0 && probesLost === 0 ? 'granted first' : 'granted';
  }

  function report({ lease: index, outcome, otherEpoch }: Extract<Step, { step: 'report' }>): string {
    const lease = issued.at(-1 - index);
    if (!lease || otherEpoch || state !== 'half_open' || lease.epoch !== epoch) return 'unknown';
    if (!((leases.get(lease.lease) ?? 0) > now)) return leases.has(lease.lease) ? 'expired' : 'unknown';
    if (outcome === 'fail') open('probe_failed');
    else if (outcome === 'ok' && probesOk + 1 >= settings.closeAfter) enter('closed', 'probes_ok');
    else {
      leases.delete(lease.lease);
      if (outcome === 'ok') probesOk += 1;
    }
    return outcome;
  }

  function tick(): string {
    if (state === 'half_open' && probesLost + leases.size - liveLeases() >= settings.probesLostMax) {
      open('probes_lost');
      return 'lost';
    }
    const isOver = forcedUntil !== null && forcedUntil <= now;
    if (isOver && state === 'forced_open') enter('half_open', 'forced_expired');
    else if (isOver && state === 'forced_closed') enter('closed', 'forced_expired');
    else return 'nothing';
    return 'expired';
  }

  function command({ verb, ttlMs, seen }: Extract<Step, { step: 'command' }>): string {
    const from = state;
    if (seen === 'older') lastAnswer = { outcome: 'stale', state, epoch };
    else if (verb === 'hold_closed' && ttlMs === null) return 'refused';
    else if (!move(verb, ttlMs)) lastAnswer = { outcome: 'unchanged', state, epoch };
    else lastAnswer = { outcome: 'changed', from, to: state, epoch };
    return (lastAnswer as { outcome: string }).outcome;
  }

  function move(verb: Extract<Step, { step: 'command' }>['verb'], ttlMs: number | null): boolean {
    const forced = ttlMs === null ? null : now + ttlMs;
    if (verb === 'trip' && state !== 'forced_open') enter('forced_open', 'trip', { forced });
    else if (verb === 'hold_closed' && state !== 'forced_closed') enter('forced_closed', 'hold_closed', { forced });
    else if (verb === 'release' && state === 'forced_open') enter('half_open', 'release');
    else if (verb === 'release' && state === 'forced_closed') enter('closed', 'release');
    else if (verb === 'reset') {
      enter('closed', 'reset');
      streak = 0;
      notBefore = null;
    } else return false;
    return true;
  }

  function holdOff(pauseMs: number): string {
    if (state === 'forced_open' || pauseMs <= 0) return 'nothing';
    const end = now + Math.min(pauseMs, HOUR_MS);
    if (notBefore !== null && notBefore >= end) return 'nothing';
    notBefore = end;
    if (state === 'open') openUntil = Math.max(openUntil!, Math.min(end, now + settings.openMsMax));
    return 'held off';
  }

  function take(step: Step, lease: string): string {
    switch (step.step) {
      case 'wait':
        now += step.ms;
        return 'waited';
      case 'record':
        return record(step);
      case 'evaluate':
        return evaluate();
      case 'acquire':
        return acquire(lease);
      case 'report':
        return report(step);
      case 'tick':
        return tick();
      case 'command':
        return command(step);
      case 'replay':
        return lastAnswer === null ? 'nothing to repeat' : 'repeated';
      case 'hold_off':
        return holdOff(step.pauseMs);
    }
  }

  return {
    now: () => new Date(now),
    epoch: () => epoch,
    state: () => state,
    issued,
    transitions,
    liveLeases,
    window: windowCounts,
    lastAnswer: () => lastAnswer,
    /** Answers in a word what came of it. */
    take,
    /** The row as it must be now. */
    row: () => ({
      state,
      epoch,
      enteredAt,
      openUntil,
      notBefore,
      forcedUntil,
      streak,
      leases: [...leases.keys()].sort(),
      probesOk,
      probesLost,
      inRow,
    }),
  };
}
