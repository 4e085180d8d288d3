import { describe, expect, test } from 'vitest';
import { type ClaimedEvent, claimEvents } from '../../src/delivery/claim-store.ts';
import { keepFacts } from '../../src/delivery/deliver.ts';
import { createDb, createPool } from '../../src/platform/database.ts';
import { workerDeps } from '../delivery/worker-bench.ts';
import { eventually } from '../world/eventually.ts';
import { checkPromises } from '../world/promises.ts';
import { startWorld } from '../world/world.ts';

const TIMES = 200;
const capture = (user: string) => ({ status: 'success', amount: '9.99', user_id: user, transaction_id: user });
const refund = (user: string) => ({ status: 'refunded', user_id: user, transaction_id: user });
const users = (prefix: string) => Array.from({ length: TIMES }, (_, i) => `${prefix}${i}`);

describe('a capture and its refund, applied at once by two replicas', async () => {
  const world = await startWorld({ env: { RUN: 'intake,api', ACTIVATION_CONCURRENCY: '1' } });
  const { api, database, sandbox } = world;

  test('always end revoked, in whichever order they arrive and whoever applies them', async () => {
    const workers = await Promise.all([
      world.startReplica({ RUN: 'worker', ACTIVATION_CONCURRENCY: '1' }),
      world.startReplica({ RUN: 'worker', ACTIVATION_CONCURRENCY: '1' }),
    ]);
    for (const [i, user] of users('pair').entries()) {
      const both = i % 2 ? [capture(user), refund(user)] : [refund(user), capture(user)];
      await Promise.all(both.map((payload) => world.post(payload)));
    }
    await eventually(async () => (await api.conservation()).waiting === 0, 120_000);
    const rows = await database.db.selectFrom('entitlement').select(['user_id', 'revoked']).execute();
    expect(rows).toHaveLength(TIMES);
    expect(rows.filter(({ revoked }) => !revoked)).toEqual([]);
    for (const user of users('pair')) {
      // Both applied before anybody told the product: then there was nothing to take back.
      expect(sandbox.product.featuresOf(user).filter(({ active }) => active)).toEqual([]);
    }
    await checkPromises(database.db);
    await Promise.all(workers.map((worker) => worker.stop()));
  }, 200_000);

  test('also when both transactions begin in the same instant', async () => {
    const pools = [
      createPool(database.url, { max: 2, name: 'one' }),
      createPool(database.url, { max: 2, name: 'two' }),
    ];
    const [one, two] = pools.map((pool) => createDb(pool));
    for (const user of users('instant')) {
      await world.post(capture(user));
      await world.post(refund(user));
      const claimed = await claimBoth(one!);
      const [paid, refunded] = claimed.sort((a, b) => a.id - b.id);
      await Promise.all([keepFacts(workerDeps(one!), [paid!], false), keepFacts(workerDeps(two!), [refunded!], false)]);
    }
    const rows = await database.db
      .selectFrom('entitlement')
      .select(['user_id', 'revoked', 'revision'])
      .where('user_id', 'like', 'instant%')
      .execute();
    expect(rows).toHaveLength(TIMES);
    expect(rows.filter(({ revoked }) => !revoked)).toEqual([]);
    await Promise.all([one!.destroy(), two!.destroy()]);
    await checkPromises(database.db);
  }, 120_000);

  async function claimBoth(db: ReturnType<typeof createDb>): Promise<ClaimedEvent[]> {
    return eventually(async () => {
      const claimed = await claimEvents(db, { limit: 2, leaseMs: 60_000, busyUsers: [] });
      return claimed.length === 2 && claimed;
    });
  }
});

describe('a product that is down while a payment is refunded', async () => {
  const world = await startWorld({ env: { RETRY_MAX_TRIES: '30', RETRY_CAP_MS: '300' } });
  const { api, sandbox } = world;

  test.each([
    ['refuses connections', { kind: 'cut' } as const],
    ['answers 503', { kind: 'status', status: 503 } as const],
    ['does it, and breaks the connection', { kind: 'cut-after-store' } as const],
    ['hangs', { kind: 'hang' } as const],
  ])(
    'and %s ends revoked when it is back',
    async (_title, misbehaviour) => {
      const user = `down-${misbehaviour.kind}`;
      sandbox.product.misbehave({ ...misbehaviour, user });
      await world.post(capture(user));
      await sandbox.product.waitForCall((call) => call.user === user);
      await world.post(refund(user));
      await eventually(async () => (await api.payment('acme', user))?.status === 'refunded');
      sandbox.product.work(user);
      await sandbox.product.waitForFeature(user, 'premium', false, 30_000);
      await eventually(async () => (await api.conservation()).waiting === 0, 30_000);
      expect(await api.has(user)).toBe(false);
      const told = sandbox.product.calls.filter((call) => call.user === user && call.applied);
      const revisions = told.map((call) => JSON.parse(call.body).data.revision as number);
      expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
      expect(sandbox.product.featuresOf(user)).toMatchObject([{ active: false }]);
      await checkPromises(world.database.db);
    },
    60_000,
  );
});
