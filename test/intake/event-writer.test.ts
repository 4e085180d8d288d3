import { createHash, randomUUID } from 'node:crypto';
import { beforeEach, expect, test } from 'vitest';
import { createEventWriter, storeArrivals } from '../../src/intake/event-writer.ts';
import type { Arrival } from '../../src/ledger/arrival.ts';
import type { PaymentEvent } from '../../src/ledger/payment-event.ts';
import { createLog } from '../../src/platform/log.ts';
import { createTestDatabase } from '../database.ts';

const { db, pool } = await createTestDatabase();
const deps = { db, pool, log: createLog({ level: 'silent' }) };

let run: string;
beforeEach(() => {
  run = randomUUID();
});

function arrival(key: string, event: Partial<PaymentEvent> = {}, bytes = `{"id":"${run}-${key}"}`): Arrival {
  const body = Buffer.from(bytes);
  return {
    provider: 'acme',
    dedupKey: `${run}-${key}`,
    bodyHash: createHash('sha256').update(body).digest(),
    body,
    contentEncoding: null,
    headers: null,
    receivedAt: new Date(),
    country: 'DE',
    late: false,
    content: { outcome: 'event', event: { ...paid(key), dedupKey: key, ...event } },
  };
}

function paid(key: string): PaymentEvent {
  return {
    dedupKey: key,
    kind: 'payment_succeeded',
    providerType: null,
    transactionId: `tx-${key}`,
    subscriptionId: null,
    userId: 'user123',
    amountMinor: 999,
    currency: 'EUR',
    payerCountry: null,
    plan: null,
    occurredAt: null,
    facts: [{ type: 'paid', effect: 'capture', periodEnd: null, periodStart: null }],
  };
}

async function conservation() {
  const { rows } =
    await pool.query(`select sum(received)::int as received, sum(stored)::int as stored, sum(duplicate)::int as duplicate,
    sum(waiting)::int as waiting, sum(dead)::int as dead, sum(ignored)::int as ignored from counter`);
  return rows[0];
}

test('a hundred identical deliveries at once are one row, and every one of them is answered with its id', async () => {
  const writer = createEventWriter(deps, { maxQueuedItems: 1000, maxQueuedBytes: 1e6 });
  const before = await conservation();
  const answers = await Promise.all(Array.from({ length: 100 }, () => writer.submit(arrival('same'))));
  expect(new Set(answers.map((answer) => answer.id)).size).toBe(1);
  expect(answers.filter((answer) => answer.outcome === 'stored')).toHaveLength(1);
  expect(answers.filter((answer) => answer.outcome === 'duplicate')).toHaveLength(99);
  const after = await conservation();
  expect(after).toMatchObject({
    received: before.received + 100,
    stored: before.stored + 1,
    duplicate: before.duplicate + 99,
    waiting: before.waiting + 1,
  });
});

test('the bytes are kept exactly as they came', async () => {
  const bytes = Buffer.from([0xef, 0xbb, 0xbf, 0x00, 0xff, 0x5c, 0x27]);
  const odd = { ...arrival('odd'), body: bytes };
  const [stored] = await storeArrivals(deps, [odd, arrival('next')]);
  const payload = await db
    .selectFrom('payload')
    .select('body')
    .where('event_id', '=', stored!.id)
    .executeTakeFirstOrThrow();
  expect(payload.body.equals(bytes)).toBe(true);
});

const badRows: [string, (good: Arrival) => Arrival][] = [
  ['a NUL in a field', (good) => withEvent(good, { userId: 'a\0b' })],
  ['a lone surrogate in a field', (good) => withEvent(good, { transactionId: 'tx\ud800' })],
  ['a key of 12 kB', (good) => ({ ...good, dedupKey: 'k'.repeat(12_000) })],
  ['an amount beyond a bigint', (good) => withEvent(good, { amountMinor: 1e300 })],
];

function withEvent(good: Arrival, event: Partial<PaymentEvent>): Arrival {
  return good.content.outcome === 'event'
    ? { ...good, content: { outcome: 'event', event: { ...good.content.event, ...event } } }
    : good;
}

test.each(badRows)(
  '%s among 64 good ones is stored as dead: malformed, and the 64 are stored as they are',
  async (_name, spoil) => {
    const before = await conservation();
    const good = Array.from({ length: 64 }, (_, n) => arrival(`good-${n}`));
    const bad = spoil(arrival('bad'));
    const answers = await storeArrivals(deps, [...good.slice(0, 30), bad, ...good.slice(30)]);
    expect(answers.map((answer) => answer.outcome)).toEqual([
      ...Array(30).fill('stored'),
      'malformed',
      ...Array(34).fill('stored'),
    ]);
    const row = await db.selectFrom('event').selectAll().where('id', '=', answers[30]!.id).executeTakeFirstOrThrow();
    expect(row).toMatchObject({ state: 'dead', reason: 'malformed', user_id: null });
    expect(row.ticket_id).not.toBeNull();
    const attempts = await db
      .selectFrom('attempt')
      .select(['n', 'dependency', 'error'])
      .where('event_id', '=', row.id)
      .execute();
    expect(attempts).toEqual([{ n: 1, dependency: 'intake', error: expect.stringContaining('cannot be stored') }]);
    const after = await conservation();
    expect(after.stored - before.stored).toBe(65);
    expect(after.received - before.received).toBe(65);
    expect(after.dead - before.dead).toBe(1);

    const again = await storeArrivals(deps, [bad]);
    expect(again[0]).toMatchObject({ outcome: 'duplicate', id: answers[30]!.id });
  },
);

