import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { baselineMs, learnDuration, NO_BASELINE } from '../../src/breaker/baseline.ts';
import { findRefusal, stateAfter, type Verb } from '../../src/breaker/command-decision.ts';
import { type BreakerChange, createKnownBreakers } from '../../src/breaker/known-breakers.ts';
import { decidePermit, type KnownBreaker } from '../../src/breaker/permit.ts';
import {
  type Fleet,
  isOver,
  isRelease,
  noteDemand,
  type Ramp,
  rampAfter,
  reshare,
  roomOf,
  startCutRamp,
  startRamp,
} from '../../src/breaker/ramp.ts';
import { createResultCounts } from '../../src/breaker/result-counts.ts';
import { afterFirstTry, afterRetry, fillBudget, retriesLeft, startBudget } from '../../src/breaker/retry-budget.ts';
import { DEFAULT_BREAKER, settingsLookup } from '../../src/breaker/settings.ts';
import { createTraffic } from '../../src/breaker/traffic.ts';

describe('permit', () => {
  const known: KnownBreaker = {
    name: 'activation',
    state: 'closed',
    epoch: 7,
    dueAtMs: 0,
    heldOffUntilMs: 0,
    forcedUntilMs: null,
    probeRoom: 0,
    countsInRow: false,
    readAtMs: 10_000,
  };
  const at = (nowMs: number, change: Partial<KnownBreaker>) => decidePermit({ ...known, ...change }, nowMs);

  test.each<[string, Partial<KnownBreaker>, object]>([
    ['closed', {}, { may: 'call', epoch: 7 }],
    ['closed, pause over', { heldOffUntilMs: 10_500 }, { may: 'call', epoch: 7 }],
    ['closed, pause', { heldOffUntilMs: 10_501 }, { may: 'wait', why: 'held_off', retryAfterMs: 1 }],
    ['open', { state: 'open', dueAtMs: 10_501 }, { may: 'wait', why: 'open', retryAfterMs: 1 }],
    ['open, due', { state: 'open', dueAtMs: 10_500 }, { may: 'probe', epoch: 7 }],
    ['open, until unknown', { state: 'open', dueAtMs: Infinity }, { may: 'wait', why: 'open', retryAfterMs: null }],
    [
      'open, due, pause',
      { state: 'open', dueAtMs: 10_400, heldOffUntilMs: 10_700 },
      { may: 'wait', why: 'open', retryAfterMs: 200 },
    ],
    ['half-open with room', { state: 'half_open', probeRoom: 1 }, { may: 'probe', epoch: 7 }],
    ['half-open, full', { state: 'half_open' }, { may: 'wait', why: 'half_open', retryAfterMs: null }],
    [
      'half-open, pause',
      { state: 'half_open', probeRoom: 1, heldOffUntilMs: 10_600 },
      { may: 'wait', why: 'held_off', retryAfterMs: 100 },
    ],
    ['forced open', { state: 'forced_open' }, { may: 'wait', why: 'forced_open', retryAfterMs: null }],
    [
      'forced open, ending',
      { state: 'forced_open', forcedUntilMs: 11_000 },
      { may: 'wait', why: 'forced_open', retryAfterMs: 500 },
    ],
    [
      'forced open, over but not yet ended',
      { state: 'forced_open', forcedUntilMs: 10_000 },
      { may: 'wait', why: 'forced_open', retryAfterMs: 0 },
    ],
    ['held closed, even in a pause', { state: 'forced_closed', heldOffUntilMs: 99_999 }, { may: 'call', epoch: 7 }],
  ])('%s', (_, change, permit) => expect(at(10_500, change)).toEqual(permit));

  test('what was read two seconds ago still counts, a millisecond later nothing is called, whatever the state', () => {
    expect(at(12_000, {}).may).toBe('call');
    for (const state of ['closed', 'open', 'half_open', 'forced_open', 'forced_closed'] as const)
      expect(at(12_001, { state, probeRoom: 3 })).toEqual({ may: 'wait', why: 'unknown', retryAfterMs: null });
    expect(decidePermit(undefined, 0)).toEqual({ may: 'wait', why: 'unknown', retryAfterMs: null });
  });
});

