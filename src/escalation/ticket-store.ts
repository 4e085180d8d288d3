import { sql, type Transaction, type UpdateObject } from 'kysely';
import type { Schema, Severity } from '../platform/schema.ts';
import { planTicket } from './deadline-store.ts';
import { type Cause, fingerprintOf } from './fingerprint.ts';

type Trx = Transaction<Schema>;

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
