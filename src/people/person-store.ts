import { sql } from 'kysely';
import type { Db } from '../platform/database.ts';
import type { Role } from '../platform/schema.ts';
import type { Reader } from '../platform/snapshot.ts';
import type { Person } from './person.ts';

const COLUMNS = [
  'telegram_id as telegramId',
  'first_name as firstName',
  'username',
  'role',
  'active',
  'private_chat as privateChat',
] as const;

export async function findPerson(db: Db, telegramId: number): Promise<Person | null> {
  const row = await db.selectFrom('person').select(COLUMNS).where('telegram_id', '=', telegramId).executeTakeFirst();
  return row ?? null;
}

export function listActivePeople(db: Reader): Promise<Person[]> {
  return db.selectFrom('person').select(COLUMNS).where('active', '=', true).orderBy('telegram_id').execute();
}

/**
 * Writes the people of the environment into an empty table, and answers how many; once anybody is there, the table is
 * the truth and the environment says nothing. An id in both lists is an admin.
 */
export async function seedPeople(db: Db, seed: { adminIds: number[]; engineerIds: number[] }): Promise<number> {
  const roles = new Map<number, Role>();
  for (const id of seed.engineerIds) roles.set(id, 'engineer');
  for (const id of seed.adminIds) roles.set(id, 'admin');
  const { rows } = await sql`
    insert into person (telegram_id, role)
    select * from unnest(${[...roles.keys()]}::bigint[], ${[...roles.values()]}::text[])
    where not exists (select from person)
    on conflict do nothing
    returning telegram_id`.execute(db);
  return rows.length;
}

/** Whether the bot may write to this person first. Strangers have no row, and nothing is remembered of them. */
export async function markPrivateChat(db: Db, telegramId: number, isOpen = true): Promise<void> {
  await db
    .updateTable('person')
    .set({ private_chat: isOpen })
    .where('telegram_id', '=', telegramId)
    .where('private_chat', '!=', isOpen)
    .execute();
}

/** Keeps the name people see up to date with Telegram; writes only when it changed. */
export async function rememberName(
  db: Db,
  telegramId: number,
  name: { firstName: string; username: string | null },
): Promise<void> {
  await db
    .updateTable('person')
    .set({ first_name: name.firstName, username: name.username })
    .where('telegram_id', '=', telegramId)
    .where(sql<boolean>`(first_name, username) is distinct from (${name.firstName}::text, ${name.username}::text)`)
    .execute();
}