describe('what is heard and what is read', () => {
  const reading = {
    name: 'a',
    state: 'closed',
    epoch: 4,
    enteredMs: 0,
    dueMs: 0,
    heldOffMs: 0,
    forcedMs: null,
    probeRoom: 0,
    countsInRow: false,
  } as const;
  const setUp = () => {
    const changes: BreakerChange[] = [];
    const known = createKnownBreakers((change) => changes.push(change));
    known.takeReadings([reading], 0, 1);
    return { known, changes };
  };
  const message = (epoch: number, state: string) => JSON.stringify({ name: 'a', epoch, state });

  test('a message stops calls at once, and says nothing about how long', () => {
    const { known, changes } = setUp();
    known.hear(message(5, 'open'), 10);
    expect(known.find('a')).toMatchObject({ state: 'open', epoch: 5, dueAtMs: Infinity });
    expect(changes.at(-1)).toMatchObject({ from: { state: 'closed', epoch: 4 }, to: 'open', epoch: 5 });
  });

  test('a message never lets calls go on, and one of an epoch known already changes nothing', () => {
    const { known } = setUp();
    known.hear(message(5, 'open'), 10);
    known.hear(message(6, 'closed'), 11);
    known.hear(message(5, 'half_open'), 12);
    known.hear(message(4, 'forced_open'), 12);
    expect(known.find('a')).toMatchObject({ state: 'open', epoch: 5 });
  });

  test('a reading that was under way when a message came does not undo it; the next one does, also to a lower epoch', () => {
    const { known } = setUp();
    known.hear(message(5, 'open'), 10);
    known.takeReadings([reading], 9, 11);
    expect(known.find('a')?.state).toBe('open');
    known.takeReadings([reading], 12, 13);
    expect(known.find('a')).toMatchObject({ state: 'closed', epoch: 4 });
  });

  test('a pause learned here is not shortened by a shorter one', () => {
    const { known } = setUp();
    known.holdOff('a', 500);
    known.holdOff('a', 400);
    expect(known.find('a')?.heldOffUntilMs).toBe(500);
  });
});

const alone: Fleet = { replicas: 1, rank: 0 };
const ok = { outcome: 'ok', throttled: false, durationMs: 200 } as const;

