import type { Db } from '../platform/database.ts';
import { createEar } from '../platform/ear.ts';
import type { Logger } from '../platform/log.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { BreakerState } from '../platform/schema.ts';
import { createBeat } from './beat.ts';
import { type BreakerView, listBreakers } from './breaker-query.ts';
import { holdOff, type Lease } from './breaker-store.ts';
import { type CallEnd, createCalls } from './calls.ts';
import { type BreakerCommand, type CommandAnswer, commandBreaker } from './command.ts';
import { leaveFleet } from './fleet-store.ts';
import { type BreakerChange, createKnownBreakers } from './known-breakers.ts';
import { isHoldingBack, type Permit } from './permit.ts';
import { createProbes } from './probes.ts';
import { isRelease } from './ramp.ts';
import { createResultCounts } from './result-counts.ts';
import type { CompleteSettings } from './settings.ts';
import { type CallKind, createTraffic } from './traffic.ts';
import { createTurn } from './turn.ts';

export type BreakersOptions = {
  /** Best on connections of its own, with a statement time-out of a second: behind the work of others a poll comes late. */
  db: Db;
  /** A direct connection to the same database. */
  listenUrl: string;
  replica: string;
  settingsOf: (dependency: string) => CompleteSettings;
  /** Made at the start, with their settings; others when they are first asked for. */
  dependencies?: string[];
  /** Whether this process calls dependencies, and so has a share of the limit after an opening. True when left out. */
  callsOut?: boolean;
  log: Logger;
  metrics: Metrics;
  livenessIntervalMs?: number;
};

export type Breakers = {
  /** Throws when the database is away. */
  start(): Promise<void>;
  /** Writes down what was counted last. */
  stop(): Promise<void>;
  /** To be asked before every call. No I/O; a dependency nobody asked for before is `unknown` for a moment. */
  permit(dependency: string): Permit;
  /** How many calls may begin now: 0 while none is permitted, Infinity without a limit. */
  canStart(dependency: string): number;
  /** How many of them may be retries. */
  canRetry(dependency: string): number;
  /** Dependencies whose work is not to be claimed now. */
  blocked(): string[];
  /** Around a call that was permitted; its result counts under the epoch it was begun in. Not for probes. */
  begin(dependency: string, kind: CallKind): { end: (result: CallEnd) => void };
  /** At most `wanted` leases for one call each, often none: claim exactly as many events as there are leases. Throws without the database. */
  acquireProbes(dependency: string, wanted: number): Promise<Lease[]>;
  /** Never throws: a result that cannot be reported is a lost probe. */
  reportProbe(probe: Lease, result: CallEnd): Promise<void>;
  /** The dependency asked for a pause outside a call. */
  holdOff(dependency: string, pauseMs: number): void;
  /** From the database. */
  list(): Promise<BreakerView[]>;
  command(command: BreakerCommand): Promise<CommandAnswer & { replayed: boolean }>;
  /** Called whenever this replica learns of a transition. Answers how to stop listening. */
  onChange(listener: (change: BreakerChange) => void): () => void;
};

const POLL_MS = 1_000;
/** A trip is known everywhere within 100 ms, with and without notifications. */
const POLL_UNHEARD_MS = 50;
const AFTER_ERROR_MS = 100;

/** The breakers as one replica feeds and remembers them. The decisions are made in the database. */
export function createBreakers(options: BreakersOptions): Breakers {
  const { db, replica, log, metrics, callsOut = true } = options;
  const listeners = new Set<(change: BreakerChange) => void>();
  const used = new Set(options.dependencies);
  const wanted = new Set(options.dependencies);
  const [traffic, results] = [createTraffic(), createResultCounts()];
  const known = createKnownBreakers(learn);
  const turn = createTurn({ ...options, callsOut, known, traffic, results, wanted });
  const beat = createBeat(takeTurn, () => (ear.isListening() ? POLL_MS : POLL_UNHEARD_MS));
  const ear = createEar({ ...options, channel: 'breaker', name: 'breakwater breaker', hear });
  const tellPause = (dependency: string, pauseMs: number) => holdOff(db, dependency, pauseMs);
  const { pause, ...calls } = createCalls({
    ...options,
    known,
    traffic,
    results,
    use,
    flushWithin: beat.soon,
    holdOff: tellPause,
  });
  const readAgain = () => beat.soon(0);
  const probes = createProbes({ ...options, known, pause, readAgain });
  let isAway = false;

  ear.onBreak(readAgain);
  ear.onReconnect(readAgain);

  function learn(change: BreakerChange): void {
    if (isRelease(change)) traffic.release(change.name, performance.now());
    else if (isHoldingBack(change.to)) traffic.holdBack(change.name, performance.now());
    show(metrics, change);
    for (const listener of listeners) listener(change);
  }

  function hear(payload: string): void {
    known.hear(payload, performance.now());
    readAgain();
  }

  function use(dependency: string): void {
    if (used.has(dependency)) return;
    used.add(dependency);
    wanted.add(dependency);
    readAgain();
  }

  /** What cannot be read gets too old by itself, and then nothing is called. */
  async function takeTurn(): Promise<void> {
    try {
      await turn.take();
      if (isAway) log.info('the breakers are known again');
      isAway = false;
    } catch (err) {
      if (!isAway) log.warn({ err }, 'the breakers cannot be read; soon nothing is called any more');
      isAway = true;
      beat.soon(AFTER_ERROR_MS);
    }
  }

  async function start(): Promise<void> {
    await ear.open();
    await turn.take().catch(async (error) => {
      await ear.close();
      throw error;
    });
    beat.start();
  }

  async function stop(): Promise<void> {
    await beat.stop();
    await ear.close();
    const onError = (err: unknown) => log.warn({ err }, 'the last results of calls were not counted');
    await turn
      .flush()
      .then(() => leaveFleet(db, replica))
      .catch(onError);
  }

  return {
    ...calls,
    start,
    stop,
    acquireProbes: probes.acquire,
    reportProbe: probes.report,
    holdOff: pause,
    list: () => listBreakers(db),
    command: (command) => commandBreaker(db, command).finally(readAgain),
    onChange: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

const STATES: BreakerState[] = ['closed', 'open', 'half_open', 'forced_open', 'forced_closed'];

function show(metrics: Metrics, { name: dependency, from, to }: BreakerChange): void {
  if (from) metrics.breakerTransitions.inc({ dependency, to });
  for (const state of STATES) metrics.breakerState.set({ dependency, state }, state === to ? 1 : 0);
}
