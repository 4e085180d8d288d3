import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, describe, expect, test } from 'vitest';
import { eventually, neverWithin } from '../world/eventually.ts';
import { sendAll } from '../world/load.ts';
import { checkPromises } from '../world/promises.ts';
import type { Service } from '../world/service.ts';
import { SEED } from '../world/webhooks.ts';
import { startWorld } from '../world/world.ts';

const TIMES = { LEASE_MS: '1500', ACTIVATION_TIMEOUT_MS: '1000' };
/** The lease, and the lane of the customer, which outlives it. */
const TAKEN_OVER_WITHIN_MS = 30_000;

describe('a worker that stands still past its lease', async () => {
  const world = await startWorld({ env: { ...TIMES, RUN: 'intake,api' } });
  const { api } = world;
  const { product } = world.sandbox;
  const paid = { ...SEED, user_id: 'slow', transaction_id: 'slow' };
  let frozen: Service;
  let after: Awaited<ReturnType<typeof api.eventOf>>;

  test('is replaced: another applies what it held', async () => {
    frozen = await world.startReplica({ RUN: 'worker' });
    product.misbehave({ kind: 'slow', latencyMs: 600, user: 'slow', times: 1 });
    await world.post(paid);
    await product.waitForCall((call) => call.user === 'slow');
    frozen.freeze();
    const other = await world.startReplica({ RUN: 'worker' });
    after = await eventually(async () => {
      const event = await api.eventOf('acme', 'slow');
      return event.state === 'applied' && event;
    }, TAKEN_OVER_WITHIN_MS);
    expect(after.attempts.map(({ outcome, dependency }) => `${dependency} ${outcome}`)).toEqual([
      'worker handed_back',
      'activation ok',
    ]);
    await other.stop();
  }, 60_000);

  test('changes nothing when it wakes and writes what it had begun', async () => {
    frozen.thaw();
    const next = { ...SEED, user_id: 'next', transaction_id: 'next' };
    await world.post(next);
    await product.waitForFeature('next', 'premium', true);
    await neverWithin(1_500, async () => (await api.eventOf('acme', 'slow')).attempts.length !== 2);
    expect(await api.eventOf('acme', 'slow')).toEqual(after);
    expect(await api.features('slow')).toMatchObject([{ active: true, revision: 1 }]);
    expect(product.featuresOf('slow')).toMatchObject([{ active: true, revision: 1 }]);
    await eventually(async () => (await api.conservation()).waiting === 0);
    await checkPromises(world.database.db);
    await frozen.stop();
  }, 30_000);
});

describe('an event that ends every process that touches it', async () => {
  let worker: Service | null = null;
  const killed: string[] = [];
  // A product whose answer to one customer is the end of the worker that asked.
  const product = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { userId } = JSON.parse(body).data as { userId: string };
    if (userId !== 'lethal') return response.end('{}');
    killed.push(userId);
    request.socket.resetAndDestroy();
    void worker?.kill('SIGKILL');
  });
  await new Promise<void>((resolve) => product.listen(0, '127.0.0.1', resolve));
  afterAll(() => {
    product.closeAllConnections();
    product.close();
  });
  const { port } = product.address() as AddressInfo;
  const world = await startWorld({
    env: { ...TIMES, RUN: 'intake,api,telegram', ACTIVATION_URL: `http://127.0.0.1:${port}/` },
  });
  const { api } = world;
  const others = Array.from({ length: 60 }, (_, i) => ({
    status: 'success' as const,
    amount: '9.99',
    user_id: `bystander${i}`,
    transaction_id: `bystander${i}`,
  }));

  test('is given up after it has taken four with it, with a ticket, and all other events are applied', async () => {
    await sendAll(() => world.service, others.slice(0, 30));
    await world.post({ ...SEED, user_id: 'lethal', transaction_id: 'lethal' });
    await sendAll(() => world.service, others.slice(30));
    let isOver = false;
    const supervisor = (async () => {
      while (!isOver) {
        worker = await world.startReplica({ RUN: 'worker' });
        await Promise.race([worker.ended, eventually(() => isOver, 300_000, 100)]);
      }
    })();
    const event = await eventually(
      async () => {
        const found = await api.eventOf('acme', 'lethal');
        return found.state === 'dead' && found;
      },
      180_000,
      250,
    );
    expect(event).toMatchObject({ reason: 'crashed' });
    expect(killed.length).toBe(4);
    for (const { transaction_id } of others) {
      await eventually(async () => (await api.eventOf('acme', transaction_id)).state === 'applied', 60_000);
    }
    isOver = true;
    await worker!.kill('SIGTERM');
    await supervisor;
    const { ticket } = (await api.payment('acme', 'lethal'))!;
    expect(ticket).toMatchObject({ state: 'open' });
    expect((await world.chat.card(ticket!.id)).text).toMatch(/crashed/);
    expect(await api.conservation()).toMatchObject({ waiting: 0, dead: 1, applied: others.length });
    await checkPromises(world.database.db);
  }, 280_000);
});
