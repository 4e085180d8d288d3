import type { Db } from '../platform/database.ts';
import type { Logger } from '../platform/log.ts';
import type { Metrics } from '../platform/metrics.ts';
import { readBreakers } from './breaker-query.ts';
import { countFailuresInRow, ensureBreaker, evaluate, type ResultCount, recordResults, tick } from './breaker-store.ts';
import { forgetGoneReplicas, joinFleet, readFleet } from './fleet-store.ts';
import type { KnownBreakers } from './known-breakers.ts';
import type { ResultCounts } from './result-counts.ts';
import type { CompleteSettings } from './settings.ts';
import type { Traffic } from './traffic.ts';

export type TurnDeps = {
  db: Db;
  replica: string;
  known: KnownBreakers;
  traffic: Traffic;
  results: ResultCounts;
  /** Dependencies whose row is not known to be there yet. */
  wanted: Set<string>;
  settingsOf: (dependency: string) => CompleteSettings;
  callsOut: boolean;
  log: Logger;
  metrics: Metrics;
};

/** What needs no hurry is done at every poll, and not at every flush. */
const CARE_EVERY_MS = 900;
const FORGET_EVERY_MS = 600_000;

/** One exchange with the database: make what is missing, say what was seen, look after what is due, read what is true. */
export function createTurn(deps: TurnDeps): { take: () => Promise<void>; flush: () => Promise<void> } {
  const { db, replica, known } = deps;
  let careAtMs = -Infinity;
  let forgetAtMs = -Infinity;
  let fleetIsKnown = false;

  async function take(): Promise<void> {
    await makeWanted();
    // First what may stop calls: on a busy machine the rest takes its time.
    if (fleetIsKnown) await readTruth();
    await flush();
    await takeCare();
    // Before the breakers: one that has just closed is shared by those who are there now.
    deps.traffic.takeFleet(await readFleet(db, replica));
    fleetIsKnown = true;
    await readTruth();
  }

  async function readTruth(): Promise<void> {
    const sentAtMs = performance.now();
    known.takeReadings(await readBreakers(db), sentAtMs, performance.now());
  }

  async function makeWanted(): Promise<void> {
    for (const name of deps.wanted) {
      await ensureBreaker(db, name, deps.settingsOf(name));
      deps.wanted.delete(name);
    }
  }

  /** What cannot be written down is dropped: if it had arrived after all, it would count twice and could open a breaker. */
  async function flush(): Promise<void> {
    const counts = deps.results.take(performance.now());
    if (counts.length === 0) return;
    await recordResults(db, replica, counts);
    await countInRow(counts);
    for (const name of new Set(counts.map((count) => count.name))) await evaluate(db, name, replica);
  }

  async function countInRow(counts: ResultCount[]): Promise<void> {
    for (const count of counts) if (known.find(count.name)?.countsInRow) await countFailuresInRow(db, count);
  }

  async function takeCare(): Promise<void> {
    if (performance.now() < careAtMs) return;
    careAtMs = performance.now() + CARE_EVERY_MS;
    if (deps.callsOut) await joinFleet(db, replica);
    if (known.names().some(passesByTime)) await tick(db);
    for (const name of known.names()) await lookAt(name);
    if (performance.now() < forgetAtMs) return;
    forgetAtMs = performance.now() + FORGET_EVERY_MS;
    await forgetGoneReplicas(db);
  }

  function passesByTime(name: string): boolean {
    const state = known.find(name)?.state;
    return state !== 'closed' && state !== 'open';
  }

  /** A window can come to its ratio without a new result: when successes leave it. */
  async function lookAt(name: string): Promise<void> {
    if (known.find(name)?.state === 'closed') {
      const seen = await evaluate(db, name, replica);
      deps.traffic.learnOfOthers(name, seen?.ok ?? 0, performance.now());
    }
    const limit = deps.traffic.limit(name);
    if (limit === null) deps.metrics.breakerLimit.remove({ dependency: name });
    else deps.metrics.breakerLimit.set({ dependency: name }, limit);
  }

  return { take, flush };
}
