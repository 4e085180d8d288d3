import { type Kysely, type Selectable, sql, type Transaction } from 'kysely';
import type { Actor } from '../people/person.ts';
import type { Schema } from '../platform/schema.ts';
import type { CustomerStanding, OverrideParams, OverrideRow } from './override-decision.ts';

type Trx = Transaction<Schema>;
export type Reader = Kysely<Schema>;

function nowOf(now: Date | null | undefined) {
  return sql<Date>`coalesce(${now ?? null}::timestamptz, clock_timestamp())`;
}

/** The database's time in whole milliseconds, so that it reads back as it was hashed. */
export async function readNow(db: Reader, now?: Date | null): Promise<Date> {
  const { rows } = await sql<{ now: Date }>`select date_trunc('milliseconds', ${nowOf(now)}) as now`.execute(db);
  return rows[0]!.now;
}

/** An engineer's requests queue behind one another, so that two at once do not both see room for the last. */
export async function lockEngineer(trx: Trx, personId: number): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`override of ${personId}`}, 0))`.execute(trx);
}

export async function countRequests(
  db: Reader,
  personId: number,
  now: Date,
): Promise<{ lastHour: number; lastDay: number }> {
  const { rows } = await sql<{ lastHour: number; lastDay: number }>`
    select count(*) filter (where requested_at > ${now}::timestamptz - interval '1 hour')::int as "lastHour", count(*)::int as "lastDay"
    from override where requested_by = ${personId} and requested_at > ${now}::timestamptz - interval '1 day'`.execute(
    db,
  );
  return rows[0]!;
}

/** What the ledger knows of the customer; a webhook that was refused leaves nothing of them. */
export async function findStanding(
  db: Reader,
  customer: { userId: string; feature: string; now: Date },
): Promise<CustomerStanding> {
  const { userId, feature, now } = customer;
  const { rows } = await sql<CustomerStanding>`
    select
      exists (select from entitlement where user_id = ${userId}) or exists (select from fact where user_id = ${userId}) as "isKnown",
      exists (select from entitlement where user_id = ${userId} and feature = ${feature} and not revoked
        and (until is null or until > ${now})) as "isActive",
      exists (select from override where user_id = ${userId} and state in ('requested', 'approved')) as "hasOpenRequest"`.execute(
    db,
  );
  return rows[0]!;
}

/**
 * Whether the provider has told of this payment and named somebody else each time. What would be settled by the override is theirs, and they would
 * wait for ever.
 */
export async function isPaymentOfAnother(
  db: Reader,
  { provider, transactionId }: { provider: string; transactionId: string },
  userId: string,
): Promise<boolean> {
  const { rows } = await sql<{ isOfAnother: boolean }>`
    with told as (
      select e.user_id from event_of_transaction about join event e on e.id = about.event_id
      where about.transaction_key = transaction_key(${transactionId}) and e.transaction_id = ${transactionId}
        and e.provider = ${provider} and e.user_id is not null
      union all
      select user_id from fact where provider = ${provider} and subject = ${transactionId} and user_id is not null
    )
    select count(*) > 0 and count(*) filter (where user_id = ${userId}) = 0 as "isOfAnother" from told`.execute(db);
  return rows[0]!.isOfAnother;
}

/** Features that were ever granted, beside those of the plans. */
export async function listFeatures(db: Reader): Promise<string[]> {
  const rows = await db.selectFrom('feature').select('name').orderBy('name').execute();
  return rows.map((row) => row.name);
}

export async function hasTicket(db: Reader, ticketId: number): Promise<boolean> {
  const row = await db.selectFrom('ticket').select('id').where('id', '=', ticketId).executeTakeFirst();
  return row !== undefined;
}

export type NewOverride = OverrideParams & {
  commandId: string;
  paramsHash: string;
  requester: Actor;
  requestedAt: Date;
  approveUntil: Date;
};

/** Null when somebody's request for this customer is open: the index decides between two of the same moment. */
export async function insertOverride(trx: Trx, asked: NewOverride): Promise<number | null> {
  const row = await trx
    .insertInto('override')
    .values({
      command_id: asked.commandId,
      user_id: asked.userId,
      feature: asked.feature,
      until: asked.until,
      provider: asked.payment?.provider ?? null,
      transaction_id: asked.payment?.transactionId ?? null,
      ticket_id: asked.ticketId,
      reason: asked.reason,
      evidence: asked.evidence,
      params_hash: asked.paramsHash,
      requested_by: asked.requester.personId,
      requested_name: asked.requester.name,
      requested_at: asked.requestedAt,
      approve_until: asked.approveUntil,
    })
    .onConflict((oc) => oc.doNothing())
    .returning('id')
    .executeTakeFirst();
  return row?.id ?? null;
}

export async function findByCommand(db: Reader, commandId: string): Promise<Override | null> {
  const row = await db.selectFrom('override').selectAll().where('command_id', '=', commandId).executeTakeFirst();
  return row ? toOverride(row) : null;
}

/** An override as people and the flows see it. */
export type Override = OverrideRow & {
  requestedName: string;
  decidedBy: number | null;
  decidedName: string | null;
  decidedAt: Date | null;
  reviewUntil: Date | null;
  reviewedName: string | null;
  executedAt: Date | null;
  settledName: string | null;
  settledReason: string | null;
  settledAt: Date | null;
  toldAt: Date | null;
  tellAt: Date | null;
  tellFailures: number;
  tellError: string | null;
  /** When its end is told to the customer; null once that was looked after. */
  tellEndAt: Date | null;
  remindAt: Date | null;
  reminders: number;
};

export async function findOverride(db: Reader, id: number): Promise<Override | null> {
  const row = await db.selectFrom('override').selectAll().where('id', '=', id).executeTakeFirst();
  return row ? toOverride(row) : null;
}

/** Whoever changes an override holds it first, before its customer, its events and its ticket. */
export async function lockOverride(trx: Trx, id: number): Promise<Override | null> {
  const row = await trx.selectFrom('override').selectAll().where('id', '=', id).forUpdate().executeTakeFirst();
  return row ? toOverride(row) : null;
}

function toOverride(row: Selectable<Schema['override']>): Override {
  return {
    id: row.id,
    userId: row.user_id,
    feature: row.feature,
    until: row.until,
    payment: row.provider === null ? null : { provider: row.provider, transactionId: row.transaction_id! },
    ticketId: row.ticket_id,
    reason: row.reason,
    evidence: row.evidence,
    paramsHash: row.params_hash,
    state: row.state,
    requestedBy: row.requested_by,
    requestedName: row.requested_name,
    requestedAt: row.requested_at,
    approveUntil: row.approve_until,
    decidedBy: row.decided_by,
    decidedName: row.decided_name,
    decidedAt: row.decided_at,
    breakGlass: row.break_glass,
    reviewUntil: row.review_until,
    reviewedBy: row.reviewed_by,
    reviewedName: row.reviewed_name,
    executedAt: row.executed_at,
    settledName: row.settled_name,
    settledReason: row.settled_reason,
    settledAt: row.settled_at,
    toldAt: row.told_at,
    tellAt: row.tell_at,
    tellFailures: row.tell_failures,
    tellError: row.tell_error,
    tellEndAt: row.tell_end_at,
    remindAt: row.remind_at,
    reminders: row.reminders,
  };
}
