import type { Update } from '@grammyjs/types';
import { sql } from 'kysely';
import type { CodeVerdict } from '../../people/code-decision.ts';
import { listActivePeople } from '../../people/person-store.ts';
import type { Db, Transaction } from '../../platform/database.ts';
import type { Schema } from '../../platform/schema.ts';
import { scrubText } from '../../platform/scrub.ts';
import { open, SealError, type SealKeys, seal } from '../../platform/seal.ts';
import { kindOf, laneOf } from './update-lane.ts';
import { maskUpdate, readTypedAddress, readTypedCode } from './update-masking.ts';

/** Telegram keeps an update for at most 24 h; while we remember its id twice as long, none is ever handled twice. */
const KEPT_MS = 48 * 60 * 60 * 1000;
const ERROR_LENGTH_MAX = 500;

export type ClaimedUpdate = {
  updateId: number;
  lane: string;
  kind: string;
  update: Update;
  failures: number;
  ageMs: number;
  /** The lease as it was given; who lost it changes nothing any more. */
  leaseUntil: Date;
};

/** A code that somebody typed to us in private. */
type TypedCode = { updateId: number; personId: number; code: string };

/** Looks at a code in the transaction that stores its update, and answers what came of it; null for somebody we expect none of. */
export type CodeTaker = (trx: Transaction<Schema>, typed: TypedCode) => Promise<CodeVerdict | null>;

/**
 * Writes all of them in one insert, masked, and answers how many are new. One that is already there stays as it is, and so does what came of its code: a
 * code that is delivered twice is looked at once. With `keys` the addresses that the team types are kept beside it, sealed.
 */
export async function storeUpdates(db: Db, updates: Update[], takeCode?: CodeTaker, keys?: SealKeys): Promise<number> {
  const known = updates.filter(hasId);
  if (known.length === 0) return 0;
  const sealed = keys ? await sealTyped(db, keys, known) : NOTHING_SEALED;
  const codes = takeCode ? known.flatMap((update) => readTypedCode(update) ?? []) : [];
  if (!takeCode || codes.length === 0) return (await insertUpdates(db, known, sealed)).length;
  return db.transaction().execute(async (trx) => {
    const stored = await insertUpdates(trx, known, sealed);
    for (const typed of codes.filter(({ updateId }) => stored.includes(updateId))) {
      await noteVerdict(trx, typed.updateId, await takeCode(trx, typed));
    }
    return stored.length;
  });
}

type SealedWords = ReadonlyMap<number, Buffer>;
const NOTHING_SEALED: SealedWords = new Map();

/** By update. Of customers and strangers nothing is kept: nobody asks them for an id. */
async function sealTyped(db: Db, keys: SealKeys, updates: Update[]): Promise<SealedWords> {
  const typed = updates.flatMap((update) => readTypedAddress(update) ?? []);
  if (typed.length === 0) return NOTHING_SEALED;
  const team = new Set((await listActivePeople(db)).map(({ telegramId }) => telegramId));
  const ours = typed.filter(({ personId }) => team.has(personId));
  return new Map(ours.map(({ updateId, words }) => [updateId, seal(keys, Buffer.from(words))]));
}

async function insertUpdates(db: Db, updates: Update[], sealed: SealedWords): Promise<number[]> {
  const rows = updates.map((update) => ({
    update_id: update.update_id,
    lane: laneOf(update),
    kind: kindOf(update),
    payload: JSON.stringify(maskUpdate(update)),
    sealed_words: sealed.get(update.update_id) ?? null,
  }));
  const inserted = await db
    .insertInto('telegram_update')
    .values(rows)
    .onConflict((conflict) => conflict.doNothing())
    .returning('update_id as id')
    .execute();
  return inserted.map(({ id }) => id);
}

async function noteVerdict(trx: Transaction<Schema>, updateId: number, verdict: CodeVerdict | null): Promise<void> {
  await trx.updateTable('telegram_update').set({ typed_code: verdict }).where('update_id', '=', updateId).execute();
}

/** What came of the code in this update; null when none was looked at. */
export async function findCodeVerdict(db: Db, updateId: number): Promise<CodeVerdict | null> {
  const row = await db
    .selectFrom('telegram_update')
    .select('typed_code as verdict')
    .where('update_id', '=', updateId)
    .executeTakeFirst();
  return (row?.verdict as CodeVerdict | null | undefined) ?? null;
}

