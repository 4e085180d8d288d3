import { afterAll, expect, test } from 'vitest';
import { startSandbox } from '../../sandbox/main.ts';
import type { CallSlot } from '../../src/delivery/call-slot.ts';
import { finishEvents } from '../../src/delivery/finish.ts';
import { takeUnsent, tellProduct } from '../../src/delivery/tell-product.ts';
import { writeEntitlements } from '../../src/entitlement/entitlement-store.ts';
import { createTestDatabase } from '../database.ts';
import { workerDeps } from './worker-bench.ts';

const { db } = await createTestDatabase();
const secret = `whsec_${Buffer.from('a secret of thirty-two bytes, yes').toString('base64')}`;
const sandbox = await startSandbox({ port: 0, activationSecret: secret });
afterAll(() => sandbox.close());
const { product } = sandbox;

const deps = workerDeps(db);
const target = { url: product.activationUrl, secret, timeoutMs: 1_000 };
const callsOf = (userId: string) => product.calls.filter((call) => call.user === userId).length;

/** Somebody who has bought a feature that the product has not heard of. */
async function entitle(userId: string): Promise<void> {
  const feature = { userId, feature: 'premium', since: new Date(), until: null, revoked: false, isNew: true };
  await db.transaction().execute((trx) => writeEntitlements(trx, [feature]));
}

const takeUser = async (userId: string) => (await takeUnsent(deps, target, [userId])).get(userId);
const slotThat = (mayCall: boolean): CallSlot => ({ isProbe: false, mayCall: () => mayCall, end: () => {} });

test('a user whose call the breaker refused at the last moment is free for whoever may call next', async () => {
  await entitle('refused');
  const unsent = (await takeUser('refused'))!;
  expect(await takeUser('refused'), 'held meanwhile').toBeUndefined();
  expect(await tellProduct(deps, target, unsent, [], slotThat(false), () => {})).toBe('not_now');
  expect(callsOf('refused')).toBe(0);
  expect((await takeUser('refused'))?.entitlements).toHaveLength(1);
});

test('a user who was told is held until that is written down, and free then', async () => {
  await entitle('told');
  const telling = await tellProduct(deps, target, (await takeUser('told'))!, [], slotThat(true), () => {});
  if (telling === 'not_now') throw new Error('it was permitted');
  expect(callsOf('told')).toBe(1);
  expect(await takeUser('told')).toBeUndefined();
  await db.transaction().execute((trx) => finishEvents(trx, [], [telling.told]));
  expect(await takeUser('told')).toMatchObject({ entitlements: [] });
});
