import { readFile } from 'node:fs/promises';
import { beforeAll, expect, test } from 'vitest';
import { ensureBreaker, evaluate, recordResults } from '../../src/breaker/breaker-store.ts';
import { completeSettings, DEFAULT_BREAKER } from '../../src/breaker/settings.ts';
import { createTestDatabase } from '../database.ts';
import { RECEIVED_AT, seedAttempt, seedEntitlement, seedEvent, seedFact, seedPayment, seedTicket } from './seed.ts';
import { API_TOKEN, startApi } from './server.ts';

const { db } = await createTestDatabase();
const { url } = await startApi({
  db,
  clock: { now: () => RECEIVED_AT },
  plans: {},
  findBotName: async () => 'your_bot',
});
const page = await readFile(new URL('../../docs/api.md', import.meta.url), 'utf8');
const examples = [...page.matchAll(/```json\n(.*?)```/gs)].map((match) => JSON.parse(match[1]!));

beforeAll(async () => {
  const id = await seedEvent(db, { state: 'retrying', tries: 1, ticket_id: await seedTicket(db) });
  await seedAttempt(db, { event_id: id, n: 1 });
  await seedPayment(db);
  await seedFact(db, { event_id: id });
  await seedEntitlement(db);
  await ensureBreaker(db, 'activation', completeSettings(DEFAULT_BREAKER, 10_000));
  await recordResults(db, 'r1', [{ name: 'activation', epoch: 1, ok: 0, failed: 10, ageMs: 0 }]);
  await evaluate(db, 'activation', 'r1');
});

const headers = { authorization: `Bearer ${API_TOKEN}` };
const get = async (path: string) => (await fetch(url + path, { headers })).json() as Promise<Record<string, unknown>>;

/** Names and kinds of everything in it, without the values. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf);
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, shapeOf(field)]));
}

test('the documented answers have the shapes of the real ones', async () => {
  const [payment, ticket, user, conservation, breakers, link, flag] = examples;
  expect(examples).toHaveLength(7);
  const real = await get('/api/payments/acme/tx456');
  expect(shapeOf({ ...real, entitlements: [], ticket: null })).toEqual(shapeOf(payment));
  expect(shapeOf(real.ticket)).toEqual(shapeOf(ticket));
  expect(shapeOf(await get('/api/conservation'))).toEqual(shapeOf(conservation));
  expect(shapeOf(await get('/api/breakers'))).toEqual(shapeOf(breakers));
  const asked = JSON.stringify({ userId: 'user123' });
  const given = await fetch(`${url}/api/customer-links`, { method: 'POST', headers, body: asked });
  expect(shapeOf(await given.json())).toEqual(shapeOf(link));
  expect(link.url).toMatch(/^https:\/\/t\.me\/your_bot\?start=c_[\w-]{32}$/);
  const body = JSON.stringify({ context: { targetingKey: 'user123' } });
  const answer = await fetch(`${url}/ofrep/v1/evaluate/flags/premium`, { method: 'POST', headers, body });
  expect(shapeOf(await answer.json())).toEqual(shapeOf(flag));
  user.features[0].until = null;
  expect(shapeOf(await get('/api/entitlements/user123'))).toEqual(shapeOf(user));
});
