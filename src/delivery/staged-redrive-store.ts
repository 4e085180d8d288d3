import { type Kysely, type Selectable, sql, type Transaction } from 'kysely';
import type { Schema, StagedRedriveState } from '../platform/schema.ts';

type Trx = Transaction<Schema>;

export type StagedRedrive = {
  id: number;
  ticketId: number;
  personId: number;
  requestedBy: string;
  events: number[];
  begun: number;
  redriveId: number | null;
  applied: number;
  failed: number;
  state: StagedRedriveState;
};

/** Locks what lies dead of the ticket and nobody has settled, and answers it in the order in which it will be tried. */
export async function lockDeadOfTicket(trx: Trx, ticketId: number): Promise<number[]> {
  const rows = await trx
    .selectFrom('event')
    .select('id')
    .where('ticket_id', '=', ticketId)
    .where('state', '=', 'dead')
    .where('settled_by', 'is', null)
    .orderBy('provider')
    .orderBy('id')
    .forUpdate()
    .execute();
  return rows.map((row) => row.id);
}

export async function insertStaged(
  trx: Trx,
  staged: { commandId: string; ticketId: number; personId: number; requestedBy: string; events: number[] },
): Promise<StagedRedrive> {
  const row = await trx
    .insertInto('staged_redrive')
    .values({
      command_id: staged.commandId,
      ticket_id: staged.ticketId,
      person_id: staged.personId,
      requested_by: staged.requestedBy,
      events: staged.events,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  return toStaged(row);
}

export async function findStagedByCommand(db: Kysely<Schema>, commandId: string): Promise<StagedRedrive | null> {
  const rows = db.selectFrom('staged_redrive').selectAll().where('command_id', '=', commandId);
  const row = await rows.executeTakeFirst();
  return row ? toStaged(row) : null;
}

export async function findStaged(db: Kysely<Schema>, id: number): Promise<StagedRedrive | null> {
  const row = await db.selectFrom('staged_redrive').selectAll().where('id', '=', id).executeTakeFirst();
  return row ? toStaged(row) : null;
}

export async function listRunningStaged(db: Kysely<Schema>): Promise<number[]> {
  const rows = await db
    .selectFrom('staged_redrive')
    .select('id')
    .where('state', '=', 'running')
    .orderBy('id')
    .execute();
  return rows.map((row) => row.id);
}

/** Null while another replica has it. */
export async function lockStaged(trx: Trx, id: number): Promise<StagedRedrive | null> {
  const { rows } = await sql<Selectable<Schema['staged_redrive']>>`
    select * from staged_redrive where id = ${id} and state = 'running' for update skip locked`.execute(trx);
  return rows[0] ? toStaged(rows[0]) : null;
}

function toStaged(row: Selectable<Schema['staged_redrive']>): StagedRedrive {
  return {
    id: row.id,
    ticketId: row.ticket_id,
    personId: row.person_id,
    requestedBy: row.requested_by,
    events: row.events.map(Number),
    begun: row.begun,
    redriveId: row.redrive_id,
    applied: row.applied,
    failed: row.failed,
    state: row.state,
  };
}

export async function saveStaged(trx: Trx, staged: StagedRedrive): Promise<void> {
  const { begun, applied, failed, state } = staged;
  await trx
    .updateTable('staged_redrive')
    .set({ begun, applied, failed, state, redrive_id: staged.redriveId })
    .where('id', '=', staged.id)
    .execute();
}
