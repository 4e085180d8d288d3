import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../src/platform/embedded-postgres.ts';
import { migrate } from '../src/platform/migrate.ts';

/** Under the project and not under /tmp, which may be memory: what is measured must reach a disk. */
const DIRECTORY = join('.data', 'bench');
const DATA = join(DIRECTORY, 'postgres');

/** A PostgreSQL as `npm start` runs it, durable, for the benchmarks alone. */
export type Place = {
  postgres: EmbeddedPostgres;
  /** A new database, migrated. */
  createDatabase: () => Promise<string>;
  dropDatabase: (url: string) => Promise<void>;
  remove: () => Promise<void>;
};

export async function openPlace(): Promise<Place> {
  await endLeftServer();
  await rm(DIRECTORY, { recursive: true, force: true });
  const postgres = await startEmbeddedPostgres({ dataDir: DATA });
  let databases = 0;
  return {
    postgres,
    createDatabase: async () => {
      const name = `bench_${++databases}`;
      await query(postgres.url, `create database ${name}`);
      const url = postgres.url.replace(/[^/]+$/, name);
      await migrate(url);
      await query(url, 'select create_payload_partitions(3)');
      return url;
    },
    dropDatabase: async (url) => void (await query(postgres.url, `drop database ${nameOf(url)} with (force)`)),
    remove: async () => {
      await postgres.stop();
      await rm(DIRECTORY, { recursive: true, force: true });
    },
  };
}

/** A run that was killed leaves its server, which must not share the disk with ours. */
async function endLeftServer(): Promise<void> {
  if (!existsSync(join(DATA, 'postmaster.pid'))) return;
  const left = await startEmbeddedPostgres({ dataDir: DATA });
  await left.stop();
}

function nameOf(url: string): string {
  return new URL(url).pathname.slice(1);
}

/** Runs one statement on a connection of its own. */
export async function query<Row extends pg.QueryResultRow>(
  url: string,
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(text, values)).rows;
  } finally {
    await client.end();
  }
}
