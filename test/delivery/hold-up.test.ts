import { setTimeout as delay } from 'node:timers/promises';
import { type Transaction as AnyTransaction, sql } from 'kysely';
import { afterAll, expect, test } from 'vitest';
import { startSandbox } from '../../sandbox/main.ts';
import { finishEvents } from '../../src/delivery/finish.ts';
import { createWorker } from '../../src/delivery/worker.ts';
import { listEntitlements, writeEntitlements } from '../../src/entitlement/entitlement-store.ts';
import { lockUsers } from '../../src/entitlement/fact-store.ts';
import type { Schema } from '../../src/platform/schema.ts';
import { createTestDatabase } from '../database.ts';
import { insertEvent } from '../seed.ts';
import { openGate, workerDeps } from './worker-bench.ts';

const { db } = await createTestDatabase();
const secret = `whsec_${Buffer.from('a secret of thirty-two bytes, yes').toString('base64')}`;
const sandbox = await startSandbox({ port: 0, activationSecret: secret });
afterAll(() => sandbox.close());
const { product } = sandbox;

type Transaction = AnyTransaction<Schema>;

const stateOf = async (event: { id: number }) =>
  (await db.selectFrom('event').select('state').where('id', '=', event.id).executeTakeFirstOrThrow()).state;

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await delay(5);
}

async function somebodyWaits(): Promise<boolean> {
  const { rows } = await sql<{ waiting: number }>`
    select count(*)::int as waiting from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`.execute(db);
  return rows[0]!.waiting > 0;
}

test('a user whose call hangs keeps one slot, not those of the users claimed with it', async () => {
  const activation = { url: product.activationUrl, secret, timeoutMs: 2_000, concurrency: 2, gate: openGate };
  product.misbehave({ kind: 'hang', user: 'hanging' });
  const [hanging, neighbour] = [
    await insertEvent(db, { userId: 'hanging' }),
    await insertEvent(db, { userId: 'neighbour' }),
  ];
  const worker = createWorker(workerDeps(db, { activation }));
  expect(await worker.runOnce()).toBe(2);
  await until(async () => (await stateOf(neighbour)) === 'applied');
  const next = await insertEvent(db, { userId: 'next' });
  await until(async () => (await worker.runOnce()) === 1);
  await until(async () => (await stateOf(next)) === 'applied');
  expect(await stateOf(hanging)).toBe('pending');
  expect(await worker.runOnce()).toBe(0);
  await worker.idle();
  expect(await stateOf(hanging)).toBe('retrying');
});

test('writing down what the product accepted waits for a fold of the same users, and neither fails', async () => {
  const feature = { feature: 'premium', since: new Date(), until: null, revoked: false };
  const users = ['ann', 'zoe'];
  const write = (trx: Transaction, userId: string, revoked: boolean) =>
    writeEntitlements(trx, [{ ...feature, userId, revoked, isNew: !revoked }]);
  await db.transaction().execute(async (trx) => {
    for (const userId of users) await write(trx, userId, false);
  });
  const told = users.map((userId) => ({ userId, token: 0, sent: [{ userId, feature: 'premium', revision: 1 }] }));
  const finish = () => db.transaction().execute((trx) => finishEvents(trx, [], told.toReversed()));
  const finishing = await db.transaction().execute(async (trx) => {
    await lockUsers(trx, users);
    await write(trx, 'ann', true);
    const written = finish().then(
      () => 'written',
      (error: Error) => error.message,
    );
    await until(somebodyWaits);
    await write(trx, 'zoe', true);
    return { written };
  });
  expect(await finishing.written).toBe('written');
  expect(await listEntitlements(db, users)).toMatchObject([
    { revision: 2, sentRevision: 1 },
    { revision: 2, sentRevision: 1 },
  ]);
});
