import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../sandbox/main.ts';

const SECRET = `whsec_${Buffer.from('twenty-four bytes at least').toString('base64')}`;

let sandbox: Sandbox;

beforeEach(async () => {
  sandbox = await startSandbox({ port: 0, activationSecret: SECRET });
});
afterEach(() => sandbox.close());

type Told = { userId?: string; feature?: string; active?: boolean; revision?: number };

async function activate(told: Told = {}, options: { secret?: string; atMs?: number; signal?: AbortSignal } = {}) {
  const data = { userId: 'u1', feature: 'premium', active: true, since: null, until: null, revision: 1, ...told };
  const body = JSON.stringify({ type: 'entitlement.changed', timestamp: new Date().toISOString(), data });
  const id = `${data.userId}:${data.feature}:${data.revision}`;
  const at = new Date(options.atMs ?? Date.now());
  return fetch(sandbox.product.activationUrl, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'webhook-id': id,
      'idempotency-key': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': new Webhook(options.secret ?? SECRET).sign(id, at, body),
    },
    body,
    redirect: 'manual',
    ...(options.signal ? { signal: options.signal } : {}),
  });
}

const statusOf = async (call: Promise<Response>) => (await call).status;
const has = (user: string) =>
  sandbox.product.featuresOf(user).map(({ feature, active, revision }) => [feature, active, revision]);

describe('what a user has', () => {
  test('is what the highest revision says, in whatever order they come', async () => {
    await activate({ revision: 2, active: false });
    expect(await (await activate({ revision: 1, active: true })).json()).toEqual({ applied: false, revision: 1 });
    expect(has('u1')).toEqual([['premium', false, 2]]);
    await activate({ revision: 3, active: true });
    expect(has('u1')).toEqual([['premium', true, 3]]);
  });

  test('the same revision twice changes nothing the second time', async () => {
    expect(await (await activate({ revision: 1 })).json()).toEqual({ applied: true, revision: 1 });
    expect(await (await activate({ revision: 1, active: false })).json()).toEqual({ applied: false, revision: 1 });
    expect(has('u1')).toEqual([['premium', true, 1]]);
  });

  test('revisions count for each user and feature alone', async () => {
    await activate({ revision: 5 });
    await activate({ revision: 1, feature: 'storage' });
    await activate({ revision: 1, userId: 'u2' });
    expect(has('u1')).toEqual([
      ['premium', true, 5],
      ['storage', true, 1],
    ]);
    expect(has('u2')).toEqual([['premium', true, 1]]);
    const read = await fetch(`${sandbox.url}/product/users/u2`);
    expect(await read.json()).toMatchObject({ userId: 'u2', features: [{ feature: 'premium', active: true }] });
  });
});

describe('a call that is not signed rightly', () => {
  test.each([
    ['by another secret', { secret: `whsec_${Buffer.from('some other twenty-four bytes').toString('base64')}` }],
    ['six minutes ago', { atMs: Date.now() - 360_000 }],
    ['six minutes ahead', { atMs: Date.now() + 360_000 }],
  ])('%s is 401 and changes nothing', async (_, options) => {
    expect(await statusOf(activate({}, options))).toBe(401);
    expect(has('u1')).toEqual([]);
    expect(sandbox.product.calls[0]).toMatchObject({ status: 401, applied: false });
  });

  test('is believed by a product without a secret', async () => {
    const trusting = await startSandbox({ port: 0 });
    const body = JSON.stringify({
      type: 'entitlement.changed',
      data: { userId: 'u', feature: 'f', active: true, revision: 1 },
    });
    expect(await statusOf(fetch(trusting.product.activationUrl, { method: 'POST', body }))).toBe(200);
    await trusting.close();
  });
});

describe('misbehaviour', () => {
  test('for one user meets that user, as often as planned', async () => {
    sandbox.product.misbehave({ user: 'u1', kind: 'status', status: 422, times: 1 });
    expect(await statusOf(activate({ userId: 'u2' }))).toBe(200);
    expect(await statusOf(activate())).toBe(422);
    expect(has('u1')).toEqual([]);
    expect(await statusOf(activate())).toBe(200);
    expect(has('u1')).toEqual([['premium', true, 1]]);
  });

  test('for everyone lasts until the product works again', async () => {
    sandbox.product.misbehave({ kind: 'status', status: 503, retryAfterSeconds: 7 });
    const refused = await activate();
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '7']);
    expect(await statusOf(activate({ userId: 'u2' }))).toBe(503);
    sandbox.product.work();
    expect(await statusOf(activate())).toBe(200);
  });

  test("a user's own comes before everyone's", async () => {
    sandbox.product.misbehave({ user: 'u1', kind: 'status', status: 422 });
    sandbox.product.misbehave({ kind: 'status', status: 503 });
    expect(await statusOf(activate())).toBe(422);
    sandbox.product.work('u1');
    expect(await statusOf(activate())).toBe(503);
  });

  test('a redirect, a cut, a hang and a huge answer are what they say', async () => {
    sandbox.product.misbehave({ kind: 'redirect', times: 1 });
    expect(await statusOf(activate())).toBe(302);
    sandbox.product.misbehave({ kind: 'cut', times: 1 });
    await expect(activate()).rejects.toThrow('fetch failed');
    sandbox.product.misbehave({ kind: 'hang', times: 1 });
    await expect(activate({}, { signal: AbortSignal.timeout(50) })).rejects.toThrow('timeout');
    sandbox.product.misbehave({ kind: 'huge', bytes: 1_000_000, times: 1 });
    expect((await (await activate()).text()).length).toBeGreaterThan(1_000_000);
    expect(has('u1')).toEqual([]);
  });

  test('cut after store: it is done, and the caller cannot know', async () => {
    sandbox.product.misbehave({ kind: 'cut-after-store', times: 1 });
    await expect(activate()).rejects.toThrow('fetch failed');
    expect(has('u1')).toEqual([['premium', true, 1]]);
  });

  test('slow is done, later', async () => {
    sandbox.product.misbehave({ kind: 'slow', latencyMs: 60 });
    const startedAt = performance.now();
    expect(await statusOf(activate())).toBe(200);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(55);
  });

  test('over HTTP it is the same, and nonsense is refused', async () => {
    const post = (path: string) => fetch(`${sandbox.url}${path}`, { method: 'POST' });
    expect(await statusOf(post('/product/misbehaves?kind=status&status=500&user=u1&times=1'))).toBe(200);
    expect(await statusOf(activate())).toBe(500);
    expect(await statusOf(post('/product/misbehaves?kind=sulks'))).toBe(400);
    expect(await statusOf(post('/product/misbehaves?kind=status&status=9'))).toBe(400);
    expect(await statusOf(activate())).toBe(200);
  });
});

test('waiting for a feature ends when it comes, and says what there is when it does not', async () => {
  const waiting = sandbox.product.waitForFeature('u1', 'premium', true);
  await activate({ revision: 4 });
  expect(await waiting).toMatchObject({ revision: 4 });
  await expect(sandbox.product.waitForFeature('u1', 'premium', false, 10)).rejects.toThrow('"revision":4');
});

test('every call is kept with its headers, body and answer', async () => {
  await activate({ revision: 9 });
  expect(sandbox.product.calls[0]).toMatchObject({ user: 'u1', status: 200, applied: true });
  expect(sandbox.product.calls[0]?.headers['idempotency-key']).toBe('u1:premium:9');
});
