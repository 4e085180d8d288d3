import { type Selectable, sql } from 'kysely';
import type { Db, Transaction } from '../platform/database.ts';
import type { Schema } from '../platform/schema.ts';
import { scrubText } from '../platform/scrub.ts';
import { hashAuditRecord } from './audit-chain.ts';

export type AuditEntry = {
  /** Who, by a name that stays: `telegram:1001`, `anonymous:-100…`, `schedule`. */
  actor: string;
  action: string;
  target: string;
  allowed: boolean;
  /** Plain JSON that says more; its texts are scrubbed like everything else that is kept. */
  detail?: Record<string, unknown>;
  /** Where it was asked for: `group`, `private`. */
  place?: string;
  /** How the actor was proven to be it, beside the account: `code`. */
  factor?: string | null;
  /** What was true of the target, and what is now; only what was changed has both. */
  before?: Record<string, unknown>;
  after?: Record<string, unknown>;
};

const ROWS_AT_ONCE = 1_000;
const TEXT_LENGTH_MAX = 300;

/**
 * Adds a row to the end of the chain. It locks the chain's one head row until the transaction ends, so it comes last in
 * the order of locks (events, payments, users, tickets, audit), as late in the transaction as can be.
 */
export async function appendAudit(trx: Transaction<Schema>, entry: AuditEntry): Promise<number> {
  const head = await lockHead(trx);
  const record = { id: head.id + 1, at: head.now, ...storable(entry) };
  const hash = hashAuditRecord(head.hash, record);
  await trx
    .insertInto('audit')
    .values({
      ...record,
      detail: JSON.stringify(record.detail),
      before: record.before && JSON.stringify(record.before),
      after: record.after && JSON.stringify(record.after),
      previous_hash: head.hash,
      hash,
    })
    .execute();
  await trx.updateTable('audit_head').set({ id: record.id, hash }).execute();
  return record.id;
}

function lockHead(trx: Transaction<Schema>) {
  return trx
    .selectFrom('audit_head')
    .select(['id', 'hash', sql<Date>`date_trunc('milliseconds', clock_timestamp())`.as('now')])
    .forUpdate()
    .executeTakeFirstOrThrow();
}

/** A NUL or half a surrogate pair cannot be stored, and whoever sends one must still be on record. */
function storable(entry: AuditEntry) {
  return {
    actor: storableText(entry.actor),
    action: storableText(entry.action),
    target: storableText(entry.target),
    allowed: entry.allowed,
    detail: storableJson(entry.detail ?? {}),
    place: entry.place ?? null,
    factor: entry.factor ?? null,
    before: entry.before ? storableJson(entry.before) : null,
    after: entry.after ? storableJson(entry.after) : null,
  };
}

function storableJson(value: Record<string, unknown>): Record<string, unknown> {
  return JSON.parse(JSON.stringify(value, (_, inner) => storableValue(inner)));
}

function storableText(text: string): string {
  return scrubText(text.replaceAll('\u0000', '').toWellFormed()).slice(0, TEXT_LENGTH_MAX).toWellFormed();
}

const storableValue = (value: unknown) => (typeof value === 'string' ? storableText(value) : value);

/** `head` names the last row and the beginning of its hash, as it is posted in the chat: `123:0a1b…`; null of an empty log. */
export type AuditVerdict =
  | { intact: true; rows: number; head: string | null }
  | { intact: false; brokenId: number; because: string };

const HEAD_HASH_BYTES = 16;

function formatHead({ id, hash }: Link): string {
  return `${id}:${hash.subarray(0, HEAD_HASH_BYTES).toString('hex')}`;
}

/** Whether the log still contains a head that was posted: false when its end was cut off or it was written anew. */
export async function containsHead(db: Db, head: string): Promise<boolean> {
  const [, id] = /^(\d{1,15}):[0-9a-f]+$/.exec(head) ?? [];
  if (id === undefined) return false;
  const row = await db.selectFrom('audit').select(['id', 'hash']).where('id', '=', Number(id)).executeTakeFirst();
  return row !== undefined && formatHead(row) === head;
}

/** Reads the whole chain and names the first row that is not as it was written, is missing, or was put in between. */
export async function verifyAuditChain(db: Db): Promise<AuditVerdict> {
  return db
    .transaction()
    .setIsolationLevel('repeatable read')
    .execute(async (trx) => {
      const end = await trx.selectFrom('audit_head').select(['id', 'hash']).executeTakeFirstOrThrow();
      let before: Link = await findStart(trx);
      for (;;) {
        const rows = await listAuditAfter(trx, before.id);
        for (const row of rows) {
          const because = findBreak(before, row);
          if (because) return { intact: false, brokenId: because === MISSING ? before.id + 1 : row.id, because };
          before = { id: row.id, hash: row.hash };
        }
        if (rows.length < ROWS_AT_ONCE) return verdictAtEnd(before, end);
      }
    });
}

type Link = { id: number; hash: Buffer };
type AuditRow = Selectable<Schema['audit']>;

const MISSING = 'the row is missing';

/** The migration put this hash into the empty log's head. */
async function findStart(trx: Transaction<Schema>): Promise<Link> {
  const { hash } = await trx.selectNoFrom(sql<Buffer>`sha256('breakwater')`.as('hash')).executeTakeFirstOrThrow();
  return { id: 0, hash };
}

function listAuditAfter(trx: Transaction<Schema>, id: number): Promise<AuditRow[]> {
  return trx.selectFrom('audit').selectAll().where('id', '>', id).orderBy('id').limit(ROWS_AT_ONCE).execute();
}

function findBreak(before: Link, row: AuditRow): string | null {
  if (row.id !== before.id + 1) return MISSING;
  if (!row.previous_hash.equals(before.hash)) return 'it does not follow the row before it';
  const { previous_hash, hash, ...record } = row;
  return hash.equals(hashAuditRecord(previous_hash, record)) ? null : 'it is not what was written';
}

function verdictAtEnd(last: Link, end: Link): AuditVerdict {
  if (last.id < end.id) return { intact: false, brokenId: last.id + 1, because: MISSING };
  if (last.id > end.id || !last.hash.equals(end.hash)) {
    return { intact: false, brokenId: last.id, because: 'it is not where the chain ends' };
  }
  return { intact: true, rows: last.id, head: last.id === 0 ? null : formatHead(last) };
}
