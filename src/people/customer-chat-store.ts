import { sql } from 'kysely';
import type { Db, Transaction } from '../platform/database.ts';
import type { Schema } from '../platform/schema.ts';
import type { Reader } from '../platform/snapshot.ts';

/** Where this user of the product can be told something in private; null when nobody has opened a link of theirs. */
export async function findCustomerChat(db: Reader, userId: string): Promise<number | null> {
  const row = await db
    .selectFrom('customer_chat')
    .select('telegram_id as telegramId')
    .where('user_id', '=', userId)
    .executeTakeFirst();
  return row?.telegramId ?? null;
}

/** From now on the user is told things there, and nowhere else; answers where it was until now. */
export async function moveCustomerChat(
  trx: Transaction<Schema>,
  { userId, telegramId, now }: { userId: string; telegramId: number; now: Date },
): Promise<number | null> {
  const before = await lockCustomerChat(trx, userId);
  if (before === telegramId) return before;
  await trx
    .insertInto('customer_chat')
    .values({ user_id: userId, telegram_id: telegramId, since: now })
    .onConflict((conflict) => conflict.column('user_id').doUpdateSet({ telegram_id: telegramId, since: now }))
    .execute();
  return before;
}

async function lockCustomerChat(trx: Transaction<Schema>, userId: string): Promise<number | null> {
  const { rows } = await sql<{ telegramId: number }>`
    select telegram_id as "telegramId" from customer_chat where user_id = ${userId} for update`.execute(trx);
  return rows[0]?.telegramId ?? null;
}

/** This account is told nothing about payments any more, whoever it was; answers whether it had been. */
export async function endCustomerChats(db: Db, telegramId: number): Promise<boolean> {
  const result = await db.deleteFrom('customer_chat').where('telegram_id', '=', telegramId).executeTakeFirst();
  return result.numDeletedRows > 0n;
}
