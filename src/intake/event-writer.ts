import type { Transaction } from 'kysely';
import type pg from 'pg';
import { openOrAttach, raiseSeverity } from '../escalation/open-ticket.ts';
import type { Arrival, Stored } from '../ledger/arrival.ts';
import { insertArrivals } from '../ledger/arrival-store.ts';
import {
  attachIfFree,
  attachToTicket,
  countReceived,
  findByDedupKeys,
  insertMalformed,
  type KnownEvent,
  markConflict,
} from '../ledger/event-store.ts';
import type { Db } from '../platform/database.ts';
import { createGroupCommit, type GroupCommit } from '../platform/group-commit.ts';
import type { Logger } from '../platform/log.ts';
import type { Schema } from '../platform/schema.ts';

/**
 * Writes webhooks down: all that arrive in the same moment share one statement, so one fsync pays for many, and one bad row
 * never fails its neighbours.
 */
export type EventWriter = GroupCommit<Arrival, Stored>;

type Deps = { pool: pg.Pool; db: Db };

/**
 * Two batches may be on their way where the disk is slow; where the first comes back sooner than this, what came in meanwhile goes in one
 * batch instead of two, which costs the server a sixth less per webhook.
 */
const LANES = 2;
const OVERLAP_AFTER_MS = 15;
const MAX_BATCH = 512;
const MAX_BATCH_BYTES = 8 * 1024 * 1024;
const MAX_KEY_BYTES = 255;

export function createEventWriter(
  deps: Deps & { log: Logger },
  limits: { maxQueuedItems: number; maxQueuedBytes: number },
): EventWriter {
  return createGroupCommit<Arrival, Stored>({
    flush: (arrivals) =>
      storeArrivals(deps, arrivals).catch((error) => {
        // Once for the whole batch: a database that is away fails thousands of webhooks a second.
        deps.log.warn({ err: error, arrivals: arrivals.length }, 'webhooks could not be written down');
        throw error;
      }),
    maxItems: MAX_BATCH,
    maxBytes: MAX_BATCH_BYTES,
    sizeOf: (arrival) => arrival.body.length + 512,
    lanes: LANES,
    overlapAfterMs: OVERLAP_AFTER_MS,
    ...limits,
  });
}

/** Stores a batch and answers for each arrival what became of it, in the same order. */
export async function storeArrivals(deps: Deps, arrivals: Arrival[]): Promise<Stored[]> {
  const firsts = firstOfEachKey(arrivals);
  const unique = [...firsts.values()];
  const stored = new Map<string, Stored>();
  const remember = (entry: { provider: string; dedupKey: string; id: number }, outcome: Stored['outcome']) =>
    stored.set(keyOf(entry), { provider: entry.provider, id: entry.id, outcome });

  const readable = unique.filter((arrival) => arrival.content.outcome === 'event');
  const repeats = arrivals.filter((arrival) => firsts.get(keyOf(arrival)) !== arrival);
  const { rows, unstorable } = await insertIsolated(deps, readable, repeats.length);
  for (const row of rows) remember(row, 'stored');
  const unreadable = [...unique.filter((one) => one.content.outcome === 'malformed'), ...unstorable];
  for (const own of Map.groupBy(unreadable, (arrival) => arrival.provider).values()) {
    for (const { arrival, id } of await storeMalformed(deps, own)) remember({ ...arrival, id }, 'malformed');
  }
  return answerAll(deps, arrivals, firsts, stored);
}

function keyOf(arrival: { provider: string; dedupKey: string }): string {
  return `${arrival.provider} ${arrival.dedupKey}`;
}

function firstOfEachKey(arrivals: Arrival[]): Map<string, Arrival> {
  const firsts = new Map<string, Arrival>();
  for (const arrival of arrivals) if (!firsts.has(keyOf(arrival))) firsts.set(keyOf(arrival), arrival);
  return firsts;
}

type Inserted = { rows: { provider: string; id: number; dedupKey: string }[]; unstorable: Arrival[] };

/** When the database refuses a row for what is in it, the batch is halved until that row stands alone. */
async function insertIsolated(deps: Deps, arrivals: Arrival[], repeats: number): Promise<Inserted> {
  if (arrivals.length === 0) {
    if (repeats > 0) await deps.db.transaction().execute((trx) => countReceived(trx, repeats, repeats));
    return { rows: [], unstorable: [] };
  }
  try {
    return { rows: await insertWithRetry(deps.pool, arrivals, repeats), unstorable: [] };
  } catch (error) {
    if (!isAboutTheData(error)) throw error;
    if (arrivals.length === 1) {
      const counted = await insertIsolated(deps, [], repeats);
      return { ...counted, unstorable: arrivals };
    }
  }
  const half = Math.ceil(arrivals.length / 2);
  const left = await insertIsolated(deps, arrivals.slice(0, half), repeats);
  const right = await insertIsolated(deps, arrivals.slice(half), 0);
  return { rows: [...left.rows, ...right.rows], unstorable: [...left.unstorable, ...right.unstorable] };
}

const DEADLOCK = '40P01';

async function insertWithRetry(pool: pg.Pool, arrivals: Arrival[], repeats: number, triesLeft = 3) {
  try {
    return await insertArrivals(pool, arrivals, repeats);
  } catch (error) {
    if (sqlState(error) !== DEADLOCK || triesLeft === 0) throw error;
    return insertWithRetry(pool, arrivals, repeats, triesLeft - 1);
  }
}

