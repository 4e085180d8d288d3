import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';

const MIGRATIONS_DIR = fileURLToPath(new URL('../../migrations/', import.meta.url));
/** Any number of replicas may start at once; the one that holds this transaction-level lock migrates, the others wait. */
const MIGRATION_LOCK = 4_217_001;

/** Applies what is missing of `migrations/`, each file in a transaction of its own, and answers the names applied. */
export async function migrate(url: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    await refuseOldServer(client);
    const applied: string[] = [];
    for (const name of await listMigrations()) {
      if (await applyOnce(client, name)) applied.push(name);
    }
    return applied;
  } finally {
    await client.end();
  }
}

/** The oldest that the migrations and statements are written for; it says what is missing before a syntax error does. */
const SERVER_VERSION_MIN = 15;

async function refuseOldServer(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ version: number }>(
    `select current_setting('server_version_num')::int / 10000 as version`,
  );
  const { version } = rows[0]!;
  if (version < SERVER_VERSION_MIN)
    throw new Error(`the database is PostgreSQL ${version}; DATABASE_URL must lead to ${SERVER_VERSION_MIN} or newer`);
}

async function listMigrations(): Promise<string[]> {
  return (await readdir(MIGRATIONS_DIR)).filter((name) => name.endsWith('.sql')).sort();
}

async function applyOnce(client: pg.Client, name: string): Promise<boolean> {
  const text = await readFile(join(MIGRATIONS_DIR, name), 'utf8');
  const hash = createHash('sha256').update(text).digest('hex');
  await client.query('begin');
  try {
    await client.query('select pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
    await client.query(
      'create table if not exists migration (name text primary key, hash text not null, applied_at timestamptz not null default clock_timestamp())',
    );
    const { rows } = await client.query<{ hash: string }>('select hash from migration where name = $1', [name]);
    if (rows[0]) refuseChanged(name, rows[0].hash, hash);
    else {
      await client.query(text);
      await client.query('insert into migration (name, hash) values ($1, $2)', [name, hash]);
    }
    await client.query('commit');
    return !rows[0];
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}

function refuseChanged(name: string, appliedHash: string, hash: string): void {
  if (appliedHash !== hash)
    throw new Error(`migration ${name} was changed after it had been applied; migrations are frozen`);
}
