import { sql } from 'kysely';
import type { Db } from './database.ts';

export type Clock = { now(): Date };

export type SynchronisedClock = Clock & {
  /** Learns the database's time; call it at the start and every few minutes. */
  synchronise(db: Db): Promise<void>;
};

/**
 * The database's time, read without asking it: replicas' wall clocks may be wrong by minutes, or be set while we run, and
 * neither matters. Until the first `synchronise` it is this machine's time at the start of the process.
 */
export function createClock(): SynchronisedClock {
  let offsetMs = performance.timeOrigin;
  return {
    now: () => new Date(performance.now() + offsetMs),
    synchronise: async (db) => {
      offsetMs = await measureOffset(db);
    },
  };
}

/** Of three samples the quickest is the best one: its answer is at most half a round trip away from the truth (RFC 5905 §8). */
async function measureOffset(db: Db): Promise<number> {
  const samples = [await sample(db), await sample(db), await sample(db)];
  return samples.reduce((best, other) => (other.roundTripMs < best.roundTripMs ? other : best)).offsetMs;
}

async function sample(db: Db): Promise<{ roundTripMs: number; offsetMs: number }> {
  const sentAt = performance.now();
  const { rows } = await sql<{ ms: number }>`
    select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms`.execute(db);
  const roundTripMs = performance.now() - sentAt;
  return { roundTripMs, offsetMs: rows[0]!.ms - (sentAt + roundTripMs / 2) };
}
