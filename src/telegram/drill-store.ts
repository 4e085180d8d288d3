import { sql, type Transaction } from 'kysely';
import { openOrAttach } from '../escalation/open-ticket.ts';
import { appendLog, markSeverity } from '../escalation/ticket-store.ts';
import type { Db } from '../platform/database.ts';
import type { DrillState, Schema } from '../platform/schema.ts';

type Trx = Transaction<Schema>;

export type Drill = { id: number; ticketId: number; startedBy: number; startedAt: Date };

/** What the rows say of a drill that runs. */
export type DrillProgress = Drill & {
  shownAt: Date | null;
  acknowledgedAt: Date | null;
  acknowledgedBy: string | null;
  /** Null until the card in the chat shows the acknowledgement. */
  redrawnAt: Date | null;
  isResolved: boolean;
};

const RUNNING = ['id', 'ticket_id as ticketId', 'started_by as startedBy', 'started_at as startedAt'] as const;

export async function findRunningDrill(db: Db | Trx): Promise<Drill | null> {
  const row = await db.selectFrom('drill').select(RUNNING).where('state', '=', 'running').executeTakeFirst();
  return row ?? null;
}

/** The one drill that this command began; null when it began none. */
export async function findDrillOf(db: Db, commandId: string): Promise<Drill | null> {
  const row = await db.selectFrom('drill').select(RUNNING).where('command_id', '=', commandId).executeTakeFirst();
  return row ?? null;
}

/** Two people who begin one at the same moment take turns. */
export async function lockDrills(trx: Trx): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtext('drill'))`.execute(trx);
}

/** A ticket like every other, of a source that no provider is and with a cause of its own, so that none before it is opened again. */
export async function insertDrill(
  trx: Trx,
  drill: { commandId: string; startedBy: number; by: string; now: Date },
): Promise<Drill> {
  const { rows } = await sql<{ id: number }>`
    select nextval(pg_get_serial_sequence('drill', 'id')) as id`.execute(trx);
  const { id } = rows[0]!;
  const cause = { stage: 'operations', source: 'drill', dependency: null, errorFamily: `exercise ${id}` } as const;
  const failures = { cause, count: 1, countries: [], sampleTransaction: null, needsLook: true };
  const { ticketId } = await openOrAttach(trx, failures, drill.now);
  await markSeverity(trx, ticketId, 'P1');
  const line = { ticketId, kind: 'drill', actor: drill.by, text: `a drill, begun by ${drill.by}`, now: drill.now };
  await appendLog(trx, line);
  await sql`
    insert into drill (id, command_id, ticket_id, started_by, started_at) overriding system value
    values (${id}, ${drill.commandId}, ${ticketId}, ${drill.startedBy}, ${drill.now})`.execute(trx);
  return { id, ticketId, startedBy: drill.startedBy, startedAt: drill.now };
}

/** The running drill, for the length of the transaction; null when there is none. */
export async function lockRunningDrill(trx: Trx): Promise<DrillProgress | null> {
  const { rows } = await sql<DrillProgress>`
    select d.id, d.ticket_id as "ticketId", d.started_by as "startedBy", d.started_at as "startedAt",
      c.first_shown_at as "shownAt", ack.at as "acknowledgedAt", ack.actor as "acknowledgedBy",
      case when ack.at is not null and c.shown_revision >= t.urgent_revision then greatest(c.last_drawn_at, ack.at) end as "redrawnAt",
      t.state in ('resolved', 'merged') as "isResolved"
    from drill d join ticket t on t.id = d.ticket_id left join card c on c.ticket_id = t.id
    left join lateral (
      select at, actor from ticket_act where ticket_id = t.id and action = 'acknowledge' order by at limit 1) ack on true
    where d.state = 'running' for update of d`.execute(trx);
  return rows[0] ?? null;
}

export async function markDrillEnded(
  trx: Trx,
  { id, shownAt, acknowledgedAt, redrawnAt }: DrillProgress,
  state: Exclude<DrillState, 'running'>,
  endedAt: Date,
): Promise<void> {
  await trx
    .updateTable('drill')
    .set({ state, shown_at: shownAt, acknowledged_at: acknowledgedAt, redrawn_at: redrawnAt, ended_at: endedAt })
    .where('id', '=', id)
    .execute();
}
