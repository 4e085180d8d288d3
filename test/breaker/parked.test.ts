import { beforeEach, expect, test } from 'vitest';
import { ensureBreaker } from '../../src/breaker/breaker-store.ts';
import { commandBreaker } from '../../src/breaker/command.ts';
import { listParked } from '../../src/breaker/parked-query.ts';
import { completeSettings, DEFAULT_BREAKER } from '../../src/breaker/settings.ts';
import { createTestDatabase } from '../database.ts';
import { insertEvent } from '../seed.ts';

const { db } = await createTestDatabase();
const settings = completeSettings(DEFAULT_BREAKER, 10_000);

let orders = 0;
const order = (dependency: string, verb: 'trip' | 'reset' | 'release' | 'hold_closed') =>
  commandBreaker(db, {
    commandId: `${++orders}`,
    dependency,
    verb,
    reason: 'a test',
    actor: 'Ann',
    ttlMs: 60_000,
  });

beforeEach(async () => {
  await db.updateTable('event').set({ state: 'ignored' }).where('state', 'in', ['pending', 'retrying']).execute();
  for (const table of ['breaker_command', 'breaker_transition', 'breaker'] as const)
    await db.deleteFrom(table).execute();
});

test('without a breaker nothing is parked', async () => {
  await insertEvent(db);
  expect(await listParked(db, true)).toEqual({});
});

test('what waits is parked while the breaker of the product lets nothing through, and no longer', async () => {
  await ensureBreaker(db, 'activation', settings);
  await insertEvent(db);
  await insertEvent(db, { state: 'retrying' });
  await insertEvent(db, { state: 'applied' });
  expect(await listParked(db, true)).toEqual({ activation: 0 });
  await order('activation', 'trip');
  expect(await listParked(db, true)).toEqual({ activation: 2 });
  await order('activation', 'release');
  expect(await listParked(db, true)).toEqual({ activation: 2 });
  await order('activation', 'hold_closed');
  expect(await listParked(db, true)).toEqual({ activation: 0 });
  await order('activation', 'reset');
  expect(await listParked(db, true)).toEqual({ activation: 0 });
});

test('nothing is parked behind another dependency, nor behind a product that is no longer told', async () => {
  for (const name of ['activation', 'provider:acme']) await ensureBreaker(db, name, settings);
  await insertEvent(db);
  await order('provider:acme', 'trip');
  expect(await listParked(db, true)).toEqual({ activation: 0, 'provider:acme': 0 });
  await order('activation', 'trip');
  expect(await listParked(db, false)).toEqual({ activation: 0, 'provider:acme': 0 });
});
