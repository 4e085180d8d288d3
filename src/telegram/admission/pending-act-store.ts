import type { Update } from '@grammyjs/types';
import type { Db } from '../../platform/database.ts';

/** As long as a typed code is good for: who asked knows what they asked for. */
export const PENDING_MS = 5 * 60_000;

export type PendingAct = { updateId: number; what: string; update: Update };

/** Keeps what a person asked for until their code comes. One thing waits at a time; what they ask for later takes its place. */
export async function keepPendingAct(
  db: Db,
  act: { personId: number; what: string; update: Update; now: Date },
): Promise<void> {
  const values = {
    update_id: act.update.update_id,
    what: act.what,
    payload: JSON.stringify(act.update),
    expires_at: new Date(act.now.getTime() + PENDING_MS),
  };
  await db
    .insertInto('pending_act')
    .values({ person_id: act.personId, ...values })
    .onConflict((conflict) => conflict.column('person_id').doUpdateSet(values))
    .execute();
}

export async function findPendingAct(db: Db, personId: number, now: Date): Promise<PendingAct | null> {
  const row = await db
    .selectFrom('pending_act')
    .select((eb) => ['update_id as updateId', 'what', eb.ref('payload').$castTo<Update>().as('update')])
    .where('person_id', '=', personId)
    .where('expires_at', '>', now)
    .executeTakeFirst();
  return row ?? null;
}

/** It was done; something asked for since then stays. */
export async function forgetPendingAct(db: Db, personId: number, updateId: number): Promise<void> {
  await db.deleteFrom('pending_act').where('person_id', '=', personId).where('update_id', '=', updateId).execute();
}

/** Forgets what nobody typed a code for; answers how many. */
export async function purgePendingActs(db: Db, now: Date): Promise<number> {
  const result = await db.deleteFrom('pending_act').where('expires_at', '<=', now).executeTakeFirst();
  return Number(result.numDeletedRows);
}
