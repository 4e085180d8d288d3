import { createServer } from 'node:net';
import pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ConfigError } from '../../src/config.ts';
import { createHttpServer } from '../../src/platform/http-server.ts';
import { createLog } from '../../src/platform/log.ts';
import { migrate } from '../../src/platform/migrate.ts';
import { explainStartError } from '../../src/platform/start-error.ts';
import { PoolerError } from '../../src/platform/wake.ts';
import { createTestDatabase, withDatabase } from '../database.ts';

const { url, pool } = await createTestDatabase();

async function reasonOf(starting: Promise<unknown>): Promise<string> {
  const line = await starting.then(
    () => 'it started',
    (error) => explainStartError(error),
  );
  expect(line).not.toContain('\n');
  return line;
}

test('a taken port is named, with the variable that changes it', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void other.close());
  const { port } = other.address() as { port: number };
  const server = createHttpServer({ trustProxy: false, log: createLog({ level: 'silent' }) });
  const line = await reasonOf(server.listen({ port, host: '127.0.0.1' }));
  expect(line).toBe(`Port ${port} is taken by another program: end it, or set PORT to another one`);
});

test('an address that is not this machine’s is blamed on HOST', async () => {
  const server = createHttpServer({ trustProxy: false, log: createLog({ level: 'silent' }) });
  expect(await reasonOf(server.listen({ port: 0, host: '203.0.113.1' }))).toContain('HOST');
});

describe('a database that cannot be used', () => {
  test.each([
    ['nobody listens there', () => url.replace(/:\d+\//, ':1/'), /does not answer.*DATABASE_URL/],
    ['its host does not exist', () => 'postgres://u:hunter2@nowhere.invalid/db', /host in DATABASE_URL/],
    ['it has another name', () => withDatabase(url, 'no_such_database'), /no database of that name/],
  ])('%s', async (_, address, expected) => {
    const line = await reasonOf(migrate(address()));
    expect(line).toMatch(expected);
    expect(line).not.toContain('hunter2');
  });

  test('its user may not create tables', async () => {
    await pool.query('create role reader login');
    onTestFinished(async () => void (await pool.query('drop role reader')));
    const client = new pg.Client({ connectionString: url.replace('breakwater@', 'reader@') });
    await client.connect();
    onTestFinished(() => client.end());
    expect(await reasonOf(client.query('create table x ()'))).toContain('make it the owner');
  });

  test.each(['28P01', '53300', '57P03'])('PostgreSQL says %s', (code) => {
    const line = explainStartError(Object.assign(new Error('FATAL: …'), { code }));
    expect(line).toContain('DATABASE_URL');
  });
});

test('a migration that was changed after it had been applied is named', async () => {
  await pool.query(`update migration set hash = 'other' where name = '0001-ledger.sql'`);
  expect(await reasonOf(migrate(url))).toMatch(/^migration 0001-ledger\.sql was changed/);
});

test('a transaction pooler is named as what it is', () => {
  expect(explainStartError(new PoolerError('a NOTIFY did not arrive: …'))).toBe('a NOTIFY did not arrive: …');
});

test('every mistake of the configuration has a line of its own', () => {
  expect(explainStartError(new ConfigError(['PORT: must be …', 'RUN: must be …']))).toBe(
    'The configuration has 2 mistakes (see .env.example):\n  PORT: must be …\n  RUN: must be …',
  );
  expect(explainStartError(new ConfigError(['PORT: must be …']))).toMatch(/^The configuration has a mistake/);
});

test('an error nobody foresaw is its message alone, in one line and scrubbed', () => {
  const error = new Error('no way\n  to postgres://admin:hunter2@db');
  expect(explainStartError(error)).toBe('no way to postgres://[masked]@db');
  expect(explainStartError('a word')).toBe('a word');
});
