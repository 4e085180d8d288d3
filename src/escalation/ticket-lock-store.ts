import { sql, type Transaction } from 'kysely';
import type { Schema, Severity } from '../platform/schema.ts';
import { type Cause, fingerprintOf } from './fingerprint.ts';

type Trx = Transaction<Schema>;

export type LockedTicket = {
  id: number;
  state: 'open' | 'acknowledged' | 'snoozed' | 'resolved' | 'merged';
  severity: Severity;
  failures: number;
  countries: Record<string, number>;
  /** By the database's clock; null while it is open. */
  resolvedForMs: number | null;
  stateRevision: number;
  ownerId: number | null;
  calledLevel: number;
  askedLevel: number | null;
};

const LOCKED_COLUMNS = [
  'id',
  'state',
  'severity',
  'failures',
  'countries',
  'state_revision as stateRevision',
  'owner_id as ownerId',
  'called_level as calledLevel',
  'asked_level as askedLevel',
] as const;

/** Locks the cause, and so decides for everyone who fails by it at this moment, and answers its latest ticket. */
export async function lockLatestTicket(trx: Trx, cause: Cause, now: Date | null): Promise<LockedTicket | null> {
  const fingerprint = fingerprintOf(cause);
  await trx
    .insertInto('cause')
    .values({ fingerprint, ticket_id: null })
    .onConflict((oc) => oc.doNothing())
    .execute();
  const row = await trx
    .selectFrom('cause')
    .select('ticket_id')
    .where('fingerprint', '=', fingerprint)
    .forUpdate()
    .executeTakeFirstOrThrow();
  return row.ticket_id === null ? null : lockTicket(trx, row.ticket_id, now);
}

export async function lockTicket(trx: Trx, ticketId: number, now: Date | null = null): Promise<LockedTicket | null> {
  const at = sql`coalesce(${now}::timestamptz, clock_timestamp())`;
  const row = await trx
    .selectFrom('ticket')
    .select(LOCKED_COLUMNS)
    .select(sql<number | null>`(extract(epoch from ${at} - resolved_at) * 1000)::float8`.as('resolvedForMs'))
    .where('id', '=', ticketId)
    .forUpdate()
    .executeTakeFirst();
  return row ?? null;
}

/** Nobody opens, reopens or attaches by this ticket's cause until the transaction ends. */
export async function lockCause(trx: Trx, ticketId: number): Promise<void> {
  await sql`
    select 1 from cause where fingerprint = (select fingerprint from ticket where id = ${ticketId}) for update`.execute(
    trx,
  );
}

/** The same for several tickets, sorted. */
export async function lockCausesOf(trx: Trx, ticketIds: number[]): Promise<void> {
  await sql`
    select 1 from cause where fingerprint in (select fingerprint from ticket where id = any(${ticketIds}::bigint[]))
    order by fingerprint collate "C" for update`.execute(trx);
}

/** Locks those of the tickets that are open (sorted, so that two transactions never wait for each other) and answers them. */
export async function lockOpenTickets(trx: Trx, ticketIds: number[]): Promise<number[]> {
  if (ticketIds.length === 0) return [];
  const { rows } = await sql<{ id: number }>`
    select id from ticket where id = any(${ticketIds}::bigint[]) and state in ('open', 'acknowledged', 'snoozed')
    order by id for update`.execute(trx);
  return rows.map((row) => row.id);
}
