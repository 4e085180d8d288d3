import { type ExpressionBuilder, type Kysely, sql, type Transaction } from 'kysely';
import { isOfTransaction } from '../ledger/event-store.ts';
import { rowsOf } from '../platform/rows.ts';
import type { EventState, Schema } from '../platform/schema.ts';

type Trx = Transaction<Schema>;

/** Which dead events are to be tried again. */
export type RedriveScope =
  | { of: 'event'; provider: string; id: number }
  | { of: 'payment'; provider: string; transactionId: string }
  | { of: 'ticket'; ticketId: number }
  /** A stage of a ticket's many: these, as far as they are still dead. */
  | { of: 'stage'; ticketId: number; eventIds: number[] };

/** Null when this very command has been taken before. */
export async function insertRedrive(
  trx: Trx,
  redrive: { commandId: string; scope: RedriveScope; ticketId: number | null; requestedBy: string },
): Promise<number | null> {
  const { scope } = redrive;
  const row = await trx
    .insertInto('redrive')
    .values({
      command_id: redrive.commandId,
      scope: scope.of,
      ticket_id: redrive.ticketId,
      provider: 'provider' in scope ? scope.provider : null,
      transaction_id: scope.of === 'payment' ? scope.transactionId : null,
      requested_by: redrive.requestedBy,
    })
    .onConflict((oc) => oc.column('command_id').doNothing())
    .returning('id')
    .executeTakeFirst();
  return row?.id ?? null;
}

export async function findRedriveByCommand(
  trx: Trx,
  commandId: string,
): Promise<{ id: number; events: number } | null> {
  const row = await trx
    .selectFrom('redrive')
    .select(['id', 'events'])
    .where('command_id', '=', commandId)
    .executeTakeFirst();
  return row ?? null;
}

export async function markRedriveEvents(trx: Trx, redriveId: number, events: number): Promise<void> {
  await trx.updateTable('redrive').set({ events }).where('id', '=', redriveId).execute();
}

export type EventOfScope = {
  provider: string;
  id: number;
  state: EventState;
  ticketId: number | null;
  redriveId: number | null;
};

/** Locks the scope's events that are dead, or on their way again, and answers them. */
export async function lockEvents(trx: Trx, scope: RedriveScope): Promise<EventOfScope[]> {
  return trx
    .selectFrom('event')
    .select(['provider', 'id', 'state', 'ticket_id as ticketId', 'redrive_id as redriveId'])
    .where((eb) => inScope(eb, scope))
    .where('state', 'in', ['dead', 'pending', 'retrying'])
    .orderBy('provider')
    .orderBy('id')
    .forUpdate()
    .execute();
}

/** Of a ticket only what nobody has settled; a payment or an event named by hand is meant whatever was settled. */
function inScope(eb: ExpressionBuilder<Schema, 'event'>, scope: RedriveScope) {
  switch (scope.of) {
    case 'event':
      return eb.and([eb('provider', '=', scope.provider), eb('id', '=', scope.id)]);
    case 'payment':
      return eb.and([eb('provider', '=', scope.provider), isOfTransaction(eb, scope.transactionId)]);
    case 'ticket':
      return eb.and([eb('ticket_id', '=', scope.ticketId), eb('settled_by', 'is', null)]);
    case 'stage':
      return eb.and([eb('id', 'in', scope.eventIds), eb('settled_by', 'is', null)]);
  }
}

/** A new budget of tries, due at once. The attempts go on counting, so the story of the event stays whole. */
export async function reviveEvents(
  trx: Trx,
  events: { provider: string; id: number }[],
  redriveId: number,
): Promise<void> {
  await sql`
    update event e set state = 'pending', reason = null, tries = 0, lost_leases = 0, due_at = clock_timestamp(), redrive_id = ${redriveId},
      settled_by = null, settled_reason = null, finished_at = null
    from ${rowsOf(events, { provider: 'text', id: 'bigint' })} as r(provider, id)
    where e.provider = r.provider and e.id = r.id and e.state = 'dead'`.execute(trx);
}

export type RedriveReport = {
  redriveId: number;
  ticketId: number | null;
  requestedBy: string;
  requestedAt: Date;
  events: number;
  applied: number;
  ignored: number;
  /** Not tried yet. */
  waiting: number;
  /** Failed again, and will be tried again by themselves. */
  retrying: number;
  dead: number;
  /** `HTTP 503`, or the family of the error that was met last. */
  lastStatus: string | null;
  nextTryAt: Date | null;
  finished: boolean;
};

/** What really became of a redrive, read from its events. */
export async function findRedriveReport(db: Kysely<Schema>, redriveId: number): Promise<RedriveReport | null> {
  const { rows } = await sql<Omit<RedriveReport, 'finished'>>`
    select r.id as "redriveId", r.ticket_id as "ticketId", r.requested_by as "requestedBy", r.requested_at as "requestedAt", r.events,
      count(e.id) filter (where e.state = 'applied') as applied,
      count(e.id) filter (where e.state in ('ignored', 'overridden')) as ignored,
      count(e.id) filter (where e.state = 'pending') as waiting,
      count(e.id) filter (where e.state = 'retrying') as retrying,
      count(e.id) filter (where e.state = 'dead') as dead,
      max(e.error_family) filter (where e.state in ('dead', 'retrying')) as "lastStatus",
      min(e.due_at) filter (where e.state = 'retrying') as "nextTryAt"
    from redrive r left join event e on e.redrive_id = r.id
    where r.id = ${redriveId} group by r.id`.execute(db);
  const [report] = rows;
  return report ? { ...report, finished: report.waiting === 0 && report.retrying === 0 } : null;
}