describe('the limit after an opening', () => {
  const world = (nowMs: number, fleet = alone, usual: number | null = null) => ({ fleet, baselineMs: usual, nowMs });
  const succeed = (ramp: Ramp, samples: number, inFlight = Math.floor(ramp.limit)) => {
    let next = ramp;
    for (let i = 0; i < samples; i++) next = rampAfter(next, { ...ok, inFlight }, world(0));
    return next;
  };

  test('begins with five in all, however many replicas there are', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), (replicas) => {
        const ramps = Array.from({ length: replicas }, (_, rank) => startRamp({ replicas, rank }, 0));
        expect(ramps.reduce((sum, ramp) => sum + roomOf(ramp, 0), 0)).toBe(5);
      }),
    );
  });

  test('at most doubles with each round trip before the first cut, then grows by one', () => {
    let ramp = startRamp(alone, 0);
    for (const wanted of [10, 20, 40, 80]) {
      ramp = succeed(ramp, Math.floor(ramp.limit));
      expect(ramp.limit).toBe(wanted);
    }
    ramp = rampAfter(ramp, { ...ok, outcome: 'fail', inFlight: 80 }, world(1_000));
    expect(ramp.limit).toBe(72);
    expect(succeed(ramp, 72).limit).toBeCloseTo(73, 1);
  });

  test('after the first cut the replicas together grow by one with each round trip', () => {
    const ramps = Array.from({ length: 4 }, (_, rank) => ({
      ...startRamp({ replicas: 4, rank }, 0),
      limit: 10,
      slowStart: false,
    }));
    const grown = ramps.map((ramp, rank) => {
      let next: Ramp = ramp;
      for (let i = 0; i < 10; i++) next = rampAfter(next, { ...ok, inFlight: 10 }, world(0, { replicas: 4, rank }));
      return next.limit;
    });
    expect(grown.reduce((sum, limit) => sum + limit, 0)).toBeCloseTo(41, 1);
  });

  test('grows only while at least half of it is in use', () => {
    const ramp: Ramp = { ...startRamp(alone, 0), limit: 20 };
    expect(rampAfter(ramp, { ...ok, inFlight: 9 }, world(0)).limit).toBe(20);
    expect(rampAfter(ramp, { ...ok, inFlight: 10 }, world(0)).limit).toBe(21);
  });

  test.each([
    ['a failure', { ...ok, outcome: 'fail' as const }, 18],
    ['a 429', { ...ok, outcome: 'ignored' as const, throttled: true }, 18],
    ['a call twice as slow as usual', { ...ok, durationMs: 401 }, 18],
    ['a call just not twice as slow', { ...ok, durationMs: 400 }, 21],
    ['what says nothing', { ...ok, outcome: 'ignored' as const }, 20],
  ])('%s', (_, sample, limit) => {
    const ramp: Ramp = { ...startRamp(alone, 0), limit: 20 };
    expect(rampAfter(ramp, { ...sample, inFlight: 20 }, world(0, alone, 200)).limit).toBe(limit);
  });

  test('a few milliseconds more are no reason to cut', () => {
    const ramp: Ramp = { ...startRamp(alone, 0), limit: 20 };
    expect(rampAfter(ramp, { ...ok, durationMs: 27, inFlight: 20 }, world(0, alone, 2)).limit).toBe(21);
    expect(rampAfter(ramp, { ...ok, durationMs: 28, inFlight: 20 }, world(0, alone, 2)).limit).toBe(18);
  });

  test('is cut once for all failures of 200 ms, and never below one', () => {
    let ramp: Ramp = { ...startRamp(alone, 0), limit: 20 };
    const failed = { ...ok, outcome: 'fail' as const, inFlight: 20 };
    for (const nowMs of [0, 1, 199, 200]) ramp = rampAfter(ramp, failed, world(nowMs));
    expect(ramp.limit).toBeCloseTo(16.2);
    for (let nowMs = 0; nowMs < 20_000; nowMs += 200) ramp = rampAfter(ramp, failed, world(nowMs + 400));
    expect(ramp.limit).toBe(1);
    expect(roomOf(ramp, 0)).toBe(1);
  });

  test('a replica without a part in the first five joins when the others may make two each, or after a while', () => {
    const sixteen = { replicas: 16, rank: 9 };
    const ramp = startRamp(sixteen, 0);
    expect(ramp.limit).toBe(0);
    expect(reshare(ramp, sixteen, 26, 1_000).limit).toBe(0);
    expect(reshare(ramp, sixteen, 27, 1_000).limit).toBe(1);
    expect(reshare(ramp, sixteen, 0, 10_000).limit).toBe(1);
    expect(reshare(ramp, { replicas: 2, rank: 1 }, 0, 0).limit).toBe(2);
    expect(reshare({ ...ramp, limit: 0.5, slowStart: false }, sixteen, 999, 99_999).limit).toBe(0.5);
  });

  test('is over when something succeeded and for ten seconds nobody was held back', () => {
    const ramp = startRamp(alone, 0);
    const grown = rampAfter(ramp, { ...ok, inFlight: 5 }, world(0));
    expect(isOver(ramp, 60_000)).toBe(false);
    expect(isOver(grown, 9_999)).toBe(false);
    expect(isOver(grown, 10_000)).toBe(true);
    expect(isOver(noteDemand(grown, 6, 5_000), 14_999)).toBe(false);
    expect(isOver(noteDemand(grown, 5, 5_000), 10_000)).toBe(true);
  });

  test('begins at what was in flight, cut, where a 429 comes without an opening', () => {
    expect(startCutRamp(alone, 50, 0)).toMatchObject({ limit: 45, slowStart: false });
    expect(startCutRamp(alone, 1, 0).limit).toBe(5);
  });

  test.each<[string, BreakerChange['from'], BreakerChange['to'], number, number, boolean]>([
    ['half-open closes', { state: 'half_open', epoch: 3 }, 'closed', 4, 0, true],
    ['open is reset', { state: 'open', epoch: 3 }, 'closed', 4, 0, true],
    ['open is held closed', { state: 'open', epoch: 3 }, 'forced_closed', 4, 0, true],
    ['closed is reset', { state: 'closed', epoch: 3 }, 'closed', 4, 0, false],
    ['closed is held closed', { state: 'closed', epoch: 3 }, 'forced_closed', 4, 0, false],
    ['closed again, what was between was missed', { state: 'closed', epoch: 3 }, 'closed', 6, 0, true],
    ['closed opens', { state: 'closed', epoch: 3 }, 'open', 4, 0, false],
    ['first reading, closed a moment ago', null, 'closed', 4, 59_999, true],
    ['first reading, closed for long', null, 'closed', 4, 60_000, false],
    ['first reading of a new breaker', null, 'closed', 1, 0, false],
  ])('%s', (_, from, to, epoch, enteredMs, released) => {
    expect(isRelease({ name: 'a', from, to, epoch, enteredMs })).toBe(released);
  });
});

/**
 * A backlog released against a dependency that does 500 calls a second of 200 ms each, 100 at once, and fails what is more than twice that:
 * in steps of 10 ms of virtual time.
 */
