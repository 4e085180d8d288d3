import { randomBytes } from 'node:crypto';
import { deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { eventually, neverWithin } from '../world/eventually.ts';
import { checkPromises } from '../world/promises.ts';
import { statusOf, talkRaw } from '../world/raw-http.ts';
import { postBytes, SEED, signAcme } from '../world/webhooks.ts';
import { startWorld } from '../world/world.ts';

const world = await startWorld();
const { api, post } = world;
const acmeUrl = `${world.service.url}/webhooks/acme`;
const MIB = 1024 * 1024;

let n = 0;
function payment(over: Record<string, unknown> = {}) {
  n += 1;
  return { ...SEED, user_id: `odd${n}`, transaction_id: `odd${n}`, ...over };
}

const applied = (transactionId: string) =>
  eventually(async () => {
    const event = await api.eventOf('acme', transactionId);
    return event.state === 'applied' && event;
  });

/** Stored as bytes nobody could read, on its ticket, and answered with success so that the provider does not repeat it. */
async function expectMalformed(send: () => Promise<{ status: number; body: { event?: string } }>) {
  const answer = await send();
  expect(answer.status).toBe(200);
  const event = await api.event(answer.body.event!);
  expect(event).toMatchObject({ state: 'dead', reason: 'malformed', ticket: { state: 'open', severity: 'P3' } });
  return event;
}

describe('the size of a body', () => {
  const sized = (bytes: number) => {
    const paid = payment({ padding: '' });
    const body = JSON.stringify({ ...paid, padding: 'x'.repeat(bytes - JSON.stringify(paid).length) });
    return { body, paid };
  };

  test('one of exactly 1 MiB is taken', async () => {
    const { body, paid } = sized(MIB);
    expect(body).toHaveLength(MIB);
    expect((await post(body)).status).toBe(200);
    await applied(paid.transaction_id);
  });

  test('one byte more is answered with 413, and nothing is counted', async () => {
    const before = await api.conservation();
    const { body } = sized(MIB + 1);
    const answer = await post(body);
    expect(answer).toMatchObject({ status: 413, body: { error: 'too_large' } });
    expect(await api.conservation()).toEqual(before);
  });

  test('one that is longer than it said nothing about is cut off at 1 MiB', async () => {
    const { body } = sized(MIB + 100_000);
    const answer = await talkRaw(world.service, (socket) => {
      socket.write(
        'POST /webhooks/acme HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n',
      );
      for (let at = 0; at < body.length; at += 65_536) {
        const piece = body.slice(at, at + 65_536);
        socket.write(`${piece.length.toString(16)}\r\n${piece}\r\n`);
      }
      socket.write('0\r\n\r\n');
    });
    expect(statusOf(answer)).toBe(413);
  });

  test('chunked and without a length, it is read like any other', async () => {
    const paid = payment();
    const body = JSON.stringify(paid);
    const answer = await talkRaw(world.service, (socket) => {
      const signature = signAcme(body)['x-signature'];
      socket.write(
        `POST /webhooks/acme HTTP/1.1\r\nHost: x\r\nX-Signature: ${signature}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n`,
      );
      for (const letter of body) socket.write(`1\r\n${letter}\r\n`);
      socket.write('0\r\n\r\n');
    });
    expect(statusOf(answer)).toBe(200);
    await applied(paid.transaction_id);
  });

  test('an empty one is refused, whatever its signature', async () => {
    const answer = await postBytes(acmeUrl, '', signAcme(''));
    expect(answer).toMatchObject({ status: 401, body: { error: 'unauthorized' } });
  });
});

test('a connection that ends in the middle of a body leaves nothing behind, and the service as it was', async () => {
  const paid = payment();
  const body = JSON.stringify(paid);
  const before = await api.conservation();
  await talkRaw(world.service, (socket) => {
    const { 'x-signature': signature } = signAcme(body);
    const head = `POST /webhooks/acme HTTP/1.1\r\nHost: x\r\nX-Signature: ${signature}\r\nContent-Length: ${body.length}\r\n\r\n`;
    socket.write(head + body.slice(0, body.length / 2), () => socket.resetAndDestroy());
  });
  await neverWithin(300, async () => (await api.payment('acme', paid.transaction_id)) !== null);
  expect(await api.conservation()).toEqual(before);
  expect((await post(paid)).status).toBe(200);
  await applied(paid.transaction_id);
});

describe('bytes nobody can read are kept, and a person is told', () => {
  test.each([
    ['not JSON', () => post('{"status":')],
    ['JSON, but no object', () => post('"success"')],
    ['an object without a status', () => post({ user_id: 'x', transaction_id: 'y' })],
    ['a payment without its transaction', () => post({ status: 'success', user_id: 'x' })],
    ['an amount that is none', () => post(payment({ amount: 'much' }))],
    ['not UTF-8', () => post(Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]))],
    ['gzip that is broken', () => post(Buffer.from('not gzip'), { headers: { 'content-encoding': 'gzip' } })],
    ['gzip of 200 MB', () => post(gzipSync(Buffer.alloc(200 * MIB)), { headers: { 'content-encoding': 'gzip' } })],
    ['an encoding nobody knows', () => post(JSON.stringify(payment()), { headers: { 'content-encoding': 'zstd9' } })],
    ['random bytes', () => post(randomBytes(500))],
  ])('%s', async (_title, send) => {
    await expectMalformed(send);
  });

  test('and the same bytes again are a duplicate', async () => {
    const first = await post('{"status"');
    const again = await post('{"status"');
    expect(again.body).toEqual({ ...first.body, duplicate: true });
  });
});

