import { OFREPProvider } from '@openfeature/ofrep-provider';
import { ErrorCode, OpenFeature, StandardResolutionReasons } from '@openfeature/server-sdk';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDb, createPool } from '../../src/platform/database.ts';
import { createTestDatabase } from '../database.ts';
import { RECEIVED_AT, seedEntitlement } from './seed.ts';
import { API_TOKEN, startApi } from './server.ts';

const { db } = await createTestDatabase();
const NOW = new Date('2026-03-01T10:05:00.000Z');
let now = NOW;
const clock = { now: () => now };
const plans = { pro: ['premium', 'reports'], default: ['premium'] };
const { url } = await startApi({ db, clock, plans });

const UNTIL = new Date('2026-03-01T10:10:00.000Z');

beforeAll(async () => {
  await seedEntitlement(db, { user_id: 'active', feature: 'premium', revision: 2 });
  await seedEntitlement(db, { user_id: 'active', feature: 'by/hand ✋' });
  await seedEntitlement(db, { user_id: 'former', feature: 'premium', revoked: true, revision: 5 });
  await seedEntitlement(db, { user_id: 'ending', feature: 'premium', until: UNTIL });
});

afterAll(() => OpenFeature.close());

async function clientWith(headers: Record<string, string>, baseUrl = url) {
  const domain = `${baseUrl} ${JSON.stringify(headers)}`;
  await OpenFeature.setProviderAndWait(domain, new OFREPProvider({ baseUrl, headers }));
  return OpenFeature.getClient(domain);
}

describe('through the OpenFeature SDK', async () => {
  const client = await clientWith({ authorization: `Bearer ${API_TOKEN}` });

  test('who has the feature gets true, with the revision of what they have', async () => {
    expect(await client.getBooleanDetails('premium', false, { targetingKey: 'active' })).toMatchObject({
      flagKey: 'premium',
      value: true,
      variant: 'on',
      reason: StandardResolutionReasons.TARGETING_MATCH,
      flagMetadata: { revision: 2, since: RECEIVED_AT.toISOString() },
    });
  });

  test('whose access was revoked gets false, because of their own entitlement', async () => {
    expect(await client.getBooleanDetails('premium', true, { targetingKey: 'former' })).toMatchObject({
      value: false,
      variant: 'off',
      reason: StandardResolutionReasons.TARGETING_MATCH,
      flagMetadata: { revision: 5 },
    });
  });

  test('access that ends is true until its last moment and false from then on', async () => {
    const has = () => client.getBooleanValue('premium', false, { targetingKey: 'ending' });
    now = new Date(UNTIL.getTime() - 1);
    expect(await has()).toBe(true);
    now = UNTIL;
    expect(await has()).toBe(false);
    now = NOW;
  });

  test('a user nobody has heard of gets false by default', async () => {
    expect(await client.getBooleanDetails('premium', true, { targetingKey: 'nobody' })).toMatchObject({
      value: false,
      variant: 'off',
      reason: StandardResolutionReasons.DEFAULT,
    });
  });

  test('a customer gets false by default for a feature they never had', async () => {
    expect(await client.getBooleanDetails('reports', true, { targetingKey: 'active' })).toMatchObject({
      value: false,
      reason: StandardResolutionReasons.DEFAULT,
    });
  });

  test('a flag no plan grants and nobody has is not found, and the caller’s own default holds', async () => {
    expect(await client.getBooleanDetails('unheard-of', true, { targetingKey: 'active' })).toMatchObject({
      value: true,
      errorCode: ErrorCode.FLAG_NOT_FOUND,
    });
  });

  test('a feature of no plan that somebody was given by hand is a flag for everybody', async () => {
    const details = (targetingKey: string) => client.getBooleanDetails('by/hand%20✋', false, { targetingKey });
    expect(await details('active')).toMatchObject({ value: true, reason: StandardResolutionReasons.TARGETING_MATCH });
    expect(await details('nobody')).toMatchObject({ value: false, reason: StandardResolutionReasons.DEFAULT });
  });

  test('without a user the key is missing', async () => {
    expect(await client.getBooleanDetails('premium', false, {})).toMatchObject({
      value: false,
      errorCode: ErrorCode.TARGETING_KEY_MISSING,
    });
  });

  test('a flag asked for as text is a type mismatch: features are on or off', async () => {
    expect(await client.getStringDetails('premium', 'x', { targetingKey: 'active' })).toMatchObject({
      value: 'x',
      errorCode: ErrorCode.TYPE_MISMATCH,
    });
  });

  test('with another token every flag is the caller’s default', async () => {
    const stranger = await clientWith({ authorization: 'Bearer guessed' });
    expect(await stranger.getBooleanDetails('premium', false, { targetingKey: 'active' })).toMatchObject({
      value: false,
      reason: StandardResolutionReasons.ERROR,
    });
  });

  test('with the database away every flag is the caller’s default', async () => {
    const gone = createDb(createPool('postgres://nobody@127.0.0.1:1/none', { max: 1, name: 'gone' }));
    const away = await startApi({ db: gone, clock, plans });
    const lost = await clientWith({ authorization: `Bearer ${API_TOKEN}` }, away.url);
    expect(await lost.getBooleanDetails('premium', true, { targetingKey: 'active' })).toMatchObject({
      value: true,
      reason: StandardResolutionReasons.ERROR,
    });
    await gone.destroy();
  });
});

