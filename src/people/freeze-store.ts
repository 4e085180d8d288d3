import { sql } from 'kysely';
import type { Db, Transaction } from '../platform/database.ts';
import type { Schema } from '../platform/schema.ts';

/** Since when people may change nothing, who said so and why. */
export type Freeze = { at: Date; by: string; reason: string };

/** Null: they may. */
export async function findFreeze(db: Db): Promise<Freeze | null> {
  const row = await db
    .selectFrom('change_freeze')
    .select(['frozen_at as at', 'frozen_by as by', 'reason'])
    .where('frozen_at', 'is not', null)
    .executeTakeFirst();
  return (row as Freeze | undefined) ?? null;
}

/** False when it was frozen already: the first reason stands. */
export async function markFrozen(trx: Transaction<Schema>, { at, by, reason }: Freeze): Promise<boolean> {
  const result = await trx
    .updateTable('change_freeze')
    .set({ frozen_at: at, frozen_by: by, reason })
    .where('frozen_at', 'is', null)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

/** What has ended, or null when nothing was frozen. */
export async function markThawed(trx: Transaction<Schema>): Promise<Freeze | null> {
  const { rows } = await sql<Freeze>`
    with frozen as (select frozen_at as at, frozen_by as by, reason from change_freeze where frozen_at is not null for update)
    update change_freeze set frozen_at = null, frozen_by = null, reason = null from frozen
    returning frozen.at, frozen.by, frozen.reason`.execute(trx);
  return rows[0] ?? null;
}
