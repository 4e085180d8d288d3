import { sql, type Transaction, type UpdateObject } from 'kysely';
import type { Schema, Severity } from '../platform/schema.ts';
import { planTicket } from './deadline-store.ts';
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

/** The dead events of the ticket and of its twins, sorted. */
export async function lockDeadEvents(trx: Trx, ticketId: number): Promise<void> {
  await sql`
    select 1 from event where state = 'dead' and ticket_id in (
      select twin.id from ticket mine join ticket twin using (fingerprint) where mine.id = ${ticketId})
    order by provider, id for update`.execute(trx);
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

export type NewTicket = {
  cause: Cause;
  severity: Severity;
  failures: number;
  countries: Record<string, number>;
  sampleTransaction: string | null;
  now: Date | null;
};

export async function insertTicket(trx: Trx, ticket: NewTicket): Promise<number> {
  const at = sql<Date>`coalesce(${ticket.now}::timestamptz, clock_timestamp())`;
  const fingerprint = fingerprintOf(ticket.cause);
  const { id } = await trx
    .insertInto('ticket')
    .values({
      fingerprint,
      stage: ticket.cause.stage,
      source: ticket.cause.source,
      dependency: ticket.cause.dependency,
      error_family: ticket.cause.errorFamily,
      severity: ticket.severity,
      failures: ticket.failures,
      countries: JSON.stringify(ticket.countries),
      sample_transaction: ticket.sampleTransaction,
      opened_at: at,
      first_failure_at: at,
      last_failure_at: at,
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  await trx.updateTable('cause').set({ ticket_id: id }).where('fingerprint', '=', fingerprint).execute();
  await planTicket(trx, id, { what: 'opened' }, ticket.now);
  return id;
}

/** More failures of a cause that has an open ticket: only the picture changes, so no failure outruns a press. */
export async function attachFailures(
  trx: Trx,
  ticketId: number,
  more: { failures: number; countries: Record<string, number>; now: Date | null },
): Promise<void> {
  await trx
    .updateTable('ticket')
    .set({
      failures: sql`failures + ${more.failures}`,
      countries: JSON.stringify(more.countries),
      last_failure_at: sql`coalesce(${more.now}::timestamptz, clock_timestamp())`,
      wanted_revision: sql`wanted_revision + 1`,
    })
    .where('id', '=', ticketId)
    .execute();
}

export async function markSample(trx: Trx, ticketId: number, transactionId: string | null): Promise<void> {
  await trx.updateTable('ticket').set({ sample_transaction: transactionId }).where('id', '=', ticketId).execute();
}

/** One payment to look at is enough: the first stays. */
export async function keepSample(trx: Trx, ticketId: number, transactionId: string | null): Promise<void> {
  await sql`
    update ticket set sample_transaction = ${transactionId} where id = ${ticketId} and sample_transaction is null`.execute(
    trx,
  );
}

/** Its deadlines move with it. The caller has locked the ticket. */
export async function markSeverity(
  trx: Trx,
  ticketId: number,
  severity: Severity,
  now: Date | null = null,
): Promise<void> {
  const before = await trx.selectFrom('ticket').select('severity').where('id', '=', ticketId).executeTakeFirstOrThrow();
  await trx
    .updateTable('ticket')
    .set({ severity, wanted_revision: sql`wanted_revision + 1` })
    .where('id', '=', ticketId)
    .execute();
  await planTicket(trx, ticketId, { what: 'severity', from: before.severity }, now);
}

/** Who did it decides how soon it is drawn: a person's act may jump the queue of pictures. */
export type StateChange = { by: 'person' | 'itself'; now?: Date | null };

export async function markOpen(trx: Trx, ticketId: number, change: StateChange): Promise<void> {
  await updateState(trx, ticketId, change, {
    state: 'open',
    owner_id: null,
    owner_name: null,
    owner_until: null,
    resolved_at: null,
    resolved_by: null,
    resolved_reason: null,
  });
  await planTicket(trx, ticketId, { what: 'opened' }, change.now ?? null);
}

export async function markAcknowledged(
  trx: Trx,
  ticketId: number,
  owner: { personId: number; name: string },
  now: Date | null = null,
): Promise<void> {
  await updateState(
    trx,
    ticketId,
    { by: 'person' },
    { state: 'acknowledged', owner_id: owner.personId, owner_name: owner.name },
  );
  await planTicket(trx, ticketId, { what: 'owned' }, now);
}

/** Still theirs: only the picture and the deadlines change, and the button that said so is used up. */
export async function markConfirmed(trx: Trx, ticketId: number, now: Date | null): Promise<void> {
  await updateState(trx, ticketId, { by: 'person' }, {});
  await planTicket(trx, ticketId, { what: 'owned' }, now);
}

/** Nobody has it; from now on its calls begin anew. */
export async function markReleased(trx: Trx, ticketId: number, change: StateChange): Promise<void> {
  await updateState(trx, ticketId, change, { state: 'open', owner_id: null, owner_name: null });
  await planTicket(trx, ticketId, { what: 'unowned' }, change.now ?? null);
}

/** Whoever has it keeps it. */
export async function markSnoozed(trx: Trx, ticketId: number, until: Date): Promise<void> {
  await updateState(trx, ticketId, { by: 'person' }, { state: 'snoozed' });
  await planTicket(trx, ticketId, { what: 'snoozed', until }, null);
}

/** A person wants this level to be called now. */
export async function markAsked(trx: Trx, ticketId: number, level: number, now: Date | null): Promise<void> {
  await updateState(trx, ticketId, { by: 'person' }, {});
  await planTicket(trx, ticketId, { what: 'asked', level }, now);
}

export async function markResolved(
  trx: Trx,
  ticketId: number,
  change: StateChange,
  resolution: { by: string; reason: string | null; now: Date | null },
): Promise<void> {
  await updateState(trx, ticketId, change, {
    state: 'resolved',
    resolved_at: sql<Date>`coalesce(${resolution.now}::timestamptz, clock_timestamp())`,
    resolved_by: resolution.by,
    resolved_reason: resolution.reason,
  });
}

export async function markMerged(trx: Trx, ticketId: number, intoId: number, change: StateChange): Promise<void> {
  await updateState(trx, ticketId, change, { state: 'merged', merged_into: intoId });
}

type StateColumns = UpdateObject<Schema, 'ticket', 'ticket'>;

async function updateState(trx: Trx, ticketId: number, change: StateChange, columns: StateColumns): Promise<void> {
  const revisions: StateColumns = {
    state_revision: sql`state_revision + 1`,
    wanted_revision: sql`wanted_revision + 1`,
    ...(change.by === 'person' ? { urgent_revision: sql`wanted_revision + 1` } : {}),
  };
  await trx
    .updateTable('ticket')
    .set({ ...columns, ...revisions })
    .where('id', '=', ticketId)
    .execute();
}

/** What a person did to it beside its state: buttons drawn before are stale, and it is drawn at once. */
export async function markUrgent(trx: Trx, ticketId: number): Promise<void> {
  await updateState(trx, ticketId, { by: 'person' }, {});
}

/** The picture is out of date, though nobody changed the ticket's state. */
export async function markPicture(trx: Trx, ticketId: number, change: StateChange): Promise<void> {
  await trx
    .updateTable('ticket')
    .set({
      wanted_revision: sql`wanted_revision + 1`,
      ...(change.by === 'person' ? { urgent_revision: sql`wanted_revision + 1` } : {}),
    })
    .where('id', '=', ticketId)
    .execute();
}

export async function appendLog(
  trx: Trx,
  line: { ticketId: number; kind: string; actor: string | null; text: string; now: Date | null },
): Promise<void> {
  await trx
    .insertInto('ticket_log')
    .values({
      ticket_id: line.ticketId,
      kind: line.kind,
      actor: line.actor,
      text: line.text,
      at: sql<Date>`coalesce(${line.now}::timestamptz, clock_timestamp())`,
    })
    .execute();
}

/** False when this very press has acted before. */
export async function insertActOnce(
  trx: Trx,
  act: { commandId: string; ticketId: number; action: string; actor: string },
): Promise<boolean> {
  const inserted = await trx
    .insertInto('ticket_act')
    .values({ command_id: act.commandId, ticket_id: act.ticketId, action: act.action, actor: act.actor })
    .onConflict((oc) => oc.doNothing())
    .executeTakeFirst();
  return inserted.numInsertedOrUpdatedRows === 1n;
}

/** People of events that are dead and unsettled, or on their way again; counting stops at `atMost`. */
export async function countPeopleWaiting(trx: Trx, ticketId: number, atMost: number): Promise<number> {
  const { rows } = await sql<{ people: number }>`
    select count(*)::int as people from (
      select distinct coalesce(user_id, transaction_id, subscription_id) as person from event
      where ticket_id = ${ticketId} and (state in ('pending', 'retrying') or (state = 'dead' and settled_by is null))
        and coalesce(user_id, transaction_id, subscription_id) is not null
      limit ${atMost}
    ) waiting`.execute(trx);
  return rows[0]!.people;
}

/** Resolving by hand says: we know about what is dead here and will not redrive it. */
export async function settleDeadEvents(trx: Trx, ticketId: number, by: string, reason: string | null): Promise<number> {
  const result = await trx
    .updateTable('event')
    .set({ settled_by: by, settled_reason: reason })
    .where('ticket_id', '=', ticketId)
    .where('state', '=', 'dead')
    .where('settled_by', 'is', null)
    .executeTakeFirst();
  return Number(result.numUpdatedRows);
}

export async function unsettleDeadEvents(trx: Trx, ticketId: number): Promise<void> {
  await trx
    .updateTable('event')
    .set({ settled_by: null, settled_reason: null })
    .where('ticket_id', '=', ticketId)
    .where('state', '=', 'dead')
    .execute();
}

/** Locks those of the tickets that are open (sorted, so that two transactions never wait for each other) and answers them. */
export async function lockOpenTickets(trx: Trx, ticketIds: number[]): Promise<number[]> {
  if (ticketIds.length === 0) return [];
  const { rows } = await sql<{ id: number }>`
    select id from ticket where id = any(${ticketIds}::bigint[]) and state in ('open', 'acknowledged', 'snoozed')
    order by id for update`.execute(trx);
  return rows.map((row) => row.id);
}

/**
 * Of these tickets, which the caller has locked, those on which nothing waits for anybody any more. A conflict is for a person to end,
 * and a breaker's ticket is not done before the breaker has closed.
 */
export async function listDoneTickets(trx: Trx, ticketIds: number[]): Promise<number[]> {
  if (ticketIds.length === 0) return [];
  const { rows } = await sql<{ id: number }>`
    select t.id from ticket t
    where t.id = any(${ticketIds}::bigint[]) and t.error_family <> 'conflict'
      and not exists (select 1 from event e where e.ticket_id = t.id
                      and (e.state in ('pending', 'retrying') or (e.state = 'dead' and e.settled_by is null)))
      and not exists (select 1 from refusal r where r.ticket_id = t.id and r.verified_at is null)
      and not exists (select 1 from breaker b where t.stage = 'breaker' and b.name = t.dependency and b.state <> 'closed')
    order by t.id`.execute(trx);
  return rows.map((row) => row.id);
}

export async function findOpenTwin(trx: Trx, ticketId: number): Promise<number | null> {
  const row = await trx
    .selectFrom('ticket as twin')
    .innerJoin('ticket as mine', 'mine.fingerprint', 'twin.fingerprint')
    .select('twin.id')
    .where('mine.id', '=', ticketId)
    .whereRef('twin.id', '<>', 'mine.id')
    .where('twin.state', 'not in', ['resolved', 'merged'])
    .executeTakeFirst();
  return row?.id ?? null;
}

/** The twin's failures, and whatever hangs on it, become this ticket's. */
export async function takeOverTwin(trx: Trx, ticketId: number, twinId: number): Promise<void> {
  await trx.updateTable('event').set({ ticket_id: ticketId }).where('ticket_id', '=', twinId).execute();
  await trx.updateTable('refusal').set({ ticket_id: ticketId }).where('ticket_id', '=', twinId).execute();
  await sql`
    update ticket mine set failures = mine.failures + twin.failures, last_failure_at = greatest(mine.last_failure_at, twin.last_failure_at),
      sample_transaction = coalesce(mine.sample_transaction, twin.sample_transaction)
    from ticket twin where mine.id = ${ticketId} and twin.id = ${twinId}`.execute(trx);
}

export async function markLatestOfCause(trx: Trx, ticketId: number): Promise<void> {
  await sql`update cause set ticket_id = ${ticketId} where fingerprint = (select fingerprint from ticket where id = ${ticketId})`.execute(
    trx,
  );
}
