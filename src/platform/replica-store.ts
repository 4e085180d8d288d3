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
