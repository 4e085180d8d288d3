import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { migrate } from '../../src/platform/migrate.ts';
import { createTestDatabase, withDatabase } from '../database.ts';

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

test('a server older than 15 is refused with its version, before any statement it does not know', async () => {
  await pool.query(`create schema pretend;
    create function pretend.current_setting(text) returns text language sql as $$ select '140011' $$`);
  const old = `${url}?options=${encodeURIComponent('-c search_path=pretend,pg_catalog')}`;
  await expect(migrate(old)).rejects.toThrow(/is PostgreSQL 14; .*15 or newer/);
});

test('of replicas that migrate at once each finds the same end', async () => {
  await pool.query('create database migrated_at_once');
  const fresh = withDatabase(url, 'migrated_at_once');
  const applied = await Promise.all([migrate(fresh), migrate(fresh), migrate(fresh)]);
  await pool.query('drop database migrated_at_once with (force)');
  expect(applied.flat().toSorted()).toEqual(readdirSync(new URL('../../migrations', import.meta.url)).toSorted());
});
