import { sql, type Transaction } from 'kysely';
import type { Db } from '../platform/database.ts';
import type { Schema } from '../platform/schema.ts';

type Trx = Transaction<Schema>;

export type RefusalRow = {
  provider: string;
  cause: string;
  detail: string | null;
  country: string | null;
  receivedAt: Date;
  ageSeconds: number | null;
  headerNames: string[];
  secretFingerprints: string[];
  bodyHash: Buffer;
  bodyBytes: number;
  /** The raw bytes and headers, encrypted; null when there were too many to keep. */
  sealed: Buffer | null;
  ticketId: number;
};

export async function insertRefusals(trx: Trx, refusals: RefusalRow[]): Promise<void> {
  if (refusals.length === 0) return;
  const rows = refusals.map((refusal) => ({
    provider: refusal.provider,
    cause: refusal.cause,
    detail: refusal.detail,
    country: refusal.country,
    received_at: refusal.receivedAt,
    age_seconds: refusal.ageSeconds,
    header_names: refusal.headerNames,
    secret_fingerprints: refusal.secretFingerprints,
    body_hash: refusal.bodyHash,
    body_bytes: refusal.bodyBytes,
    sealed: refusal.sealed,
    ticket_id: refusal.ticketId,
    event_provider: null,
    event_id: null,
  }));
  await trx.insertInto('refusal').values(rows).execute();
}

export async function countRefused(trx: Trx, refused: number): Promise<void> {
  await sql`
    update counter set received = received + ${refused}, refused = refused + ${refused}
    where shard = pg_backend_pid() % 64`.execute(trx);
}

export type KeptRefusal = {
  id: number;
  provider: string;
  country: string | null;
  receivedAt: Date;
  sealed: Buffer | null;
};

/** The ticket's refusals that have not been verified since, oldest first; so many of those after `afterId`. */
export async function listUnverifiedRefusals(
  db: Db,
  ticketId: number,
  page: { afterId: number; limit: number },
): Promise<KeptRefusal[]> {
  return db
    .selectFrom('refusal')
    .select(['id', 'provider', 'country', 'received_at as receivedAt', 'sealed'])
    .where('ticket_id', '=', ticketId)
    .where('verified_at', 'is', null)
    .where('id', '>', page.afterId)
    .orderBy('id')
    .limit(page.limit)
    .execute();
}

export type RefusalEvidence = {
  cause: string;
  detail: string | null;
  country: string | null;
  receivedAt: Date;
  ageSeconds: number | null;
  headerNames: string[];
  secretFingerprints: string[];
  bodyHash: Buffer;
  bodyBytes: number;
};

/** What is known of the ticket's latest refusals, newest first; never the bytes. */
export async function listRefusalEvidence(
  db: Db,
  ticketId: number,
  options: { limit: number },
): Promise<RefusalEvidence[]> {
  return db
    .selectFrom('refusal')
    .select([
      'cause',
      'detail',
      'country',
      'received_at as receivedAt',
      'age_seconds as ageSeconds',
      'header_names as headerNames',
      'secret_fingerprints as secretFingerprints',
      'body_hash as bodyHash',
      'body_bytes as bodyBytes',
    ])
    .where('ticket_id', '=', ticketId)
    .orderBy('id', 'desc')
    .limit(options.limit)
    .execute();
}

export async function markVerified(trx: Trx, id: number, event: { provider: string; id: number }): Promise<void> {
  await trx
    .updateTable('refusal')
    .set({
      verified_at: sql<Date>`clock_timestamp()`,
      event_provider: event.provider,
      event_id: event.id,
      sealed: null,
    })
    .where('id', '=', id)
    .execute();
}

/** What is known of a refusal is kept for thirty days; its ticket and the counters stay. Answers how many went. */
export async function deleteOldRefusals(db: Db, now: Date | null = null): Promise<number> {
  const result = await db
    .deleteFrom('refusal')
    .where('received_at', '<', sql<Date>`coalesce(${now}::timestamptz, clock_timestamp()) - interval '30 days'`)
    .executeTakeFirst();
  return Number(result.numDeletedRows);
}

/** Raw bytes of refused webhooks are kept for seven days. Answers how many were emptied. */
export async function emptyOldRefusals(db: Db, now: Date | null = null): Promise<number> {
  const result = await db
    .updateTable('refusal')
    .set({ sealed: null })
    .where('sealed', 'is not', null)
    .where('received_at', '<', sql<Date>`coalesce(${now}::timestamptz, clock_timestamp()) - interval '7 days'`)
    .executeTakeFirst();
  return Number(result.numUpdatedRows);
}
