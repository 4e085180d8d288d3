import { afterAll, describe, expect, test } from 'vitest';
import { createApi } from '../world/api.ts';
import { eventually, neverWithin } from '../world/eventually.ts';
import { checkPromises } from '../world/promises.ts';
import { acme, postWebhook, SEED } from '../world/webhooks.ts';
import { startWorld } from '../world/world.ts';

const world = await startWorld();
const { api, service } = world;

let n = 0;
function payment() {
  n += 1;
  return { ...SEED, user_id: `op${n}`, transaction_id: `op${n}` };
}

const statusOf = async (path: string, init: RequestInit = {}) => (await fetch(service.url + path, init)).status;

describe('what the product reads needs its token', () => {
  const PATHS = ['/api/payments/acme/op1', '/api/entitlements/op1', '/api/events/acme.1', '/api/conservation'];

  test.each(PATHS)('%s', async (path) => {
    for (const token of [null, '', 'wrong', `${'journeys-api-token-4f1d9c'}x`, 'Journeys-api-token-4f1d9c']) {
      const answer = await api.get(path, token);
      expect(answer).toMatchObject({ status: 401, body: { error: 'unauthorized' } });
    }
    expect([200, 404]).toContain((await api.get(path)).status);
  });

  test('OFREP, too', async () => {
    expect(await statusOf('/ofrep/v1/evaluate/flags', { method: 'POST', body: '{}' })).toBe(401);
    expect(await statusOf('/ofrep/v1/evaluate/flags/premium', { method: 'POST', body: '{}' })).toBe(401);
  });

  test('health and metrics are for the orchestrator, which has none', async () => {
    for (const path of ['/healthz', '/readyz', '/metrics']) expect(await statusOf(path)).toBe(200);
  });

  test('what there is not is 404, with and without a token', async () => {
    expect(await statusOf('/')).toBe(404);
    expect((await api.get('/api/nothing')).status).toBe(404);
    expect((await api.get('/api/events/acme.999999')).status).toBe(404);
    expect((await api.get('/api/events/nonsense')).status).toBe(404);
  });
});

test('ids in paths are percent-encoded, whatever is in them', async () => {
  const odd = { ...SEED, user_id: 'a/b c?d=é&%', transaction_id: 'tx/with spaces & 50%' };
  await world.post(odd);
  await eventually(() => api.has(odd.user_id));
  expect(await api.payment('acme', odd.transaction_id)).toMatchObject({ userId: odd.user_id });
});

test('the metrics count what came in and what became of it', async () => {
  await world.post(payment());
  await eventually(() => api.has(`op${n}`));
  const text = await eventually(async () => {
    const found = await (await fetch(`${service.url}/metrics`)).text();
    return /applied\w*\{provider="acme"\} [1-9]/.test(found) && found;
  });
  expect(text).toMatch(/received\w*\{provider="acme"\} [1-9]/);
  expect(text).not.toMatch(/op\d|user123/);
});

test('with Telegram and the product down the service is ready, takes webhooks, and says what is down', async () => {
  world.sandbox.telegram.down();
  world.sandbox.product.misbehave({ kind: 'cut' });
  const ready = await eventually(async () => {
    const response = await fetch(`${service.url}/readyz`);
    const body = (await response.json()) as { parts: Record<string, string> };
    expect(response.status).toBe(200);
    return !/^(ok|polling|on)\b/.test(body.parts.telegram ?? 'ok') && body;
  }, 20_000);
  expect(ready).toMatchObject({ ready: true, database: 'ok' });
  const paid = payment();
  expect((await world.post(paid)).status).toBe(200);
  await eventually(async () => (await api.eventOf('acme', paid.transaction_id)).state === 'dead');
  expect((await fetch(`${service.url}/readyz`)).status).toBe(200);
  world.sandbox.telegram.up();
  world.sandbox.product.work();
  const ticket = (await eventually(async () => (await api.payment('acme', paid.transaction_id))?.ticket)).id;
  await world.chat.card(ticket, '', 20_000);
}, 60_000);

test('the log tells an event’s story under its id', async () => {
  const { id } = await api.eventOf('acme', 'op1');
  const failing = payment();
  world.sandbox.product.misbehave({ kind: 'status', status: 503, user: failing.user_id });
  await world.post(failing);
  await eventually(async () => (await api.eventOf('acme', failing.transaction_id)).state === 'dead');
  const { id: failed } = await api.eventOf('acme', failing.transaction_id);
  const told = service.logLines().filter(({ eventId }) => eventId === failed);
  expect(told.map(({ level }) => level)).toEqual(expect.arrayContaining(['info', 'warn']));
  expect(service.logLines().filter(({ eventId }) => eventId === id)).toEqual([]); // nothing to tell of what went well
});

describe('a process may run some of the parts', async () => {
  const separate = await startWorld({ env: { RUN: 'intake,api' } });
  const paid = { ...SEED, user_id: 'split', transaction_id: 'split' };

  test('without a worker webhooks are stored and wait', async () => {
    expect((await separate.post(paid)).status).toBe(200);
    await neverWithin(500, async () => (await separate.api.eventOf('acme', 'split')).state !== 'pending');
  });

  test('a worker elsewhere delivers them, takes no webhooks and answers no product', async () => {
    const worker = await separate.startReplica({ RUN: 'worker' });
    await eventually(() => separate.api.has('split'));
    expect((await postWebhook(worker, 'acme', paid)).status).toBe(404);
    expect((await createApi(worker).get('/api/conservation')).status).toBe(404);
    expect((await fetch(`${worker.url}/readyz`)).status).toBe(200);
    await worker.stop();
  });

  test('two replicas of everything take the same webhook once', async () => {
    const [one, two] = await Promise.all([
      separate.startReplica({ RUN: undefined }),
      separate.startReplica({ RUN: undefined }),
    ]);
    const twice = { ...SEED, user_id: 'twice', transaction_id: 'twice' };
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => separate.post(twice, { to: i % 2 ? one : two })),
    );
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(answers.filter(({ body }) => !body.duplicate)).toHaveLength(1);
    await separate.sandbox.product.waitForFeature('twice', 'premium', true);
    await eventually(async () => (await separate.api.conservation()).waiting === 0);
    expect(separate.sandbox.product.calls.filter(({ user }) => user === 'twice')).toHaveLength(1);
    await Promise.all([one.stop(), two.stop()]);
  });

  test('and every promise holds', async () => {
    await eventually(async () => (await separate.api.conservation()).waiting === 0);
    await checkPromises(separate.database.db);
  });
});

describe('without a product to call', async () => {
  const alone = await startWorld({ product: false, providers: [acme()] });

  test('the entitlement is the activation: it is there when the event is applied, and nobody is called', async () => {
    await alone.post(SEED);
    const event = await eventually(async () => {
      const found = await alone.api.eventOf('acme', 'tx456');
      return found.state === 'applied' && found;
    });
    expect(event.attempts.filter(({ httpStatus }) => httpStatus !== null)).toEqual([]);
    expect(await alone.api.has('user123')).toBe(true);
    expect(alone.sandbox.product.calls).toEqual([]);
  });
});

afterAll(async () => {
  await checkPromises(world.database.db);
});
