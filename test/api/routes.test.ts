import { request } from 'node:http';
import { sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import { carriesToken } from '../../src/api/bearer.ts';
import type { EntitlementView } from '../../src/api/entitlement-view.ts';
import { createDb, createPool } from '../../src/platform/database.ts';
import { createTestDatabase } from '../database.ts';
import {
  eventRow,
  RECEIVED_AT,
  seedAttempt,
  seedEntitlement,
  seedEvent,
  seedFact,
  seedPayment,
  seedTicket,
} from './seed.ts';
import { API_TOKEN, startApi } from './server.ts';

const { db } = await createTestDatabase();
const NOW = new Date('2026-03-01T10:05:00.000Z');
const clock = { now: () => NOW };
const plans = { pro: ['premium', 'reports'], default: ['premium'] };
const { url } = await startApi({ db, clock, plans });

const authorized = { authorization: `Bearer ${API_TOKEN}` };

async function get(path: string, headers: Record<string, string> = authorized) {
  const response = await fetch(url + path, { headers });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
  };
}

const ROUTES: [method: string, path: string][] = [
  ['GET', '/api/payments/acme/tx456'],
  ['GET', '/api/entitlements/user123'],
  ['GET', '/api/events/acme.1'],
  ['GET', '/api/conservation'],
  ['POST', '/ofrep/v1/evaluate/flags/premium'],
  ['POST', '/ofrep/v1/evaluate/flags'],
];

describe('without the token', () => {
  const wrong = [
    undefined,
    'Bearer ',
    'Bearer token-of-the-tesT',
    `Bearer ${API_TOKEN.slice(0, -1)}`,
    `Bearer ${API_TOKEN}x`,
    `Basic ${API_TOKEN}`,
    API_TOKEN,
  ];
  test.each(ROUTES)('%s %s tells nothing, whatever is sent instead', async (method, path) => {
    for (const authorization of wrong) {
      const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
      const response = await fetch(url + path, { method, headers });
      expect(response.status).toBe(401);
      expect(response.headers.get('www-authenticate')).toBe('Bearer');
      expect(await response.json()).toEqual({ error: 'unauthorized', message: expect.any(String) });
    }
  });

  test('an empty token in our own configuration opens nothing', async () => {
    expect(carriesToken('Bearer ', '')).toBe(false);
    expect(carriesToken(undefined, '')).toBe(false);
  });
});

test('the scheme is read in any case, as HTTP says', async () => {
  expect((await get('/api/conservation', { authorization: `bearer ${API_TOKEN}` })).status).toBe(200);
});