function drain(backlog: number, limited: boolean, untilMs = 600_000) {
  const traffic = createTraffic();
  if (limited) traffic.release('a', 0);
  const served: number[] = [];
  let [waiting, failures, startedThisSecond, peakPerSecond] = [backlog, 0, 0, 0];
  let underWay: { doneAtMs: number; tookMs: number; fails: boolean }[] = [];
  let freeAtMs = 0;
  for (let nowMs = 0; waiting > 0 || underWay.length > 0; nowMs += 10) {
    if (nowMs % 1_000 === 0) startedThisSecond = 0;
    for (const call of underWay.filter(({ doneAtMs }) => doneAtMs <= nowMs)) {
      const outcome = call.fails ? 'fail' : 'ok';
      traffic.end('a', { kind: 'first', outcome, durationMs: call.tookMs, throttled: false, isLate: false }, nowMs);
      if (call.fails) [failures, waiting] = [failures + 1, waiting + 1];
      else served.push(nowMs);
    }
    underWay = underWay.filter(({ doneAtMs }) => doneAtMs > nowMs);
    const room = Math.min(waiting, traffic.room('a', nowMs), 500);
    for (let i = 0; i < room; i++) {
      const fails = underWay.length >= 200;
      // 2 ms of work each; what does not begin at once waits for its turn.
      freeAtMs = fails ? freeAtMs : Math.max(freeAtMs + 2, nowMs);
      const doneAtMs = fails ? nowMs + 20 : Math.max(nowMs, freeAtMs) + 200;
      traffic.begin('a', 'first', nowMs);
      underWay.push({ doneAtMs, tookMs: doneAtMs - nowMs, fails });
      startedThisSecond += 1;
    }
    waiting -= room;
    peakPerSecond = Math.max(peakPerSecond, startedThisSecond);
    if (nowMs >= untilMs) break;
  }
  return { seconds: (served.at(-1) ?? 0) / 1_000, failures, peakPerSecond };
}

describe('a backlog of 20,000 released at the close against 500 calls a second', () => {
  test('is drained in at most 1.2 times the least possible 40 s, with hardly a failure', () => {
    const drained = drain(20_000, true);
    expect(drained.seconds).toBeLessThan(48);
    expect(drained.failures).toBeLessThan(50);
    expect(drained.peakPerSecond).toBeLessThan(1_000);
  });

  test('control: without the limit thousands fail in the first second', () => {
    expect(drain(20_000, false, 1_000).failures).toBeGreaterThan(5_000);
  });
});

describe('the retry budget', () => {
  test('gives ten a second over the fleet, saves at most ten seconds of that, and earns a fifth per first try', () => {
    let budget = startBudget(0, 4);
    expect(retriesLeft(budget)).toBe(2);
    budget = fillBudget(budget, 1_000, 4);
    expect(retriesLeft(budget)).toBe(5);
    expect(retriesLeft(fillBudget(budget, 3_600_000, 4))).toBe(25);
    for (let i = 0; i < 10; i++) budget = afterFirstTry(budget, 4);
    expect(retriesLeft(budget)).toBe(7);
  });

  test('is spent by retries only, and never below nothing', () => {
    let budget = startBudget(0, 1);
    for (let i = 0; i < 20; i++) budget = afterRetry(budget);
    expect(retriesLeft(budget)).toBe(0);
    expect(retriesLeft(fillBudget(budget, 100, 1))).toBe(1);
  });

  test('is given back by a retry that succeeds: a backlog of them flows while all is well', () => {
    const traffic = createTraffic();
    const attempt = (outcome: 'ok' | 'fail') => {
      traffic.begin('a', 'retry', 0);
      traffic.end('a', { kind: 'retry', outcome, throttled: false, durationMs: 10, isLate: false }, 0);
    };
    const saved = traffic.retries('a', 0);
    for (let i = 0; i < 1_000; i++) attempt('ok');
    expect(traffic.retries('a', 0)).toBe(saved);
    attempt('fail');
    expect(traffic.retries('a', 0)).toBe(saved - 1);
  });

  test('of a failing dependency lets through no more than a fifth above its first tries and the reserve', () => {
    const traffic = createTraffic();
    let retried = 0;
    for (let nowMs = 0; nowMs < 60_000; nowMs += 10) {
      traffic.begin('a', 'first', nowMs);
      while (traffic.retries('a', nowMs) > 0) {
        traffic.begin('a', 'retry', nowMs);
        retried += 1;
      }
    }
    expect(retried).toBeLessThanOrEqual(6_000 * 0.2 + 60 * 10 + 10);
    expect(retried).toBeGreaterThan(1_700);
  });
});

