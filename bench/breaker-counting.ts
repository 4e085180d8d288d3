import { setTimeout as wait } from 'node:timers/promises';
import { sql } from 'kysely';
import { ensureBreaker, evaluate, type ResultCount, recordResults } from '../src/breaker/breaker-store.ts';
import { createResultCounts, type ResultCounts } from '../src/breaker/result-counts.ts';
import { completeSettings, DEFAULT_BREAKER } from '../src/breaker/settings.ts';
import { createDb, createPool, type Db } from '../src/platform/database.ts';
import { query } from './place.ts';
import { type Distribution, distributionOf } from './statistics.ts';

/** Per second: results counted, and the writes (updates of the hot row, or flushes) that took; and how long each of these did. */
export type Counted = { results: number; writes: number; tookMs: Distribution };

const CONNECTIONS = 16;
/** Below the share at which a breaker opens: all results of a round are of one epoch. */
const FAILED_EVERY = 10;

/** Nothing but a count: with a window, an epoch and a decision in it, it would be slower. It waits for no disk either. */
export async function countInHotRow(databaseUrl: string, seconds: number): Promise<Counted> {
  await query(databaseUrl, HOT_ROW);
  const dbs = openConnections(`${databaseUrl}?options=-c%20synchronous_commit%3Doff`);
  for (const db of dbs) await sql`select from hot_row`.execute(db);
  const tookMs: number[] = [];
  const endAt = performance.now() + seconds * 1000;
  const lanes = dbs.map(async (db) => {
    while (performance.now() < endAt) tookMs.push(await updateHotRow(db, tookMs.length));
  });
  await Promise.all(lanes);
  const [row] = await query<{ results: number }>(databaseUrl, 'select (ok + failed)::int as results from hot_row');
  await query(databaseUrl, 'drop table hot_row');
  await closeConnections(dbs);
  return { results: row!.results / seconds, writes: tookMs.length / seconds, tookMs: distributionOf(tookMs) };
}

const HOT_ROW = `
  create table hot_row with (fillfactor = 50) as select 'activation'::text as name, 'closed'::text as state, 0::int as ok, 0::int as failed;
  alter table hot_row add primary key (name)`;

/** Answers how long it took. */
async function updateHotRow(db: Db, index: number): Promise<number> {
  const beganAt = performance.now();
  const failed = Number(index % FAILED_EVERY === 0);
  await sql`update hot_row set ok = ok + ${1 - failed}::int, failed = failed + ${failed}::int
    where name = 'activation' returning state, ok, failed`.execute(db);
  return performance.now() - beganAt;
}

export type Pace = {
  /** That come in, over all replicas. */
  resultsPerSecond: number;
  /** From the beginning of a flush to that of the next. */
  flushEveryMs: number;
};

/** Several times as many as one row takes, and no rest. */
export const OWN_ROWS_SATURATED: Pace = { resultsPerSecond: 60_000, flushEveryMs: 0 };
/** As often as a replica flushes while it sees failures. */
export const OWN_ROWS_AT_PACE: Pace = { resultsPerSecond: 5_000, flushEveryMs: 100 };

type Replica = { db: Db; name: string; results: ResultCounts };

/** The statements of the service, and its own way of adding up what came in between two of them. */
export async function countInOwnRows(databaseUrl: string, seconds: number, pace: Pace): Promise<Counted> {
  const breaker = `provider:${++breakers}`;
  const dbs = openConnections(databaseUrl);
  await ensureBreaker(dbs[0]!, breaker, completeSettings(DEFAULT_BREAKER, 10_000));
  const replicas = dbs.map((db, i): Replica => ({ db, name: `replica-${i}`, results: createResultCounts() }));
  for (const { db, name } of replicas) await flushCounts(db, name, breaker, []);
  const startedAt = performance.now();
  const feeding = feed(replicas, breaker, pace.resultsPerSecond);
  const tookMs = await flushAll(replicas, breaker, { ...pace, endAt: startedAt + seconds * 1000 });
  const fed = feeding.end();
  const took = (performance.now() - startedAt) / 1000;
  for (const replica of replicas) await flush(replica, breaker);
  const results = await countResults(databaseUrl, breaker);
  if (results !== fed) throw new Error(`of ${fed} results ${results} were counted`);
  await closeConnections(dbs);
  return { results: results / took, writes: tookMs.length / took, tookMs: distributionOf(tookMs) };
}

/** So that no round reads the rows of the one before. */
let breakers = 0;

const FEED_EVERY_MS = 5;

/** Results come in evenly, whether or not a flush is under way. */
function feed(replicas: Replica[], breaker: string, perSecond: number): { end: () => number } {
  const startedAt = performance.now();
  let fed = 0;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    const due = Math.floor(((nowMs - startedAt) / 1000) * perSecond);
    for (; fed < due; fed++) {
      const outcome = Math.floor(fed / replicas.length) % FAILED_EVERY === 0 ? 'fail' : 'ok';
      replicas[fed % replicas.length]!.results.add(breaker, 1, outcome, nowMs);
    }
  }, FEED_EVERY_MS);
  const end = () => {
    clearInterval(timer);
    return fed;
  };
  return { end };
}

/** All replicas, none in step with another; how long each flush took. */
async function flushAll(replicas: Replica[], breaker: string, pace: Pace & { endAt: number }): Promise<number[]> {
  const tookMs: number[] = [];
  const lanes = replicas.map(async (replica) => {
    let nextAt = performance.now() + Math.random() * pace.flushEveryMs;
    while (nextAt < pace.endAt) {
      await wait(Math.max(0, nextAt - performance.now()));
      nextAt = performance.now() + pace.flushEveryMs;
      const ms = await flush(replica, breaker);
      if (ms !== null) tookMs.push(ms);
    }
  });
  await Promise.all(lanes);
  return tookMs;
}

/** Answers how long it took; null when nothing had come in. */
async function flush({ db, name, results }: Replica, breaker: string): Promise<number | null> {
  const counts = results.take(performance.now());
  if (counts.length === 0) return null;
  const beganAt = performance.now();
  await flushCounts(db, name, breaker, counts);
  return performance.now() - beganAt;
}

async function flushCounts(db: Db, replica: string, breaker: string, counts: ResultCount[]): Promise<void> {
  await recordResults(db, replica, counts);
  await evaluate(db, breaker, replica);
}

/** The ring holds all of a round, which is shorter than the window. */
async function countResults(databaseUrl: string, breaker: string): Promise<number> {
  const text = 'select sum(ok + failed)::int as results from breaker_bucket where name = $1';
  const [row] = await query<{ results: number }>(databaseUrl, text, [breaker]);
  return row!.results;
}

function openConnections(url: string): Db[] {
  return Array.from({ length: CONNECTIONS }, () => createDb(createPool(url, { max: 1, name: 'bench-breaker' })));
}

async function closeConnections(dbs: Db[]): Promise<void> {
  for (const db of dbs) await db.destroy();
}