test('a database that is not there fails the whole batch, and nothing is taken for a bad row', async () => {
  const gone = { ...deps, pool: { query: () => Promise.reject(Object.assign(new Error('gone'), { code: '57P01' })) } };
  await expect(storeArrivals(gone as never, [arrival('x'), arrival('y')])).rejects.toThrow('gone');
});

test('the same id with other bytes is a conflict: answered with the first event, recorded, ticketed and not stored', async () => {
  const [first] = await storeArrivals(deps, [arrival('c')]);
  const [second] = await storeArrivals(deps, [arrival('c', {}, '{"amount":"1000000"}')]);
  expect(second).toMatchObject({ outcome: 'conflict', id: first!.id });
  const row = await db.selectFrom('event').selectAll().where('id', '=', first!.id).executeTakeFirstOrThrow();
  expect(row).toMatchObject({ conflicts: 1, state: 'pending' });
  const ticket = await db.selectFrom('ticket').selectAll().where('id', '=', row.ticket_id!).executeTakeFirstOrThrow();
  expect(ticket).toMatchObject({ error_family: 'conflict', severity: 'P3' });
});

test('a conflict inside one batch is seen too, and the first bytes win', async () => {
  const answers = await storeArrivals(deps, [arrival('b'), arrival('b', {}, 'other'), arrival('b')]);
  expect(answers.map((answer) => answer.outcome)).toEqual(['stored', 'conflict', 'duplicate']);
});

test('an event that changes nobody’s access and tells nobody’s name is ignored at once', async () => {
  const event = { kind: 'unknown' as const, facts: [], userId: null };
  const [stored] = await storeArrivals(deps, [arrival('i', event)]);
  const row = await db.selectFrom('event').select('state').where('id', '=', stored!.id).executeTakeFirstOrThrow();
  expect(row.state).toBe('ignored');
});

test('two replicas that write the same keys in opposite orders never deadlock for good', async () => {
  const many = Array.from({ length: 50 }, (_, n) => arrival(`d-${n}`));
  const rounds = await Promise.all([storeArrivals(deps, many), storeArrivals(deps, [...many].reverse())]);
  const ids = rounds.map((answers) => new Set(answers.map((answer) => answer.id)));
  expect(ids[0]).toEqual(ids[1]);
});

const APART: [string, Partial<Arrival>, Partial<PaymentEvent>][] = [
  ['nothing', {}, {}],
  [
    'the provider, or how its bytes are to be read',
    { provider: 'stripe', headers: { 'content-type': 'x' }, late: true },
    {},
  ],
  ['what happened', {}, { kind: 'payment_refunded', providerType: 'refund', plan: 'team', subscriptionId: 'sub' }],
  ['the country', { country: null }, { payerCountry: 'FR' }],
  [
    'everything',
    { provider: 'paddle', contentEncoding: 'gzip', country: 'US' },
    { currency: 'USD', plan: 'p', payerCountry: 'US' },
  ],
];

test.each(APART)(
  'two webhooks of one moment that differ in %s are each stored as they are',
  async (_, other, event) => {
    const first = arrival('first');
    const second = { ...arrival('second', event), ...other };
    const stored = await storeArrivals(deps, [first, second]);
    const columns = `e.provider, e.kind, e.provider_type, e.subscription_id, e.plan, e.currency, e.payer_country, e.country, e.late, e.state,
    p.headers, p.content_encoding, convert_from(p.body, 'utf8') as body`;
    const { rows } = await pool.query(
      `select ${columns} from event e join payload p on p.event_id = e.id where e.id = any($1) order by e.id = $2`,
      [stored.map((one) => one.id), stored[1]!.id],
    );
    const expected = [first, second].map((one) => {
      const said = (one.content as { event: PaymentEvent }).event;
      return {
        provider: one.provider,
        kind: said.kind,
        provider_type: said.providerType,
        subscription_id: said.subscriptionId,
        plan: said.plan,
        currency: said.currency,
        payer_country: said.payerCountry,
        country: one.country,
        late: one.late,
        state: 'pending',
        headers: one.headers,
        content_encoding: one.contentEncoding,
        body: one.body.toString(),
      };
    });
    expect(rows).toEqual(expected);
  },
);