/** Classes 22 (data), 23 (constraint) and 54 (limits) speak of a row; everything else speaks of the server. */
function isAboutTheData(error: unknown): boolean {
  return /^(22|23|54)/.test(sqlState(error) ?? '');
}

function sqlState(error: unknown): string | undefined {
  return (error as { code?: string } | null)?.code;
}

type Kept = { arrival: Arrival; id: number };

/**
 * Kept by their bytes alone and dead at once, with their ticket, in one transaction: a provider that changes its format must not
 * hold up the webhooks of the others. Answers those that were not here already. All are one provider's.
 */
async function storeMalformed(deps: Deps, arrivals: Arrival[]): Promise<Kept[]> {
  return deps.db.transaction().execute(async (trx) => {
    const kept: Kept[] = [];
    for (const arrival of inKeyOrder(arrivals)) {
      const unreadable = { ...arrival, dedupKey: ledgerKey(arrival) };
      const id = await insertMalformed(trx, unreadable, whyUnreadable(arrival));
      if (id !== null) kept.push({ arrival, id });
    }
    await countReceived(trx, arrivals.length, arrivals.length - kept.length);
    if (kept.length > 0) await ticketMalformed(trx, kept);
    return kept;
  });
}

/** So that two batches with the same webhooks never wait for each other. */
function inKeyOrder(arrivals: Arrival[]): Arrival[] {
  return arrivals.toSorted((a, b) => (ledgerKey(a) < ledgerKey(b) ? -1 : 1));
}

async function ticketMalformed(trx: Transaction<Schema>, kept: Kept[]): Promise<void> {
  const { provider } = kept[0]!.arrival;
  const { ticketId } = await openOrAttach(trx, {
    cause: { stage: 'intake', source: provider, dependency: null, errorFamily: 'malformed' },
    count: kept.length,
    countries: kept.map(({ arrival }) => arrival.country),
    sampleTransaction: null,
    needsLook: true,
  });
  const ids = kept.map(({ id }) => id);
  await attachToTicket(trx, ids, ticketId);
  await raiseSeverity(trx, ticketId, true);
}

/** The key a row is stored under: its own, or one made of its bytes where its own cannot be a key. */
function ledgerKey(arrival: Arrival): string {
  const usable = arrival.dedupKey.isWellFormed() && !arrival.dedupKey.includes('\0');
  const fits = Buffer.byteLength(arrival.dedupKey) <= MAX_KEY_BYTES;
  return usable && fits ? arrival.dedupKey : `sha256:${arrival.bodyHash.toString('hex')}`;
}

function whyUnreadable(arrival: Arrival): string {
  if (arrival.content.outcome === 'malformed') return arrival.content.message;
  return 'something in it cannot be stored: a NUL, a lone surrogate, or a value too large';
}

async function answerAll(
  deps: Deps,
  arrivals: Arrival[],
  firsts: Map<string, Arrival>,
  stored: Map<string, Stored>,
): Promise<Stored[]> {
  const known = await findKnown(deps, arrivals, stored);
  const conflicts = new Map<KnownEvent, Arrival[]>();
  const answers = arrivals.map((arrival): Stored => {
    const first = firsts.get(keyOf(arrival)) === arrival;
    const fresh = stored.get(keyOf(arrival));
    if (first && fresh) return fresh;
    const event = known.get(keyOf(arrival));
    if (!event) throw new Error('an event that was not stored is not there either');
    if (event.bodyHash.equals(arrival.bodyHash)) return { ...event, outcome: 'duplicate' };
    conflicts.set(event, [...(conflicts.get(event) ?? []), arrival]);
    return { ...event, outcome: 'conflict' };
  });
  for (const [event, others] of conflicts) await recordConflict(deps.db, event, others);
  return answers;
}

/** The events that the arrivals which were not stored are copies of: in the ledger, or stored by this very batch. */
async function findKnown(
  deps: Deps,
  arrivals: Arrival[],
  stored: Map<string, Stored>,
): Promise<Map<string, KnownEvent>> {
  const known = new Map<string, KnownEvent>();
  const wanted: Arrival[] = [];
  for (const arrival of arrivals) {
    const fresh = stored.get(keyOf(arrival));
    if (!fresh) wanted.push(arrival);
    else if (!known.has(keyOf(arrival))) known.set(keyOf(arrival), { ...arrival, id: fresh.id });
  }
  if (wanted.length === 0) return known;
  const keys = wanted.map((arrival) => ({ provider: arrival.provider, dedupKey: ledgerKey(arrival) }));
  const found = new Map((await findByDedupKeys(deps.pool, keys)).map((event) => [keyOf(event), event]));
  for (const arrival of wanted) {
    const event = found.get(keyOf({ ...arrival, dedupKey: ledgerKey(arrival) }));
    if (event) known.set(keyOf(arrival), event);
  }
  return known;
}

/** The same signed id with other bytes: recorded and ticketed, and never applied. */
async function recordConflict(db: Db, event: KnownEvent, others: Arrival[]): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const { transactionId } = await markConflict(trx, event, others.length);
    const { ticketId } = await openOrAttach(trx, {
      cause: { stage: 'intake', source: event.provider, dependency: null, errorFamily: 'conflict' },
      count: others.length,
      countries: others.map((arrival) => arrival.country),
      sampleTransaction: transactionId,
      needsLook: true,
    });
    await attachIfFree(trx, event, ticketId);
  });
}