describe('GET /api/payments', () => {
  test('answers the whole payment, with times in UTC', async () => {
    const ticketId = await seedTicket(db, { failures: 5000 });
    const id = await seedEvent(db, {
      dedup_key: 'evt_whole',
      transaction_id: 'tx_whole',
      user_id: 'u_whole',
      plan: 'pro',
      state: 'retrying',
      tries: 1,
      due_at: new Date('2026-03-01T12:06:00+01:00'),
      ticket_id: ticketId,
    });
    await seedAttempt(db, { event_id: id, n: 1 });
    await seedPayment(db, { transaction_id: 'tx_whole', user_id: 'u_whole' });
    await seedFact(db, { event_id: id, transaction_id: 'tx_whole', user_id: 'u_whole', plan: 'pro', at: null });
    await seedEntitlement(db, { user_id: 'u_whole', feature: 'reports', until: NOW });
    const { status, headers, body } = await get('/api/payments/acme/tx_whole');
    expect(status).toBe(200);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(body).toEqual({
      provider: 'acme',
      transactionId: 'tx_whole',
      status: 'succeeded',
      amountMinor: 999,
      currency: 'EUR',
      userId: 'u_whole',
      country: 'DE',
      events: [
        {
          id: `acme.${id}`,
          dedupKey: 'evt_whole',
          kind: 'payment_succeeded',
          state: 'retrying',
          reason: null,
          late: false,
          conflicts: 0,
          receivedAt: '2026-03-01T10:00:00.000Z',
          tries: 1,
          nextTryAt: '2026-03-01T11:06:00.000Z',
          attempts: [
            {
              n: 1,
              startedAt: '2026-03-01T10:00:00.000Z',
              durationMs: 12,
              dependency: 'activation',
              outcome: 'transient',
              httpStatus: 503,
              error: 'HTTP 503',
              delayMs: 1043,
            },
          ],
        },
      ],
      entitlements: [
        {
          feature: 'reports',
          active: false,
          since: '2026-03-01T10:00:00.000Z',
          until: '2026-03-01T10:05:00.000Z',
          revision: 1,
          because: [
            {
              provider: 'acme',
              transactionId: 'tx_whole',
              effect: 'capture',
              type: 'paid',
              at: '2026-03-01T10:00:00.000Z',
              event: `acme.${id}`,
            },
          ],
        },
      ],
      ticket: { id: `T-${ticketId}`, state: 'open', severity: 'P2', failures: 5000, owner: null },
    });
  });

  const ids = [
    'a/b',
    'a//b/',
    'tx 456',
    'überweisung-支払い-🌊',
    'a.b',
    '...',
    'a%2Fb',
    '100%',
    'a+b&c=d?e#f;g',
    '%',
    'x'.repeat(700),
  ];
  test.each(ids)('finds the id %j, percent-encoded', async (transactionId) => {
    await seedEvent(db, { transaction_id: transactionId });
    const { status, body } = await get(`/api/payments/acme/${encodeURIComponent(transactionId)}`);
    expect(status).toBe(200);
    expect(body.transactionId).toBe(transactionId);
  });

  test('leaves out an event that only shares the key of its transaction', async () => {
    const own = await seedEvent(db, { transaction_id: 'tx_own_key' });
    const other = await seedEvent(db, { transaction_id: 'tx_same_key' });
    await sql`insert into event_of_transaction values (transaction_key('tx_own_key'), ${other})`.execute(db);
    const { body } = await get('/api/payments/acme/tx_own_key');
    expect((body.events as { id: string }[]).map(({ id }) => id)).toEqual([`acme.${own}`]);
  });

  test('finds a provider whose name needs encoding', async () => {
    await seedEvent(db, { provider: 'acme/eu 1', transaction_id: 'tx_eu' });
    expect((await get('/api/payments/acme%2Feu%201/tx_eu')).body.provider).toBe('acme/eu 1');
  });

  test.each([
    '/api/payments/acme/tx_none',
    '/api/payments/nobody/tx456',
    '/api/payments/acme/',
    '/api/payments/acme/a%00b',
  ])('answers 404 for %s, of which nobody has told', async (path) => {
    const { status, body } = await get(path);
    expect(status).toBe(404);
    expect(body).toEqual({ error: 'not_found', message: expect.any(String) });
  });
});

describe('GET /api/entitlements', () => {
  test('answers what a user has and once had', async () => {
    const user_id = 'ada@example.org/1';
    await seedEntitlement(db, {
      user_id,
      feature: 'premium',
      until: new Date('2026-03-01T10:05:00.001Z'),
      revision: 4,
    });
    await seedEntitlement(db, { user_id, feature: 'reports', revoked: true, revision: 2 });
    const { status, body } = await get(`/api/entitlements/${encodeURIComponent(user_id)}`);
    expect(status).toBe(200);
    expect(body).toEqual({
      userId: user_id,
      features: [
        {
          feature: 'premium',
          active: true,
          since: '2026-03-01T10:00:00.000Z',
          until: '2026-03-01T10:05:00.001Z',
          revision: 4,
          because: [],
        },
        { feature: 'reports', active: false, since: '2026-03-01T10:00:00.000Z', until: null, revision: 2, because: [] },
      ],
    });
  });

  test('explains each feature by the facts behind it, and by no others', async () => {
    const user_id = 'u_because';
    const facts = { user_id, subscription_id: 'sub_1' };
    await seedFact(db, { ...facts, event_id: 11, transaction_id: 'tx_jan', plan: 'pro', at: RECEIVED_AT });
    await seedFact(db, { ...facts, event_id: 12, transaction_id: 'tx_feb', plan: 'pro', at: NOW });
    await seedFact(db, {
      ...facts,
      event_id: 13,
      transaction_id: null,
      effect: 'cancel:2026-04-01',
      type: 'canceled',
      detail: JSON.stringify({ cancelAt: '2026-04-01T00:00:00.000Z' }),
      at: NOW,
    });
    await seedFact(db, { user_id, event_id: 14, transaction_id: 'tx_basic', plan: 'basic', at: NOW });
    await seedEntitlement(db, { user_id, feature: 'premium' });
    await seedEntitlement(db, { user_id, feature: 'reports' });
    const { body } = await get(`/api/entitlements/${user_id}`);
    const features = body.features as EntitlementView[];
    const eventsBehind = (feature: string) =>
      features.find((view) => view.feature === feature)?.because.map((fact) => `${fact.event} ${fact.type}`);
    expect(eventsBehind('reports')).toEqual(['acme.11 paid', 'acme.13 canceled', 'acme.12 paid']);
    expect(eventsBehind('premium')).toContain('acme.14 paid');
  });

  test.each(['nobody', 'a%00b'])('answers no features for the unknown user %s, which is no error', async (userId) => {
    const { status, body } = await get(`/api/entitlements/${userId}`);
    expect(status).toBe(200);
    expect(body).toEqual({ userId: decodeURIComponent(userId), features: [] });
  });

  test('without a user is 404', async () => {
    expect((await get('/api/entitlements/')).status).toBe(404);
  });
});

