import { type Kysely, sql } from 'kysely';
import type { Db } from '../platform/database.ts';
import type { Schema } from '../platform/schema.ts';
import {
  type Conservation,
  type ConservationDifference,
  type Counters,
  findDifferences,
  isBalanced,
  type RealCounts,
} from './conservation.ts';

/** Both a database and a transaction can be read. */
type Reader = Kysely<Schema>;

/** The counters and whether they balance, in one statement and therefore of one committed snapshot. */
export async function readConservation(db: Reader): Promise<Conservation> {
  const counters = await sumCounters(db);
  return { balanced: isBalanced(counters), ...counters };
}

/** 256 MiB of table for each statement: far under the statement timeout, also from a slow disk. */
const CHUNK_BLOCKS = 32_768;

/**
 * The rows themselves, counted. The table is walked in ranges of blocks, because one statement over a ledger of years
 * would run into the statement timeout. Exact only inside a repeatable-read transaction, where all ranges are one snapshot.
 */
export async function countEventsForReal(db: Reader, options: { chunkBlocks?: number } = {}): Promise<RealCounts> {
  const chunkBlocks = options.chunkBlocks ?? CHUNK_BLOCKS;
  const blocks = await countEventBlocks(db);
  const chunks: EventCounts[] = [];
  for (let from = 0; from < blocks; from += chunkBlocks) {
    chunks.push(await countEventsInBlocks(db, from, from + chunkBlocks));
  }
  return { ...addUp(chunks), storedRefusals: await countStoredRefusals(db) };
}

export type ConservationCheck = {
  balanced: boolean;
  differences: ConservationDifference[];
  /** How much was looked at: a check that looked at nothing has shown nothing. */
  checked: { events: number; refusals: number };
};

/**
 * The hourly job: counters against rows, both of one snapshot. It holds back vacuum for as long as it reads, about a second
 * per gigabyte of `event`.
 */
export async function checkConservation(db: Db, options: { chunkBlocks?: number } = {}): Promise<ConservationCheck> {
  const { counters, real } = await readCountersAndRows(db, options);
  const differences = findDifferences(counters, real);
  return {
    balanced: differences.length === 0,
    differences,
    checked: { events: real.stored, refusals: real.storedRefusals },
  };
}

/** What `checkConservation` found to differ, alone. */
export async function findConservationDifference(db: Db): Promise<ConservationDifference[]> {
  return (await checkConservation(db)).differences;
}

function readCountersAndRows(
  db: Db,
  options: { chunkBlocks?: number },
): Promise<{ counters: Counters; real: RealCounts }> {
  return db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute(async (trx) => ({ counters: await sumCounters(trx), real: await countEventsForReal(trx, options) }));
}

async function sumCounters(db: Reader): Promise<Counters> {
  const { rows } = await sql<Counters>`
    select sum(received)::bigint as received, sum(stored)::bigint as stored, sum(duplicate)::bigint as duplicate,
           sum(refused)::bigint as refused, sum(applied)::bigint as applied, sum(ignored)::bigint as ignored,
           sum(waiting)::bigint as waiting, sum(dead)::bigint as dead, sum(overridden)::bigint as overridden
    from counter`.execute(db);
  return rows[0]!;
}

type EventCounts = Omit<RealCounts, 'storedRefusals'>;

/** Asked inside the snapshot: blocks added later hold only rows it does not see. */
async function countEventBlocks(db: Reader): Promise<number> {
  const { rows } = await sql<{ blocks: number }>`
    select pg_relation_size('event') / current_setting('block_size')::int as blocks`.execute(db);
  return rows[0]!.blocks;
}

async function countEventsInBlocks(db: Reader, from: number, to: number): Promise<EventCounts> {
  const { rows } = await sql<EventCounts>`
    select count(*) as stored,
           count(*) filter (where state in ('pending', 'retrying')) as waiting,
           count(*) filter (where state = 'applied') as applied,
           count(*) filter (where state = 'ignored') as ignored,
           count(*) filter (where state = 'dead') as dead,
           count(*) filter (where state = 'overridden') as overridden,
           coalesce(sum(conflicts), 0)::bigint as conflicts
    from event where ctid >= ${`(${from},0)`}::tid and ctid < ${`(${to},0)`}::tid`.execute(db);
  return rows[0]!;
}

async function countStoredRefusals(db: Reader): Promise<number> {
  const { rows } = await sql<{ refusals: number }>`select count(*) as refusals from refusal`.execute(db);
  return rows[0]!.refusals;
}

function addUp(chunks: EventCounts[]): EventCounts {
  const sum: EventCounts = { stored: 0, waiting: 0, applied: 0, ignored: 0, dead: 0, overridden: 0, conflicts: 0 };
  for (const chunk of chunks) for (const key of Object.keys(sum) as (keyof EventCounts)[]) sum[key] += chunk[key];
  return sum;
}
