import { type Kysely, type Selectable, sql, type Transaction } from 'kysely';
import type { GuidedPhase, Schema } from '../../platform/schema.ts';
import type { SealKeys } from '../../platform/seal.ts';
import type { Answers } from './form.ts';
import { endScreen, type Screen } from './screen.ts';
import { openAddresses, sealAddresses } from './sealed-json.ts';
import type { TurnEnd } from './turn.ts';

type Trx = Transaction<Schema>;
type Db = Kysely<Schema>;

/** Chat, thread and person. */
export type Lane = { chatId: number; threadId: number | null; personId: number };

/** What is to be done, and under whose proof. */
type GuidedAction = { answers: Answers; isProven: boolean };

export type GuidedRow = {
  id: number;
  form: string;
  version: number;
  phase: GuidedPhase;
  state: unknown;
  answers: Answers;
  screen: Screen & { step?: string };
  turn: number;
  lastUpdateId: number | null;
  action: GuidedAction | null;
  deadline: Date | null;
  personId: number;
};

function nameOf({ chatId, threadId, personId }: Lane): string {
  return `${chatId}:${threadId ?? 0}:${personId}`;
}

/** On the connection that holds the form's row: two connections for one answer would starve a small pool. */
export async function lockLane(trx: Trx, lane: Lane): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`guided ${nameOf(lane)}`}, 0))`.execute(trx);
}

export async function findOpenForm(db: Db, keys: SealKeys, lane: Lane): Promise<GuidedRow | null> {
  const row = await db
    .selectFrom('guided')
    .selectAll()
    .where('lane', '=', nameOf(lane))
    .where('phase', '<>', 'ended')
    .executeTakeFirst();
  return row ? toRow(keys, row) : null;
}

/** The form that this very update has moved on already, whatever became of it since. */
export async function findTakenForm(db: Db, keys: SealKeys, lane: Lane, updateId: number): Promise<GuidedRow | null> {
  const row = await db
    .selectFrom('guided')
    .selectAll()
    .where('lane', '=', nameOf(lane))
    .where('last_update_id', '=', updateId)
    .orderBy('id', 'desc')
    .executeTakeFirst();
  return row ? toRow(keys, row) : null;
}

export async function getForm(db: Db, keys: SealKeys, id: number): Promise<GuidedRow> {
  return toRow(keys, await db.selectFrom('guided').selectAll().where('id', '=', id).executeTakeFirstOrThrow());
}

/** Of a version that there is not: it begins again. */
const UNREADABLE = { version: 0, state: null, answers: {}, screen: {} as GuidedRow['screen'], action: null };

/** What was said in it cannot be read any more when the key it was sealed with is gone. */
function toRow(keys: SealKeys, row: Selectable<Schema['guided']>): GuidedRow {
  const { version, state, answers, screen, action } = row;
  const said = openAddresses(keys, { version, state, answers, screen, action }) ?? UNREADABLE;
  return {
    id: row.id,
    form: row.form,
    version: said.version,
    phase: row.phase,
    state: said.state,
    answers: said.answers,
    screen: said.screen as GuidedRow['screen'],
    turn: row.turn,
    lastUpdateId: row.last_update_id,
    action: said.action as GuidedAction | null,
    deadline: row.deadline,
    personId: row.person_id,
  };
}

export async function insertForm(
  trx: Trx,
  lane: Lane,
  begun: { form: string; version: number; deadline: Date; now: Date },
): Promise<Pick<GuidedRow, 'id'>> {
  const row = await trx
    .insertInto('guided')
    .values({
      lane: nameOf(lane),
      chat_id: lane.chatId,
      thread_id: lane.threadId,
      person_id: lane.personId,
      form: begun.form,
      version: begun.version,
      deadline: begun.deadline,
      changed_at: begun.now,
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  return row;
}

export type TurnSaved = {
  id: number;
  /** Null: nobody's update, time did it. */
  updateId: number | null;
  state: unknown;
  end: TurnEnd;
  isProven: boolean;
  deadline: Date;
  now: Date;
  /** The person has written below the message: it is shown anew, there. */
  isBelow: boolean;
};

/** The log of the conversation and what is to be shown or done by it, together or not at all; addresses in it are sealed. */
export async function saveTurn(trx: Trx, keys: SealKeys, saved: TurnSaved): Promise<void> {
  const sealed = (value: unknown) => JSON.stringify(sealAddresses(keys, value));
  const { end } = saved;
  const answers = end.phase === 'asking' ? end.answers : {};
  const screen = end.phase === 'asking' ? { ...end.screen, step: end.step } : end.phase === 'ended' ? end.screen : null;
  await trx
    .updateTable('guided')
    .set((eb) => ({
      phase: end.phase,
      state: end.phase === 'asking' ? sealed(saved.state) : null,
      answers: sealed(answers),
      ...(screen ? { screen: sealed(screen) } : {}),
      action: end.phase === 'acting' ? sealed({ answers: end.answers, isProven: saved.isProven }) : null,
      deadline: end.phase === 'asking' ? saved.deadline : null,
      turn: eb('turn', '+', 1),
      ...(saved.updateId === null ? {} : { last_update_id: saved.updateId }),
      ...(screen ? { wanted_revision: eb('wanted_revision', '+', 1) } : {}),
      ...(saved.isBelow ? { old_message_id: eb.ref('message_id'), message_id: null } : {}),
      changed_at: saved.now,
    }))
    .where('id', '=', saved.id)
    .execute();
}

/** What was pressed waits for a code: so does the form. */
export async function prolongForm(db: Db, id: number, deadline: Date): Promise<void> {
  await db.updateTable('guided').set({ deadline }).where('id', '=', id).where('phase', '=', 'asking').execute();
}

/** Time is up: the form is locked by its lane before it is ended, so an answer of the same moment wins or loses whole. */
export async function listOverdueForms(db: Db, now: Date): Promise<(Lane & { id: number; form: string })[]> {
  return db
    .selectFrom('guided')
    .select(['id', 'form', 'chat_id as chatId', 'thread_id as threadId', 'person_id as personId'])
    .where('deadline', '<=', now)
    .orderBy('deadline')
    .limit(100)
    .execute();
}

/** What should be shown and is not, and has not been touched for a while: whoever was to draw it is gone. */
export async function listUndrawnForms(db: Db, before: Date): Promise<number[]> {
  const rows = await db
    .selectFrom('guided')
    .select('id')
    .whereRef('wanted_revision', '>', 'shown_revision')
    .where('changed_at', '<', before)
    .orderBy('changed_at')
    .limit(100)
    .execute();
  return rows.map((row) => row.id);
}

/** Confirmed, and whoever was to carry it out is gone. */
export async function listUndoneForms(db: Db, before: Date): Promise<number[]> {
  const rows = await db
    .selectFrom('guided')
    .select('id')
    .where('phase', '=', 'acting')
    .where('changed_at', '<', before)
    .limit(100)
    .execute();
  return rows.map((row) => row.id);
}

export type Drawing = {
  id: number;
  chatId: number;
  threadId: number | null;
  screen: Screen;
  turn: number;
  messageId: number | null;
  oldMessageId: number | null;
  revision: number;
};

/** Takes what is to be drawn, for as long as one call may take; null when there is nothing to draw or somebody draws it. */
export async function claimDrawing(
  db: Db,
  keys: SealKeys,
  id: number,
  { now, leaseMs }: { now: Date; leaseMs: number },
): Promise<Drawing | null> {
  const { rows } = await sql<Drawing>`
    update guided set drawing_until = ${new Date(now.getTime() + leaseMs)}
    where id = ${id} and wanted_revision > shown_revision and (drawing_until is null or drawing_until <= ${now})
    returning id, chat_id as "chatId", thread_id as "threadId", screen, turn, message_id as "messageId",
      old_message_id as "oldMessageId", wanted_revision as revision`.execute(db);
  const [row] = rows;
  return row ? { ...row, screen: openAddresses(keys, row.screen) ?? UNREADABLE_SCREEN } : null;
}

const UNREADABLE_SCREEN = endScreen(
  '⚠',
  'This cannot be read any more, since SECRET_KEY has changed. /cancel ends it.',
);

/** Shown as of `revision`. An answer that came meanwhile below the message keeps its wish for a new one. */
export async function markDrawn(db: Db, drawn: Drawing, messageId: number | null): Promise<void> {
  await sql`
    update guided set shown_revision = greatest(shown_revision, ${drawn.revision}), drawing_until = null,
      message_id = case when wanted_revision = ${drawn.revision} then ${messageId}::bigint else message_id end,
      old_message_id = case when wanted_revision = ${drawn.revision} then null else coalesce(old_message_id, ${messageId}::bigint) end
    where id = ${drawn.id}`.execute(db);
}

export async function releaseDrawing(db: Db, id: number): Promise<void> {
  await db.updateTable('guided').set({ drawing_until: null }).where('id', '=', id).execute();
}

/** Forgets forms that ended long ago; answers how many. */
export async function purgeForms(db: Db, now: Date): Promise<number> {
  const { numDeletedRows } = await db
    .deleteFrom('guided')
    .where('phase', '=', 'ended')
    .where('changed_at', '<', sql<Date>`${now}::timestamptz - interval '48 hours'`)
    .executeTakeFirst();
  return Number(numDeletedRows);
}

export async function laneOfForm(db: Db, id: number): Promise<Lane> {
  return db
    .selectFrom('guided')
    .select(['chat_id as chatId', 'thread_id as threadId', 'person_id as personId'])
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
}
