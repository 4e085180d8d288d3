import { expect, test } from 'vitest';
import { migrate } from '../../src/platform/migrate.ts';
import { createTestDatabase } from '../database.ts';

const { url, pool } = await createTestDatabase();

test('migrating a migrated database changes nothing', async () => {
  expect(await migrate(url)).toEqual([]);
});

test('a migration that was changed after it had been applied is refused by name', async () => {
  await pool.query(`update migration set hash = 'other' where name = '0001-ledger.sql'`);
  await expect(migrate(url)).rejects.toThrow(/0001-ledger\.sql was changed/);
});

test('the payload partitions of three months ahead exist, and making them again makes none', async () => {
  const { rows } = await pool.query('select create_payload_partitions(3) as made');
  expect(rows[0].made).toBe(0);
});
