import { sql } from 'kysely';
import type { Db } from '../../platform/database.ts';

/** The engineering chat as it is now. A migrated group's new id wins over the configured one. */
export type ChatLane = {
  configuredId: number;
  chatId: number;
  /** Flood control, or Telegram being away: nothing is tried before. */
  pausedUntil: Date | null;
  /** Why nothing can be sent there until a person changes something. */
  broken: string | null;
  /** Tries in a row that got no answer. */
  failures: number;
};

export type ChatState = { state: 'ok' | 'paused' | 'failing' | 'broken'; detail: string | null };

export async function openLane(db: Db, configuredId: number): Promise<ChatLane> {
  const lane = (await findLane(db, configuredId)) ?? (await insertLane(db, configuredId));
  if (!lane) throw new Error(`the chat ${configuredId} has no row although it was just written`);
  return lane;
}

async function findLane(db: Db, configuredId: number): Promise<ChatLane | undefined> {
  return db
    .selectFrom('chat')
    .select(['configured_id as configuredId', 'chat_id as chatId', 'paused_until as pausedUntil', 'broken', 'failures'])
    .where('configured_id', '=', configuredId)
    .executeTakeFirst();
}

async function insertLane(db: Db, configuredId: number): Promise<ChatLane | undefined> {
  await db
    .insertInto('chat')
    .values({ configured_id: configuredId, chat_id: configuredId })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  return findLane(db, configuredId);
}

/** The id to recognise the chat by in what comes in; the configured one until the group has moved. */
export async function findCurrentChatId(db: Db, configuredId: number): Promise<number> {
  return (await findLane(db, configuredId))?.chatId ?? configuredId;
}

/** For `/readyz` and the like; it is the same in every replica, because it is read from the row. */
export async function findChatState(db: Db, configuredId: number, now: Date): Promise<ChatState> {
  const lane = await findLane(db, configuredId);
  if (lane?.broken) return { state: 'broken', detail: lane.broken };
  if (lane && lane.failures > 0) return { state: 'failing', detail: `${lane.failures} tries without an answer` };
  const paused = lane?.pausedUntil && lane.pausedUntil > now ? lane.pausedUntil : null;
  return paused
    ? { state: 'paused', detail: `flood control until ${paused.toISOString()}` }
    : { state: 'ok', detail: null };
}

export async function pauseChat(db: Db, configuredId: number, until: Date): Promise<void> {
  await db.updateTable('chat').set({ paused_until: until }).where('configured_id', '=', configuredId).execute();
}

export async function markChatFailing(db: Db, configuredId: number, until: Date): Promise<void> {
  await db
    .updateTable('chat')
    .set((eb) => ({ failures: eb('failures', '+', 1), paused_until: until }))
    .where('configured_id', '=', configuredId)
    .execute();
}

/** Nothing is sent until `recheckAt`, when it is looked at again. */
export async function breakChat(db: Db, configuredId: number, reason: string, recheckAt: Date): Promise<void> {
  await db
    .updateTable('chat')
    .set({ broken: reason, paused_until: recheckAt, changed_at: sql`clock_timestamp()` })
    .where('configured_id', '=', configuredId)
    .execute();
}

/** Something was sent there, or Telegram says that it could be. */
export async function markChatHealthy(db: Db, configuredId: number): Promise<void> {
  await db
    .updateTable('chat')
    .set({ broken: null, failures: 0, paused_until: null, changed_at: sql`clock_timestamp()` })
    .where('configured_id', '=', configuredId)
    .where((eb) => eb.or([eb('broken', 'is not', null), eb('failures', '>', 0)]))
    .execute();
}

/**
 * The group `fromChatId` has become `toChatId`, as an error or a service message told. Messages stay behind: every open ticket gets
 * a new card. False when the chat is none of ours, or has moved there already.
 */
export async function migrateChat(db: Db, fromChatId: number, toChatId: number): Promise<boolean> {
  const result = await db
    .updateTable('chat')
    .set({ chat_id: toChatId, broken: null, failures: 0, paused_until: null, changed_at: sql`clock_timestamp()` })
    .where((eb) => eb.or([eb('configured_id', '=', fromChatId), eb('chat_id', '=', fromChatId)]))
    .where('chat_id', '<>', toChatId)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}
