import { sql } from 'kysely';
import type { Db, Transaction } from '../platform/database.ts';
import type { Schema } from '../platform/schema.ts';

export type Factor = {
  secret: Buffer | null;
  confirmedAt: Date | null;
  lastStep: number;
  verifiedAt: Date | null;
  wrongCodes: number;
  lockedUntil: Date | null;
  offeredSecret: Buffer | null;
  offeredAt: Date | null;
  offeredMessageId: number | null;
};

const COLUMNS = [
  'secret',
  'confirmed_at as confirmedAt',
  'last_step as lastStep',
  'verified_at as verifiedAt',
  'wrong_codes as wrongCodes',
  'locked_until as lockedUntil',
  'offered_secret as offeredSecret',
  'offered_at as offeredAt',
  'offered_message_id as offeredMessageId',
] as const;

/** Null: this person has never asked for one. */
export async function findFactor(db: Db, personId: number): Promise<Factor | null> {
  const row = await db.selectFrom('second_factor').select(COLUMNS).where('person_id', '=', personId).executeTakeFirst();
  return row ?? null;
}

/** Codes of one person are looked at one after another, so that none is taken twice. */
export async function lockFactor(trx: Transaction<Schema>, personId: number): Promise<Factor | null> {
  const rows = trx.selectFrom('second_factor').select(COLUMNS).where('person_id', '=', personId).forUpdate();
  return (await rows.executeTakeFirst()) ?? null;
}

/** Shows a new secret to a person; the one in use counts until the new one has proven itself. */
export async function offerSecret(db: Db, personId: number, sealed: Buffer, now: Date): Promise<void> {
  const offer = { offered_secret: sealed, offered_at: now, offered_message_id: null };
  await db
    .insertInto('second_factor')
    .values({ person_id: personId, ...offer })
    .onConflict((conflict) => conflict.column('person_id').doUpdateSet(offer))
    .execute();
}

export async function noteOfferMessage(db: Db, personId: number, messageId: number): Promise<void> {
  await db
    .updateTable('second_factor')
    .set({ offered_message_id: messageId })
    .where('person_id', '=', personId)
    .execute();
}

/** The offered secret has proven itself and takes the place of the one before. The message that shows it is still to be deleted. */
export async function confirmOffer(trx: Transaction<Schema>, personId: number, step: number, now: Date): Promise<void> {
  await trx
    .updateTable('second_factor')
    .set((eb) => ({ secret: eb.ref('offered_secret'), confirmed_at: now, offered_secret: null, offered_at: null }))
    .where('person_id', '=', personId)
    .execute();
  await markVerified(trx, personId, step, now);
}

export async function markVerified(trx: Transaction<Schema>, personId: number, step: number, now: Date): Promise<void> {
  await trx
    .updateTable('second_factor')
    .set({ last_step: step, verified_at: now, wrong_codes: 0, locked_until: null })
    .where('person_id', '=', personId)
    .execute();
}

/** With the lock, what a right code had proven before is over too. */
export async function countWrongCode(
  trx: Transaction<Schema>,
  personId: number,
  wrong: { wrongCodes: number; lockedUntil: Date | null },
): Promise<void> {
  await trx
    .updateTable('second_factor')
    .set({
      wrong_codes: wrong.wrongCodes,
      locked_until: wrong.lockedUntil,
      ...(wrong.lockedUntil ? { verified_at: null } : {}),
    })
    .where('person_id', '=', personId)
    .execute();
}

/** The message that showed the secret; it is told once. */
export async function takeOfferMessage(db: Db, personId: number): Promise<number | null> {
  const { rows } = await sql<{ id: number | null }>`
    with shown as (select person_id, offered_message_id as id from second_factor where person_id = ${personId} for update)
    update second_factor f set offered_message_id = null from shown where f.person_id = shown.person_id
    returning shown.id`.execute(db);
  return rows[0]?.id ?? null;
}

/** Takes the authenticator from a person, who may then enrol as if for the first time; false when there was none. */
export async function resetFactor(trx: Transaction<Schema>, personId: number): Promise<boolean> {
  const deleted = await trx.deleteFrom('second_factor').where('person_id', '=', personId).executeTakeFirst();
  return deleted.numDeletedRows > 0n;
}
