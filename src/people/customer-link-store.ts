import type { Db, Transaction } from '../platform/database.ts';
import type { Schema } from '../platform/schema.ts';
import { hashCustomerToken, makeCustomerToken } from './customer-token.ts';

const VALID_MS = 24 * 60 * 60_000;

/** Writes a link down and answers the one copy of its token. Earlier links of the same user stay as they are. */
export async function createCustomerLink(
  db: Db,
  { userId, now }: { userId: string; now: Date },
): Promise<{ token: string; expiresAt: Date }> {
  const token = makeCustomerToken();
  const expiresAt = new Date(now.getTime() + VALID_MS);
  await db
    .insertInto('customer_link')
    .values({ token_hash: hashCustomerToken(token), user_id: userId, created_at: now, expires_at: expiresAt })
    .execute();
  return { token, expiresAt };
}

export type CustomerLink = { id: number; userId: string; expiresAt: Date; usedByUpdate: number | null };

/** Two who open it at once stand in line: the second sees that it was used. */
export async function lockCustomerLink(trx: Transaction<Schema>, tokenHash: Buffer): Promise<CustomerLink | null> {
  const row = await trx
    .selectFrom('customer_link')
    .select(['id', 'user_id as userId', 'expires_at as expiresAt', 'used_by_update as usedByUpdate'])
    .where('token_hash', '=', tokenHash)
    .forUpdate()
    .executeTakeFirst();
  return row ?? null;
}

export async function markCustomerLinkUsed(
  trx: Transaction<Schema>,
  used: { id: number; updateId: number; now: Date },
): Promise<void> {
  await trx
    .updateTable('customer_link')
    .set({ used_at: used.now, used_by_update: used.updateId })
    .where('id', '=', used.id)
    .execute();
}

/** Forgets what can no longer be used; answers how many. */
export async function purgeCustomerLinks(db: Db, now: Date): Promise<number> {
  const result = await db.deleteFrom('customer_link').where('expires_at', '<=', now).executeTakeFirst();
  return Number(result.numDeletedRows);
}
