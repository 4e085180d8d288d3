import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, inject } from 'vitest';
import { createDb, createPool, type Db } from '../src/platform/database.ts';
import { startEmbeddedPostgres } from '../src/platform/embedded-postgres.ts';
import { migrate } from '../src/platform/migrate.ts';

declare module 'vitest' {
  interface ProvidedContext {
    postgresUrl: string;
  }
}

const TEMPLATE = 'breakwater_template';

/**
 * A real server for one test run, fast because it may forget everything: nothing is synced to disk. TEST_DATABASE_URL names another
 * one, to run the tests on an older PostgreSQL.
 */
export async function startTestPostgres(): Promise<{ url: string; stop: () => Promise<void> }> {
  const server = process.env.TEST_DATABASE_URL ? givenServer(process.env.TEST_DATABASE_URL) : await ownServer();
  await onDatabase(server.url, (client) => client.query(`drop database if exists ${TEMPLATE}`));
  await onDatabase(server.url, (client) => client.query(`create database ${TEMPLATE}`));
  await migrate(withDatabase(server.url, TEMPLATE));
  await onDatabase(withDatabase(server.url, TEMPLATE), (client) => client.query('select create_payload_partitions(3)'));
  return server;
}

function givenServer(url: string) {
  return { url, stop: async () => {} };
}

async function ownServer() {
  const parent = await mkdtemp(join(tmpdir(), 'breakwater-test-'));
  await chmodForServer(parent);
  const server = await startEmbeddedPostgres({
    dataDir: join(parent, 'pg'),
    settings: { fsync: 'off', full_page_writes: 'off', max_connections: '300', shared_buffers: '128MB' },
  });
  const stop = async () => {
    await server.stop();
    await rm(parent, { recursive: true, force: true });
  };
  return { url: server.url, stop };
}

export type TestDatabase = { url: string; pool: pg.Pool; db: Db };

/** A migrated, empty database of this test file's own, dropped when the file is done. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const server = inject('postgresUrl');
  const name = `test_${process.pid}_${Math.trunc(performance.now() * 1000)}`;
  await onDatabase(server, (client) => client.query(`create database ${name} template ${TEMPLATE}`));
  const url = withDatabase(server, name);
  const pool = createPool(url, { max: 12, name: 'test' });
  const db = createDb(pool);
  afterAll(async () => {
    await db.destroy();
    await onDatabase(server, (client) => client.query(`drop database if exists ${name} with (force)`));
  });
  return { url, pool, db };
}

export function withDatabase(url: string, database: string): string {
  const parsed = new URL(url);
  parsed.pathname = `/${database}`;
  return parsed.toString();
}

async function onDatabase<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** As root the server runs as another user, who must be able to enter the folder. */
async function chmodForServer(dir: string): Promise<void> {
  const { chmod } = await import('node:fs/promises');
  await chmod(dir, 0o755);
}