/** What was typed, with its addresses; null when none was kept, or its key is gone. */
export async function findTypedWords(db: Db, keys: SealKeys, updateId: number): Promise<string | null> {
  const row = await db
    .selectFrom('telegram_update')
    .select('sealed_words as sealed')
    .where('update_id', '=', updateId)
    .executeTakeFirst();
  return row?.sealed ? openWords(keys, row.sealed) : null;
}

function openWords(keys: SealKeys, sealed: Buffer): string | null {
  try {
    return open(keys, sealed).toString();
  } catch (error) {
    if (error instanceof SealError) return null;
    throw error;
  }
}

const hasId = (update: Update) => Number.isSafeInteger(update?.update_id);

/**
 * Takes up to `limit` updates, each the oldest pending one of its lane, so that no lane is ever worked on twice at a time.
 * An update whose holder died is free again when its lease ends.
 */
export async function claimUpdates(
  db: Db,
  options: { limit: number; leaseMs: number; now?: Date },
): Promise<ClaimedUpdate[]> {
  const now = nowOf(options.now);
  const { rows } = await sql<ClaimedUpdate>`
    with heads as (
      select distinct on (lane) update_id from telegram_update where state = 'pending' order by lane, update_id
    ), claimable as (
      select u.update_id from telegram_update u join heads using (update_id)
      where u.state = 'pending' and (u.lease_until is null or u.lease_until <= ${now})
      order by u.update_id limit ${options.limit} for update of u skip locked
    )
    update telegram_update u
      set lease_until = date_trunc('milliseconds', ${now} + make_interval(secs => ${options.leaseMs / 1000}))
      from claimable where u.update_id = claimable.update_id
      returning u.update_id as "updateId", u.lane, u.kind, u.payload as update, u.failures,
        greatest(0, extract(epoch from ${now} - u.received_at) * 1000)::float8 as "ageMs", u.lease_until as "leaseUntil"`.execute(
    db,
  );
  return rows.sort((a, b) => a.updateId - b.updateId);
}

/** What it said is forgotten; that it was here is remembered. */
export function markUpdateDone(db: Db, claimed: ClaimedUpdate, now?: Date): Promise<boolean> {
  return change(db, claimed, {
    state: 'done',
    payload: null,
    sealed_words: null,
    lease_until: null,
    finished_at: nowOf(now),
  });
}

/** Its lane waits behind it until `delayMs` have passed. A delay that is nobody's fault leaves `failures` as it was. */
export function markUpdateWaiting(
  db: Db,
  claimed: ClaimedUpdate,
  wait: { failures: number; error: string; delayMs: number },
  now?: Date,
): Promise<boolean> {
  const until = sql<Date>`${nowOf(now)} + make_interval(secs => ${wait.delayMs / 1000})`;
  return change(db, claimed, { failures: wait.failures, error: storableError(wait.error), lease_until: until });
}

/** The payload stays, masked as it is, for the person who looks after it, until the row is purged. */
export function markUpdateDead(
  db: Db,
  claimed: ClaimedUpdate,
  death: { failures: number; error: string },
  now?: Date,
): Promise<boolean> {
  const { failures, error } = death;
  return change(db, claimed, {
    state: 'dead',
    sealed_words: null,
    failures,
    error: storableError(error),
    lease_until: null,
    finished_at: nowOf(now),
  });
}

/** Forgets what was finished 48 hours ago; answers how many. */
export async function purgeInbox(db: Db, now?: Date): Promise<number> {
  const result = await db
    .deleteFrom('telegram_update')
    .where('state', '!=', 'pending')
    .where('finished_at', '<', sql<Date>`${nowOf(now)} - make_interval(secs => ${KEPT_MS / 1000})`)
    .executeTakeFirst();
  return Number(result.numDeletedRows);
}

async function change(db: Db, claimed: ClaimedUpdate, values: object): Promise<boolean> {
  const result = await db
    .updateTable('telegram_update')
    .set(values)
    .where('update_id', '=', claimed.updateId)
    .where('state', '=', 'pending')
    .where('lease_until', '=', claimed.leaseUntil)
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

function nowOf(now: Date | undefined) {
  return sql<Date>`coalesce(${now ?? null}::timestamptz, clock_timestamp())`;
}

function storableError(error: string): string {
  return scrubText(error.replaceAll('\u0000', '').toWellFormed()).slice(0, ERROR_LENGTH_MAX).toWellFormed();
}