describe('what a call usually takes', () => {
  test('is not said before ten calls, and follows slowly', () => {
    let baseline = NO_BASELINE;
    for (let i = 0; i < 9; i++) baseline = learnDuration(baseline, 100);
    expect(baselineMs(baseline)).toBeNull();
    for (let i = 0; i < 91; i++) baseline = learnDuration(baseline, 100);
    expect(baselineMs(baseline)).toBeCloseTo(100);
    expect(baselineMs(learnDuration(baseline, 1_100))).toBeCloseTo(120);
  });

  test('is not learned during a ramp that knows it, nor from failures', () => {
    const traffic = createTraffic();
    const call = (durationMs: number, outcome: 'ok' | 'fail' = 'ok') => {
      traffic.begin('a', 'first', 0);
      traffic.end('a', { kind: 'first', outcome, durationMs, throttled: false, isLate: false }, 0);
    };
    for (let i = 0; i < 50; i++) call(100);
    for (let i = 0; i < 50; i++) call(9_000, 'fail');
    traffic.release('a', 0);
    for (let i = 0; i < 50; i++) call(5_000);
    expect(traffic.limit('a')).toBeLessThan(5);
  });
});

test('a call begun before the last transition says nothing about the limit, and has its place until it ends', () => {
  const traffic = createTraffic();
  traffic.begin('a', 'first', 0);
  traffic.release('a', 0);
  expect(traffic.room('a', 0)).toBe(4);
  traffic.end('a', { kind: 'first', ...ok, outcome: 'fail', isLate: true }, 0);
  expect(traffic.room('a', 0)).toBe(5);
});

test('results keep the moment they ended at, and are handed out once', () => {
  const counts = createResultCounts();
  counts.add('a', 1, 'ok', 1_010);
  counts.add('a', 1, 'fail', 1_049);
  counts.add('a', 2, 'fail', 1_049);
  counts.add('a', 1, 'fail', 1_050);
  counts.add('b', 1, 'ok', 1_050);
  expect(counts.take(1_100)).toEqual([
    { name: 'a', epoch: 1, ok: 1, failed: 1, ageMs: 100 },
    { name: 'a', epoch: 2, ok: 0, failed: 1, ageMs: 100 },
    { name: 'a', epoch: 1, ok: 0, failed: 1, ageMs: 50 },
    { name: 'b', epoch: 1, ok: 1, failed: 0, ageMs: 50 },
  ]);
  expect(counts.take(1_100)).toEqual([]);
});

describe('a command', () => {
  test.each([
    [{ verb: 'trip', reason: ' ' }, 'reason_missing'],
    [{ verb: 'hold_closed', reason: 'x' }, 'end_missing'],
    [{ verb: 'hold_closed', reason: 'x', ttlMs: 3_600_001 }, 'end_out_of_range'],
    [{ verb: 'hold_closed', reason: 'x', ttlMs: 0 }, 'end_out_of_range'],
    [{ verb: 'trip', reason: 'x', ttlMs: Number.NaN }, 'end_out_of_range'],
    [{ verb: 'hold_closed', reason: 'x', ttlMs: 3_600_000 }, null],
    [{ verb: 'trip', reason: 'x' }, null],
    [{ verb: 'trip', reason: 'x', ttlMs: 86_400_000 }, null],
    [{ verb: 'reset', reason: 'x', ttlMs: -1 }, null],
    [{ verb: 'release', reason: 'x' }, null],
  ] as const)('%j is refused for %s', (request, refusal) => expect(findRefusal(request)).toBe(refusal));

  test('leads from each state where the table says', () => {
    const states = ['closed', 'open', 'half_open', 'forced_open', 'forced_closed'] as const;
    const leads = (verb: Verb) => states.map((state) => stateAfter(verb, state));
    expect(leads('trip')).toEqual(['forced_open', 'forced_open', 'forced_open', null, 'forced_open']);
    expect(leads('hold_closed')).toEqual(['forced_closed', 'forced_closed', 'forced_closed', 'forced_closed', null]);
    expect(leads('reset')).toEqual(['closed', 'closed', 'closed', 'closed', 'closed']);
    expect(leads('release')).toEqual([null, null, null, 'half_open', 'closed']);
  });
});

test('every dependency has settings: what is configured, else the defaults, and a lease longer than its call', () => {
  const settingsOf = settingsLookup({ activation: { ...DEFAULT_BREAKER, openMs: 500, probes: 5 } }, 2_000);
  expect(settingsOf('activation')).toEqual({
    ...DEFAULT_BREAKER,
    openMs: 500,
    openMsMax: 500,
    probes: 5,
    leaseMs: 7_000,
    probesLostMax: 6,
    failuresInRow: null,
  });
  expect(settingsOf('provider:acme')).toMatchObject({ minimumVolume: 10, leaseMs: 15_000 });
  expect(settingsOf('payout:ton')).toMatchObject({ minimumVolume: 5, openMsMax: 60_000 });
});
