import { sql } from 'kysely';
import type { Db } from '../../platform/database.ts';

/** Features of the user whose latest revision the product has not accepted yet. */
export async function listUntoldFeatures(db: Db, userId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('entitlement')
    .select('feature')
    .where('user_id', '=', userId)
    .where('sent_revision', '<', sql<number>`revision`)
    .orderBy('feature')
    .execute();
  return rows.map((row) => row.feature);
}
