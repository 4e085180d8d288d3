import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { ensureBreaker, evaluate, recordResults } from '../../src/breaker/breaker-store.ts';
import { commandBreaker } from '../../src/breaker/command.ts';
import { completeSettings, DEFAULT_BREAKER } from '../../src/breaker/settings.ts';
import { createTestDatabase } from '../database.ts';
import { insertEvent } from '../seed.ts';
import { API_TOKEN, startApi } from './server.ts';

const { db } = await createTestDatabase();
const { url } = await startApi({ db, clock: { now: () => new Date() }, plans: {} });
const alone = await startApi({ db, clock: { now: () => new Date() }, plans: {}, tellsProduct: false });
const settings = completeSettings(DEFAULT_BREAKER, 10_000);

const headers = { authorization: `Bearer ${API_TOKEN}` };
type Told = { name: string; state: string; since: string; openUntil: string };

async function breakers(from = url): Promise<Told[]> {
  const response = await fetch(`${from}/api/breakers`, { headers });
  return ((await response.json()) as { breakers: Told[] }).breakers;
}

test('without the token nothing is told', async () => {
  expect((await fetch(`${url}/api/breakers`)).status).toBe(401);
});

test('before anything was called there are none', async () => {
  expect(await breakers()).toEqual([]);
});

test('each is told by name, with the events that wait for it', async () => {
  await ensureBreaker(db, 'provider:stripe', settings);
  await ensureBreaker(db, 'activation', settings);
  for (const state of ['pending', 'retrying', 'applied', 'dead'] as const) await insertEvent(db, { state });
  const since = expect.stringMatching(/^\d{4}-.*Z$/);
  expect(await breakers()).toEqual([
    { name: 'activation', state: 'closed', epoch: 1, since, openUntil: null, waiting: 2 },
    { name: 'provider:stripe', state: 'closed', epoch: 1, since, openUntil: null, waiting: 0 },
  ]);
});

test('an open one says until when it is not called', async () => {
  await recordResults(db, 'r1', [{ name: 'activation', epoch: 1, ok: 0, failed: 10, ageMs: 0 }]);
  await evaluate(db, 'activation', 'r1');
  const activation = (await breakers())[0]!;
  expect(activation).toMatchObject({ state: 'open', epoch: 2 });
  expect(Date.parse(activation.openUntil) - Date.parse(activation.since)).toBe(settings.openMs);
});

test.each([
  ['with an end that', 60_000],
  ['without an end no time', null],
])('one that was tripped %s', async (_, ttlMs) => {
  const order = { dependency: 'activation', reason: 'a test', actor: 'Ann' };
  await commandBreaker(db, { ...order, verb: 'reset', commandId: randomUUID() });
  await commandBreaker(db, { ...order, verb: 'trip', ttlMs, commandId: randomUUID() });
  const activation = (await breakers())[0]!;
  expect(activation.state).toBe('forced_open');
  expect(activation.openUntil && Date.parse(activation.openUntil) - Date.parse(activation.since)).toBe(ttlMs);
});

test('where no product is told, nothing waits for it', async () => {
  expect((await breakers(alone.url))[0]).toMatchObject({ name: 'activation', waiting: 0 });
});