async function post(path: string, body: string, headers: Record<string, string> = {}) {
  const response = await fetch(url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${API_TOKEN}`, 'content-type': 'application/json', ...headers },
    body,
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: text ? JSON.parse(text) : null };
}

const ONE = '/ofrep/v1/evaluate/flags/unheard-of';
const ALL = '/ofrep/v1/evaluate/flags';

/** Each has everything after it wrong as well, so that the order shows. */
const REFUSED: [body: string, errorCode: string][] = [
  ['', 'PARSE_ERROR'],
  ['{"context":', 'PARSE_ERROR'],
  ['[]', 'PARSE_ERROR'],
  ['null', 'PARSE_ERROR'],
  ['"context"', 'PARSE_ERROR'],
  ['{}', 'INVALID_CONTEXT'],
  ['{"context":null}', 'INVALID_CONTEXT'],
  ['{"context":[]}', 'INVALID_CONTEXT'],
  ['{"context":"active"}', 'INVALID_CONTEXT'],
  ['{"context":{}}', 'TARGETING_KEY_MISSING'],
  ['{"context":{"targetingKey":""}}', 'TARGETING_KEY_MISSING'],
  ['{"context":{"targetingKey":42}}', 'TARGETING_KEY_MISSING'],
];

describe('errors are told in the order body, context, targetingKey, flag', () => {
  test.each(REFUSED)('%j for one flag is 400 %s, with the key', async (body, errorCode) => {
    const answer = await post(ONE, body);
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual({ key: 'unheard-of', errorCode, errorDetails: expect.any(String) });
  });

  test.each(REFUSED)('%j for all flags is 400 %s', async (body, errorCode) => {
    const answer = await post(ALL, body);
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual({ errorCode, errorDetails: expect.any(String) });
  });

  test('a flag that is not there is 404, and told last', async () => {
    const answer = await post(ONE, '{"context":{"targetingKey":"active"}}');
    expect(answer.status).toBe(404);
    expect(answer.body).toEqual({ key: 'unheard-of', errorCode: 'FLAG_NOT_FOUND', errorDetails: expect.any(String) });
  });

  test('neither a key nor a user that no database could hold is an error of ours', async () => {
    expect((await post('/ofrep/v1/evaluate/flags/a%00b', '{"context":{"targetingKey":"active"}}')).status).toBe(404);
    const answer = await post('/ofrep/v1/evaluate/flags/premium', '{"context":{"targetingKey":"a\\u0000b"}}');
    expect(answer.body).toMatchObject({ value: false, reason: 'DEFAULT' });
  });

  test('the body is read as JSON whatever its content type claims', async () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await post('/ofrep/v1/evaluate/flags/premium', '{"context":{"targetingKey":"active"}}', headers);
    expect(answer.body).toMatchObject({ key: 'premium', value: true });
  });

  test('a body beyond the limit is refused in the words of the protocol', async () => {
    const answer = await post(ALL, `{"context":{"targetingKey":"${'x'.repeat(1024 * 1024)}"}}`);
    expect(answer.status).toBe(413);
    expect(answer.body).toEqual({ errorCode: 'GENERAL', errorDetails: expect.any(String) });
  });
});

describe('all flags of a user at once', () => {
  const ask = (targetingKey: string, headers: Record<string, string> = {}) =>
    post(ALL, JSON.stringify({ context: { targetingKey } }), headers);

  test('hold every feature of every plan and every feature anybody has, each as if asked for alone', async () => {
    const { status, headers, body } = await ask('active');
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(body.flags.map((flag: { key: string; value: boolean }) => [flag.key, flag.value])).toEqual([
      ['by/hand ✋', true],
      ['premium', true],
      ['reports', false],
    ]);
    for (const flag of body.flags) {
      const path = `${ALL}/${encodeURIComponent(flag.key)}`;
      expect((await post(path, '{"context":{"targetingKey":"active"}}')).body).toEqual(flag);
    }
  });

  test('of an unknown user are all false by default', async () => {
    const { body } = await ask('nobody');
    expect(body.flags).toHaveLength(3);
    for (const flag of body.flags) expect(flag).toMatchObject({ value: false, reason: 'DEFAULT' });
  });

  test('are 304 without a body for who holds them already, alone, weakly or in a list', async () => {
    const tag = (await ask('active')).headers.get('etag')!;
    for (const held of [tag, `W/${tag}`, `"other", ${tag}`, '*']) {
      const { status, headers, text } = await ask('active', { 'if-none-match': held });
      expect({ status, tag: headers.get('etag'), text }).toEqual({ status: 304, tag, text: '' });
    }
  });

  test('are sent again to who holds something else', async () => {
    const tag = (await ask('active')).headers.get('etag')!;
    for (const held of ['"other"', tag.slice(1, -1), (await ask('former')).headers.get('etag')!]) {
      expect((await ask('active', { 'if-none-match': held })).status).toBe(200);
    }
  });

  test('have another tag as soon as one of them changes, by a row or by the clock', async () => {
    const before = (await ask('ending')).headers.get('etag')!;
    expect((await ask('ending', { 'if-none-match': before })).status).toBe(304);
    now = UNTIL;
    const after = await ask('ending', { 'if-none-match': before });
    now = NOW;
    expect(after.status).toBe(200);
    await seedEntitlement(db, { user_id: 'ending', feature: 'reports' });
    expect((await ask('ending', { 'if-none-match': before })).status).toBe(200);
  });
});
