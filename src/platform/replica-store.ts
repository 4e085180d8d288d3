import { sql } from 'kysely';
import type { Db } from './database.ts';

/** Says that this process is alive, in a commit of its own. */
export async function writeHeartbeat(db: Db, replica: { id: string; roles: string }): Promise<void> {
  await db
    .insertInto('replica')
    .values(replica)
    .onConflict((conflict) =>
      conflict.column('id').doUpdateSet({ roles: replica.roles, seen_at: sql`clock_timestamp()` }),
    )
    .execute();
}

/** Forgets processes that have not been seen for a week; answers how many. */
export async function purgeReplicas(db: Db, now: Date): Promise<number> {
  const { numDeletedRows } = await db
    .deleteFrom('replica')
    .where('seen_at', '<', sql<Date>`${now}::timestamptz - interval '7 days'`)
    .executeTakeFirst();
  return Number(numDeletedRows);
}
