import { randomUUID } from 'node:crypto';
import { beforeEach, expect, test } from 'vitest';
import { handBack } from '../../src/delivery/claim-store.ts';
import { createTestDatabase } from '../database.ts';
import { insertEvent } from '../seed.ts';

const { db } = await createTestDatabase();
const [mine, gone] = [randomUUID(), randomUUID()];

let lost: number;
let own: number;
beforeEach(async () => {
  await db.deleteFrom('claim').execute();
  lost = (await insertEvent(db)).id;
  own = (await insertEvent(db)).id;
  const until = new Date(Date.now() + 60_000);
  await db
    .insertInto('claim')
    .values({ id: mine, until, events: [lost, own] })
    .execute();
});

const held = async () => {
  const claims = await db.selectFrom('claim').select('events').execute();
  return claims.flatMap(({ events }) => events.map(Number));
};

test('an event is let go from the claim it was taken under, and the others of that claim stay held', async () => {
  await handBack(db, [{ id: own, claimId: mine }], 0);
  expect(await held()).toEqual([lost]);
});

test('an event taken over by another claim stays held, also when events of that claim are let go beside it', async () => {
  const late = { id: lost, claimId: gone };
  await handBack(db, [late, { id: own, claimId: mine }], 0);
  expect(await held()).toEqual([lost]);
});

test('a claim whose last event is let go is no more', async () => {
  await handBack(
    db,
    [lost, own].map((id) => ({ id, claimId: mine })),
    0,
  );
  expect(await db.selectFrom('claim').selectAll().execute()).toEqual([]);
});
