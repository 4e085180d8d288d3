import { sql } from 'kysely';
import type { Db } from './database.ts';

/** The latest due time before this one that somebody ran. */
export async function findLastDue(db: Db, name: string, before: Date): Promise<Date | null> {
  const row = await db
    .selectFrom('job_run')
    .select('due_at')
    .where('name', '=', name)
    .where('due_at', '<', before)
    .orderBy('due_at', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.due_at ?? null;
}

/** Whether this due time is ours to run: nobody has inserted its row before. */
export async function claimRun(db: Db, name: string, dueAt: Date, holder: string): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('job_run')
    .values({ name, due_at: dueAt, holder, error: null })
    .onConflict((conflict) => conflict.columns(['name', 'due_at']).doNothing())
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n;
}

export type RunResult = { outcome: string; error: string | null };

export async function finishRun(db: Db, name: string, dueAt: Date, result: RunResult): Promise<void> {
  await db
    .updateTable('job_run')
    .set({ ...result, finished_at: sql`clock_timestamp()` })
    .where('name', '=', name)
    .where('due_at', '=', dueAt)
    .execute();
}

/** Forgets runs of more than a week ago; answers how many. The last of each job stays: by it the next one counts what was missed. */
export async function purgeRuns(db: Db, now: Date): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from job_run r where due_at < ${now}::timestamptz - interval '7 days'
      and exists (select from job_run later where later.name = r.name and later.due_at > r.due_at)`.execute(db);
  return Number(numAffectedRows);
}