test.each([
  ['gzip', gzipSync],
  ['deflate', deflateSync],
])('a body compressed by %s is read', async (encoding, compress) => {
  const paid = payment();
  expect((await post(compress(JSON.stringify(paid)), { headers: { 'content-encoding': encoding } })).status).toBe(200);
  await applied(paid.transaction_id);
});

describe('addresses', () => {
  test('a provider nobody configured is 404, and nothing is counted', async () => {
    const before = await api.conservation();
    expect(await post(payment(), { provider: 'nobody' })).toMatchObject({ status: 404, body: { error: 'not_found' } });
    expect(await post(payment(), { provider: '__proto__' })).toMatchObject({ status: 404 });
    expect(await api.conservation()).toEqual(before);
  });

  test.each(['GET', 'PUT', 'DELETE', 'PATCH'])('%s is no way to deliver a webhook', async (method) => {
    const response = await fetch(acmeUrl, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('POST');
  });

  test('a query string is ignored', async () => {
    const paid = payment();
    const body = JSON.stringify(paid);
    expect((await postBytes(`${acmeUrl}?from=elsewhere`, body, signAcme(body))).status).toBe(200);
    await applied(paid.transaction_id);
  });

  test('what the body claims to be does not matter', async () => {
    const paid = payment();
    const headers = { 'content-type': 'text/plain; charset=utf-16' };
    expect((await post(paid, { headers })).status).toBe(200);
    await applied(paid.transaction_id);
  });

  test('what is not HTTP at all is sent away', async () => {
    const answer = await talkRaw(world.service, (socket) => socket.write('\x16\x03\x01 hello\r\n\r\n'));
    expect(statusOf(answer)).toBe(400);
  });
});

describe('one that the database could not hold, among 64 good ones in the same moment', () => {
  const bad: [string, Record<string, unknown>][] = [
    ['a NUL in an id', { transaction_id: 'nul\0byte' }],
    ['a lone surrogate in a user', { user_id: 'half \ud83d' }],
    ['an id of 12 kB', { event_id: 'i'.repeat(12_288) }],
    ['an amount beyond every number', { amount: '9'.repeat(40) }],
    ['a time before all time', { created_at: '0000-01-01T00:00:00Z' }],
  ];

  test.each(bad)('%s is kept as malformed; all good ones are applied', async (_title, over) => {
    const good = Array.from({ length: 64 }, () => payment());
    const odd = payment(over);
    const sends = [...good.slice(0, 32), odd, ...good.slice(32)].map((paid) => post(paid));
    const answers = await Promise.all(sends);
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    await expectMalformed(async () => answers[32]!);
    for (const { transaction_id, user_id } of good) {
      await applied(transaction_id);
      expect(await api.has(user_id)).toBe(true);
    }
  });

  test('all of them together, among as many good ones', async () => {
    const good = Array.from({ length: 64 }, () => payment());
    const odd = bad.map(([, over]) => payment({ ...over, note: 'once more' }));
    const answers = await Promise.all([...odd, ...good].map((paid) => post(paid)));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    for (const answer of answers.slice(0, odd.length)) await expectMalformed(async () => answer);
    for (const { transaction_id } of good) await applied(transaction_id);
  });
});

test('100 identical deliveries at once are one event and one effect, and all are answered with success', async () => {
  const paid = payment();
  const before = await api.conservation();
  const answers = await Promise.all(Array.from({ length: 100 }, () => post(paid)));
  expect(answers.every(({ status }) => status === 200)).toBe(true);
  expect(new Set(answers.map(({ body }) => body.event)).size).toBe(1);
  expect(answers.filter(({ body }) => !body.duplicate)).toHaveLength(1);
  await applied(paid.transaction_id);
  expect((await api.features(paid.user_id))[0]!.revision).toBe(1);
  const after = await api.conservation();
  expect(after).toMatchObject({
    received: before.received + 100,
    stored: before.stored + 1,
    duplicate: before.duplicate + 99,
  });
  expect(world.sandbox.product.calls.filter((call) => call.user === paid.user_id)).toHaveLength(1);
});

test('50 deliveries of one signed id with 50 different bodies at once: one is applied, 49 are conflicts', async () => {
  const event_id = 'evt_contested';
  const versions = Array.from({ length: 50 }, () => payment({ event_id }));
  const answers = await Promise.all(versions.map((version) => post(version)));
  expect(new Set(answers.map(({ body }) => body.event)).size).toBe(1);
  const event = await eventually(async () => {
    const found = await api.event(answers[0]!.body.event!);
    return found.state === 'applied' && found;
  });
  expect(event).toMatchObject({ conflicts: 49, ticket: { severity: 'P3' } });
  const unlocked = await Promise.all(versions.map(({ user_id }) => api.has(user_id)));
  expect(unlocked.filter(Boolean)).toHaveLength(1);
});

test('whatever was sent, every promise holds', async () => {
  await eventually(async () => (await api.conservation()).waiting === 0);
  expect(await api.conservation()).toMatchObject({ balanced: true });
  await checkPromises(world.database.db);
});
