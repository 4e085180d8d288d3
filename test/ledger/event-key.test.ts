import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { eventKey } from '../../src/ledger/arrival-store.ts';
import { createTestDatabase } from '../database.ts';

const { db } = await createTestDatabase();

test.each([
  ['stripe', 'evt_1'],
  ['acme', ''],
  ['a b', 'c d'],
  ['provider', 'ключ 💳'],
  ['provider', 'x'.repeat(255)],
])('an event of %s named “%s” has the same key here and in the database', async (provider, dedupKey) => {
  const { rows } = await sql<{ key: string }>`select event_key(${provider}, ${dedupKey}) as key`.execute(db);
  expect(eventKey(provider, dedupKey).toString('hex')).toBe(rows[0]!.key.replaceAll('-', ''));
});
