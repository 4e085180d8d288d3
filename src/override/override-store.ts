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

export async function markApproved(
  trx: Trx,
  override: { id: number; paramsHash: string },
  decision: { by: Actor; at: Date; glass: { reviewUntil: Date } | null },
): Promise<void> {
  await trx
    .updateTable('override')
    .set({
      state: 'approved',
      approved_hash: override.paramsHash,
      decided_by: decision.by.personId,
      decided_name: decision.by.name,
      decided_at: decision.at,
      break_glass: decision.glass !== null,
      review_until: decision.glass?.reviewUntil ?? null,
    })
    .where('id', '=', override.id)
    .where('state', '=', 'requested')
    .execute();
}

export async function markRefused(trx: Trx, id: number, by: Actor, at: Date): Promise<void> {
  await trx
    .updateTable('override')
    .set({ state: 'refused', decided_by: by.personId, decided_name: by.name, decided_at: at })
    .where('id', '=', id)
    .where('state', '=', 'requested')
    .execute();
}

export async function markExpired(trx: Trx, id: number, at: Date): Promise<void> {
  await trx.updateTable('override').set({ state: 'expired', settled_at: at }).where('id', '=', id).execute();
}

export async function markExecuted(
  trx: Trx,
  id: number,
  execution: { at: Date; until: Date; eventsSettled: number; remindAt: Date },
): Promise<void> {
  await trx
    .updateTable('override')
    .set({
      state: 'executed',
      executed_at: execution.at,
      events_settled: execution.eventsSettled,
      remind_at: execution.remindAt,
      tell_at: execution.at,
      tell_end_at: execution.until,
    })
    .where('id', '=', id)
    .where('state', '=', 'approved')
    .execute();
}

/** The end of a debt. What was taken back is told to the product as well. */
export async function markSettled(
  trx: Trx,
  id: number,
  end: { state: 'reconciled' | 'reverted'; by: string; reason: string; at: Date },
): Promise<void> {
  await trx
    .updateTable('override')
    .set({
      state: end.state,
      settled_name: end.by,
      settled_reason: end.reason,
      settled_at: end.at,
      remind_at: sql<Date | null>`case when break_glass and reviewed_at is null then remind_at end`,
      ...(end.state === 'reverted' ? { tell_at: end.at, told_at: null, tell_failures: 0, tell_end_at: null } : {}),
    })
    .where('id', '=', id)
    .where('state', '=', 'executed')
    .execute();
}

export async function markReviewed(trx: Trx, id: number, by: Actor, at: Date): Promise<void> {
  await trx
    .updateTable('override')
    .set({
      reviewed_by: by.personId,
      reviewed_name: by.name,
      reviewed_at: at,
      remind_at: sql<Date | null>`case when state = 'executed' then remind_at end`,
    })
    .where('id', '=', id)
    .execute();
}

export async function markReminded(trx: Trx, id: number, nextAt: Date): Promise<void> {
  await trx
    .updateTable('override')
    .set((eb) => ({ reminders: eb('reminders', '+', 1), remind_at: nextAt }))
    .where('id', '=', id)
    .execute();
}

export async function markEndTold(trx: Trx, id: number): Promise<void> {
  await trx.updateTable('override').set({ tell_end_at: null }).where('id', '=', id).execute();
}

/** What is to be told may have changed while it was told: then it is told again. */
export async function markTold(db: Reader, told: { id: number; tellAt: Date }, at: Date): Promise<void> {
  await db
    .updateTable('override')
    .set({ told_at: at, tell_at: null, tell_error: null })
    .where('id', '=', told.id)
    .where('tell_at', '=', told.tellAt)
    .execute();
}

export async function markUntold(
  db: Reader,
  untold: { id: number; tellAt: Date },
  error: string,
  nextAt: Date,
): Promise<void> {
  await db
    .updateTable('override')
    .set((eb) => ({ tell_failures: eb('tell_failures', '+', 1), tell_error: error, tell_at: nextAt }))
    .where('id', '=', untold.id)
    .where('tell_at', '=', untold.tellAt)
    .execute();
}

/**
 * What the payment's dead webhooks were to give was given by hand: they are settled, and counted as such. Refunds and disputes that died
 * still wait for a person, and so does what names somebody else. Answers the tickets they stood on.
 */
export async function overrideDeadEvents(
  trx: Trx,
  payment: { provider: string; transactionId: string },
  userId: string,
): Promise<{ id: number; ticketId: number | null }[]> {
  const { rows } = await sql<{ id: number; ticketId: number | null }>`
    with dead as materialized (
      select e.id from event_of_transaction about join event e on e.id = about.event_id
      where about.transaction_key = transaction_key(${payment.transactionId}) and e.transaction_id = ${payment.transactionId}
        and e.provider = ${payment.provider} and e.state = 'dead' and e.kind = 'payment_succeeded'
        and (e.user_id is null or e.user_id = ${userId})
      order by e.id for update of e
    )
    update event set state = 'overridden', reason = null, settled_by = null, settled_reason = null
    from dead where event.id = dead.id returning event.id, event.ticket_id as "ticketId"`.execute(trx);
  return rows;
}
