import { describe, expect, test } from 'vitest';
import { createTestDatabase } from '../database.ts';
import { API_TOKEN, startApi } from './server.ts';

const { db } = await createTestDatabase();
const NOW = new Date('2026-03-01T10:00:00.000Z');
const settings = { db, clock: { now: () => NOW }, plans: {} };
const { url, logged } = await startApi({ ...settings, findBotName: async () => 'our_bot' });

const post = (body: string, { to = url, headers = {} as Record<string, string> } = {}) =>
  fetch(`${to}/api/customer-links`, {
    method: 'POST',
    headers: { authorization: `Bearer ${API_TOKEN}`, ...headers },
    body,
  });
const links = () => db.selectFrom('customer_link').selectAll().execute();

test('the product gets a link for its user, good for 24 hours, and only its hash is kept', async () => {
  const response = await post(JSON.stringify({ userId: 'user 7/é' }));
  expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store']);
  const answer = (await response.json()) as { url: string; expiresAt: string };
  expect(answer).toEqual({
    url: expect.stringMatching(/^https:\/\/t\.me\/our_bot\?start=c_[A-Za-z0-9_-]{32}$/),
    expiresAt: '2026-03-02T10:00:00.000Z',
  });
  const [link] = await links();
  expect(link).toMatchObject({ user_id: 'user 7/é', used_at: null });
  expect(link!.token_hash.toString('base64url')).not.toContain(answer.url.split('c_')[1]);
  expect(logged()).toBe('');
});

describe('what is no request is told why, and makes no link', () => {
  test.each([
    ['no JSON', 'userId=1', /JSON object/],
    ['nothing', '', /JSON object/],
    ['a list', '["user"]', /JSON object/],
    ['no user', '{}', /userId must be/],
    ['an empty user', '{"userId":" "}', /userId must be/],
    ['a number', '{"userId":7}', /userId must be/],
    ['a user too long', JSON.stringify({ userId: 'é'.repeat(128) }), /longer than 255 bytes/],
    ['a NUL', '{"userId":"a\\u0000b"}', /NUL/],
    ['half a character', '{"userId":"a\\ud83d"}', /half of a character/],
  ])('%s', async (_, body, why) => {
    const before = (await links()).length;
    const response = await post(body);
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ error: 'bad_request', message: expect.stringMatching(why) });
    expect(await links()).toHaveLength(before);
  });

  test('as long as an id may be is not too long', async () => {
    expect((await post(JSON.stringify({ userId: 'u'.repeat(255) }))).status).toBe(200);
  });
});

test('without the token nothing is looked at', async () => {
  const response = await post('no JSON', { headers: { authorization: 'Bearer another' } });
  expect(response.status).toBe(401);
});

test('a GET is not taken', async () => {
  const response = await fetch(`${url}/api/customer-links`, { headers: { authorization: `Bearer ${API_TOKEN}` } });
  expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
});

test('without a bot the answer says what to set', async () => {
  const { url: to } = await startApi(settings);
  const response = await post('{"userId":"user7"}', { to });
  expect(response.status).toBe(503);
  expect(await response.json()).toEqual({ error: 'unavailable', message: expect.stringContaining('BOT_TOKEN') });
  expect(response.headers.get('retry-after')).toBeNull();
});

test('while Telegram does not say what the bot is called, it is asked again later', async () => {
  const { url: to } = await startApi({ ...settings, findBotName: async () => null });
  const before = (await links()).length;
  const response = await post('{"userId":"user7"}', { to });
  expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5']);
  expect(await links()).toHaveLength(before);
});
