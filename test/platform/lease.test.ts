import { expect, test } from 'vitest';
import { acquireLease, releaseLease } from '../../src/platform/lease.ts';
import { createTestDatabase } from '../database.ts';

const { db } = await createTestDatabase();
const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, seconds));

test('while one holds a lease nobody else gets it, and its holder prolongs it under the same token', async () => {
  const lease = { name: 'poller', ttlMs: 10_000 };
  const first = await acquireLease(db, { ...lease, holder: 'a', now: at(0) });
  expect(await acquireLease(db, { ...lease, holder: 'b', now: at(9) })).toBeNull();
  expect(await acquireLease(db, { ...lease, holder: 'a', now: at(9) })).toEqual(first);
  expect(await acquireLease(db, { ...lease, holder: 'b', now: at(15) })).toBeNull();
});

test('a lease that ran out goes to the next holder, under a higher token, and not back', async () => {
  const lease = { name: 'sender', ttlMs: 10_000 };
  const first = await acquireLease(db, { ...lease, holder: 'a', now: at(0) });
  const second = await acquireLease(db, { ...lease, holder: 'b', now: at(10) });
  expect(second!.token).toBeGreaterThan(first!.token);
  expect(await acquireLease(db, { ...lease, holder: 'a', now: at(11) })).toBeNull();
});

test('of many who ask at once exactly one gets the lease', async () => {
  const asked = Array.from({ length: 40 }, (_, i) =>
    acquireLease(db, { name: 'rush', holder: `r${i}`, ttlMs: 60_000 }),
  );
  expect((await Promise.all(asked)).filter(Boolean)).toHaveLength(1);
});

test('a lease let go is free at once with a higher token; letting go of another’s changes nothing', async () => {
  const lease = { name: 'handed-over', ttlMs: 60_000 };
  const first = await acquireLease(db, { ...lease, holder: 'a' });
  await releaseLease(db, { name: lease.name, holder: 'b' });
  expect(await acquireLease(db, { ...lease, holder: 'b' })).toBeNull();
  await releaseLease(db, { name: lease.name, holder: 'a' });
  expect((await acquireLease(db, { ...lease, holder: 'b' }))!.token).toBeGreaterThan(first!.token);
});
