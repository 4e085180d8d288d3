import { sql } from 'kysely';
import type { Db, Transaction } from '../platform/database.ts';
import type { Role, Schema } from '../platform/schema.ts';

export type Member = {
  telegramId: number;
  firstName: string | null;
  username: string | null;
  role: Role;
  /** Has an authenticator that was confirmed. */
  isEnrolled: boolean;
};

/** Who is on the team now, admins first. */
export async function listTeam(db: Db): Promise<Member[]> {
  const { rows } = await sql<Member>`
    select p.telegram_id as "telegramId", p.first_name as "firstName", p.username, p.role,
      f.confirmed_at is not null as "isEnrolled"
    from person p left join second_factor f on f.person_id = p.telegram_id
    where p.active
    order by array_position(array['admin', 'lead', 'engineer', 'viewer'], p.role), p.telegram_id`.execute(db);
  return rows;
}

/** The admins' rows, locked: while this transaction lasts nobody else takes one away. */
export async function lockAdmins(trx: Transaction<Schema>): Promise<number[]> {
  const rows = await trx
    .selectFrom('person')
    .select('telegram_id as id')
    .where('role', '=', 'admin')
    .where('active', '=', true)
    .orderBy('telegram_id')
    .forUpdate()
    .execute();
  return rows.map(({ id }) => id);
}

/** Somebody new, or somebody who was here before: the role is the new one. */
export async function addPerson(
  trx: Transaction<Schema>,
  person: { telegramId: number; firstName: string; username: string | null; role: Role },
): Promise<void> {
  const { telegramId, firstName, username, role } = person;
  const values = { first_name: firstName, username, role, active: true, private_chat: true };
  await trx
    .insertInto('person')
    .values({ telegram_id: telegramId, ...values })
    .onConflict((conflict) => conflict.column('telegram_id').doUpdateSet(values))
    .execute();
}

export async function markRole(trx: Transaction<Schema>, telegramId: number, role: Role): Promise<void> {
  await trx.updateTable('person').set({ role }).where('telegram_id', '=', telegramId).execute();
}

export async function markRemoved(trx: Transaction<Schema>, telegramId: number): Promise<void> {
  await trx.updateTable('person').set({ active: false }).where('telegram_id', '=', telegramId).execute();
}