describe('GET /api/events', () => {
  test('answers one event by the id that the webhook’s answer gave, also where the provider’s name holds dots', async () => {
    const id = await seedEvent(db, { provider: 'acme.eu', transaction_id: null });
    const { status, body } = await get(`/api/events/acme.eu.${id}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({ id: `acme.eu.${id}`, provider: 'acme.eu', transactionId: null, state: 'pending' });
  });

  test.each([
    'acme.999999',
    'acme',
    'acme.',
    '.5',
    'acme.x',
    'acme.-1',
    'acme.1.',
    'acme.99999999999999999999',
    'a%00.1',
    '',
  ])('answers 404 for %j, which names no event', async (id) => {
    const { status, body } = await get(`/api/events/${id}`);
    expect(status).toBe(404);
    expect(body).toEqual({ error: 'not_found', message: expect.any(String) });
  });
});

test('GET /api/conservation answers the counters and whether they balance', async () => {
  await db
    .insertInto('event')
    .values(eventRow({ state: 'applied' }))
    .execute();
  const { status, body } = await get('/api/conservation');
  expect(status).toBe(200);
  expect(Object.keys(body)).toEqual([
    'balanced',
    'received',
    'stored',
    'duplicate',
    'refused',
    'applied',
    'ignored',
    'waiting',
    'dead',
    'overridden',
  ]);
  // These rows were not received by intake, so what was received is less than what is stored.
  expect(body).toMatchObject({ balanced: false, received: 0 });
});

describe('what goes wrong here', () => {
  const ask = (base: string) => fetch(`${base}/api/payments/acme/tx_whole`, { headers: authorized });

  test('is 503 with a time to come back while the database is away, and says nothing of the inside', async () => {
    const gone = createDb(createPool('postgres://nobody:secret@127.0.0.1:1/none', { max: 1, name: 'gone' }));
    const away = await startApi({ db: gone, clock, plans });
    const response = await ask(away.url);
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('3');
    expect(await response.json()).toEqual({
      error: 'unavailable',
      message: expect.not.stringMatching(/127|secret|ECONN/),
    });
    expect(away.logged()).toContain('ECONNREFUSED');
    await gone.destroy();
  });

  test('is 500 when it is a bug, with no time to come back, no stack and no detail; the log has them', async () => {
    const broken = {
      now: (): Date => {
        throw new Error('the inside of it');
      },
    };
    const failing = await startApi({ db, clock: broken, plans });
    const response = await ask(failing.url);
    expect(response.status).toBe(500);
    expect(response.headers.get('retry-after')).toBe(null);
    expect(await response.json()).toEqual({ error: 'internal', message: expect.not.stringContaining('inside') });
    expect(failing.logged()).toContain('the inside of it');
  });
});

test('an id that is a dot alone is found by a client that does not fold it away', async () => {
  await seedEvent(db, { transaction_id: '.' });
  expect(await getRaw('/api/payments/acme/%2E')).toBe(200);
  expect(await getRaw('/api/payments/acme/%2E%2E')).toBe(404);
});

/** fetch follows the URL standard, which removes dot segments, encoded ones too. */
function getRaw(path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    request({ hostname, port, path, headers: authorized }, (response) => {
      response.resume();
      resolve(response.statusCode!);
    })
      .on('error', reject)
      .end();
  });
}
