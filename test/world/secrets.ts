import { type Kysely, sql } from 'kysely';
import { ENGINEERING_CHAT_ID } from '../../sandbox/main.ts';
import type { Db } from '../../src/platform/database.ts';
import type { Schema } from '../../src/platform/schema.ts';
import type { World } from './world.ts';

type Place = { where: string; secret: string };

/**
 * Looks for each of these texts in every text, JSON and array column of the database, in the service's log and in every message
 * that ever stood in the engineering chat, and answers where they are. `allowed` names the columns in which one may stand, like `event.user_id`.
 */
export async function findSecrets(
  world: Pick<World, 'database' | 'service' | 'sandbox'>,
  secrets: string[],
  options: { allowed?: string[] } = {},
): Promise<Place[]> {
  return [
    ...(await searchDatabase(world.database.db, secrets, options.allowed ?? [])),
    ...searchText('the log', world.service.logs(), secrets),
    ...searchText('the engineering chat', readEngineeringChat(world), secrets),
  ];
}

function readEngineeringChat({ sandbox }: Pick<World, 'sandbox'>): string {
  const messages = sandbox.telegram.messages(ENGINEERING_CHAT_ID).filter((message) => message.from.isBot);
  return JSON.stringify(messages.map(({ history, buttons }) => ({ history, buttons })));
}

function searchText(where: string, text: string, secrets: string[]): Place[] {
  return secrets.filter((secret) => text.includes(secret)).map((secret) => ({ where, secret }));
}

async function searchDatabase(db: Db, secrets: string[], allowed: string[]): Promise<Place[]> {
  const found: Place[] = [];
  for (const column of await listTextColumns(db)) {
    if (!allowed.includes(`${column.table}.${column.name}`)) found.push(...(await searchColumn(db, column, secrets)));
  }
  return found;
}

type Column = { table: string; name: string };

/** A partition's columns are its table's. */
async function listTextColumns(db: Kysely<Schema>): Promise<Column[]> {
  const { rows } = await sql<Column>`
    select c.relname as "table", a.attname as name from pg_attribute a join pg_class c on c.oid = a.attrelid
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition and a.attnum > 0
      and not a.attisdropped and a.atttypid in ('text'::regtype, 'json'::regtype, 'jsonb'::regtype, 'text[]'::regtype)`.execute(
    db,
  );
  if (rows.length < 40) throw new Error('fewer columns than there are: nothing was searched');
  return rows;
}

async function searchColumn(db: Kysely<Schema>, { table, name }: Column, secrets: string[]): Promise<Place[]> {
  const { rows } = await sql<{ secret: string }>`
    select distinct secret from ${sql.table(table)} t, unnest(${secrets}::text[]) as secret
    where strpos(t.${sql.ref(name)}::text, secret) > 0`.execute(db);
  return rows.map(({ secret }) => ({ where: `${table}.${name}`, secret }));
}
