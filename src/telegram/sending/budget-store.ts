import type { Db } from '../../platform/database.ts';
import { type BudgetRequest, type Spending, WINDOW_MS } from './budget.ts';

/** Kept a while longer than it counts, for whoever asks what the chat was told. */
const KEEP_MS = 10 * 60_000;

/** Written before the call: a message whose answer is lost counts, whoever sends next. */
export async function insertSpending(db: Db, chatId: number, request: BudgetRequest, at: Date): Promise<number> {
  await db
    .deleteFrom('chat_spending')
    .where('chat_id', '=', chatId)
    .where('at', '<', new Date(at.getTime() - KEEP_MS))
    .execute();
  const { id } = await db
    .insertInto('chat_spending')
    .values({ chat_id: chatId, at, method: request.method, class: request.class })
    .returning('id')
    .executeTakeFirstOrThrow();
  return id;
}

/** Telegram refused it or never saw it: nothing was spent. */
export async function takeBackSpending(db: Db, id: number): Promise<void> {
  await db.deleteFrom('chat_spending').where('id', '=', id).execute();
}

/** What this chat was told in the window that counts. */
export async function listSpending(db: Db, chatId: number, now: Date): Promise<Spending[]> {
  const rows = await db
    .selectFrom('chat_spending')
    .select(['method', 'class', 'at'])
    .where('chat_id', '=', chatId)
    .where('at', '>', new Date(now.getTime() - WINDOW_MS))
    .orderBy('at')
    .execute();
  return rows as Spending[];
}

export async function findLastSpending(db: Db, chatId: number): Promise<Date | null> {
  const row = await db
    .selectFrom('chat_spending')
    .select('at')
    .where('chat_id', '=', chatId)
    .orderBy('at', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.at ?? null;
}
