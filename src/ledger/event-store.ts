import { type ExpressionBuilder, sql, type Transaction } from 'kysely';
import type pg from 'pg';
import type { Schema } from '../platform/schema.ts';
import type { Arrival } from './arrival.ts';

type Trx = Transaction<Schema>;

/** A webhook that cannot be read is kept by its bytes alone, and why it cannot. Null when its key is there already. */
export async function insertMalformed(trx: Trx, arrival: Arrival, why: string): Promise<number | null> {
  const id = await noteArrival(trx, arrival);
  if (id === null) return null;
  await trx
    .insertInto('event')
    .values({
      id,
      provider: arrival.provider,
      dedup_key: arrival.dedupKey,
      body_hash: arrival.bodyHash,
      kind: 'unknown',
      provider_type: null,
      transaction_id: null,
      subscription_id: null,
      user_id: null,
      amount_minor: null,
      currency: null,
      payer_country: null,
      plan: null,
      facts: null,
      country: arrival.country,
      late: arrival.late,
      received_at: arrival.receivedAt,
      due_at: arrival.receivedAt,
      state: 'dead',
      reason: 'malformed',
      error_family: 'malformed',
      attempts: 1,
      ticket_id: null,
      redrive_id: null,
      settled_by: null,
      settled_reason: null,
    })
    .execute();
  await insertReading(trx, { provider: arrival.provider, id }, arrival.receivedAt, why);
  await sql`
    insert into payload (provider, event_id, month, content_encoding, headers, body)
    values (${arrival.provider}, ${id}, date_trunc('month', ${arrival.receivedAt}::timestamptz at time zone 'utc')::date,
      ${arrival.contentEncoding}, ${arrival.headers === null ? null : JSON.stringify(arrival.headers)}::jsonb, ${arrival.body})`.execute(
    trx,
  );
  return id;
}

/** The id of the event this will be; null when its key has arrived before. */
async function noteArrival(trx: Trx, arrival: Arrival): Promise<number | null> {
  const { rows } = await sql<{ id: number }>`
    insert into event_arrival (key, event_id) values (event_key(${arrival.provider}, ${arrival.dedupKey}), nextval('event_id_seq'))
    on conflict (key) do nothing returning event_id as id`.execute(trx);
  return rows[0]?.id ?? null;
}

/** Reading it was the first try there was. */
async function insertReading(trx: Trx, event: { provider: string; id: number }, at: Date, why: string): Promise<void> {
  const attempt = { provider: event.provider, event_id: event.id, n: 1, started_at: at, duration_ms: 0 };
  const outcome = { dependency: 'intake', outcome: 'permanent', error: why } as const;
  const rest = { http_status: null, error_code: 'MALFORMED', delay_ms: null };
  await trx
    .insertInto('attempt')
    .values({ ...attempt, ...outcome, ...rest })
    .execute();
}

export async function countReceived(trx: Trx, received: number, duplicate: number): Promise<void> {
  await sql`
    update counter set received = received + ${received}, duplicate = duplicate + ${duplicate}
    where shard = pg_backend_pid() % 64`.execute(trx);
}

export type KnownEvent = { provider: string; id: number; dedupKey: string; bodyHash: Buffer };

export async function findByDedupKeys(
  pool: pg.Pool,
  keys: { provider: string; dedupKey: string }[],
): Promise<KnownEvent[]> {
  const { rows } = await pool.query<KnownEvent>({
    name: 'find-by-dedup-keys',
    text: `select e.provider, e.id, e.dedup_key as "dedupKey", e.body_hash as "bodyHash"
           from unnest($1::text[], $2::text[]) as k(provider, dedup_key)
           join event_arrival a on a.key = event_key(k.provider, k.dedup_key) join event e on e.id = a.event_id`,
    values: [keys.map((key) => key.provider), keys.map((key) => key.dedupKey)],
  });
  return rows;
}

export async function markConflict(
  trx: Trx,
  event: { provider: string; id: number },
  count: number,
): Promise<ConflictedEvent> {
  return trx
    .updateTable('event')
    .set({ conflicts: sql`conflicts + ${count}` })
    .where('id', '=', event.id)
    .returning(['transaction_id as transactionId', 'user_id as userId'])
    .executeTakeFirstOrThrow();
}

export type ConflictedEvent = { transactionId: string | null; userId: string | null };

export async function attachToTicket(trx: Trx, ids: number[], ticketId: number): Promise<void> {
  await trx
    .updateTable('event')
    .set({ ticket_id: ticketId })
    .where('id', '=', sql<number>`any(${ids}::bigint[])`)
    .execute();
}

/** An event hangs on one ticket: on its conflict's only where it has none yet. */
export async function attachIfFree(trx: Trx, event: { provider: string; id: number }, ticketId: number): Promise<void> {
  await trx
    .updateTable('event')
    .set({ ticket_id: ticketId })
    .where('id', '=', event.id)
    .where('ticket_id', 'is', null)
    .execute();
}

/** Found by the key of its name, and compared with the name: a key is eight bytes. */
export function isOfTransaction(eb: ExpressionBuilder<Schema, 'event'>, transactionId: string) {
  return eb.and([
    eb('event.transaction_id', '=', transactionId),
    eb('event.id', 'in', (about) =>
      about
        .selectFrom('event_of_transaction')
        .select('event_of_transaction.event_id')
        .where('event_of_transaction.transaction_key', '=', sql<number>`transaction_key(${transactionId})`),
    ),
  ]);
}
