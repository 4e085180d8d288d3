import { beforeEach, expect, test } from 'vitest';
import {
  endCover,
  insertCover,
  listCovers,
  listOnCall,
  listReachableOnCall,
  readRoster,
  saveRotation,
} from '../../src/duty/roster-store.ts';
import { createTestDatabase } from '../database.ts';
import { ANN, after, BEN, CARA, NOON, seedDuty } from './duty-room.ts';

const { db } = await createTestDatabase();
beforeEach(() => seedDuty(db));

const cover = (from: number, to: number, level = 1, personId: number = CARA) => ({
  level,
  personId,
  startsAt: after(from),
  endsAt: after(to),
  givenBy: 'Ann',
});

test('covers that overlap are refused, those that touch or are of another level are not', async () => {
  expect(await insertCover(db, cover(0, 60))).not.toBeNull();
  expect(await insertCover(db, cover(59, 120))).toBeNull();
  expect(await insertCover(db, cover(-10, 300, 1, BEN))).toBeNull();
  expect(await insertCover(db, cover(60, 120))).not.toBeNull();
  expect(await insertCover(db, cover(0, 60, 2))).not.toBeNull();
});

test('of two overlapping covers given at the same moment one is refused', async () => {
  const given = await Promise.all([insertCover(db, cover(0, 60)), insertCover(db, cover(30, 90))]);
  expect(given.filter((id) => id === null)).toHaveLength(1);
});

test('a cover that is under way ends when it is called off, one to come is gone, one that is over stays as it was', async () => {
  const [over, now, later] = [
    await insertCover(db, cover(-60, -30)),
    await insertCover(db, cover(-30, 30)),
    await insertCover(db, cover(60, 90)),
  ];
  expect(await endCover(db, over!, NOON)).toBe(false);
  expect(await endCover(db, now!, NOON)).toBe(true);
  expect(await endCover(db, later!, NOON)).toBe(true);
  expect(await listCovers(db, NOON)).toEqual([]);
  expect(await insertCover(db, cover(0, 90))).not.toBeNull();
});

test('a rotation with nobody in it is refused by the database too', async () => {
  const nobody = { people: [], zone: 'UTC', handOver: '09:00', everyDays: 1, startsOn: '2026-11-23' };
  await expect(saveRotation(db, 1, nobody, 'Cara')).rejects.toThrow('a rotation has somebody in it');
});

test('the roster holds those who may act, in the order of their ids, and no viewer', async () => {
  const roster = await readRoster(db, NOON);
  expect(roster.people).toEqual([ANN, BEN, CARA]);
  expect(roster.rotations.get(1)).toMatchObject({ people: [ANN, BEN], handOver: '09:00' });
});

const idsOf = (people: { telegramId: number }[]) => people.map((person) => person.telegramId);

test('whose turn it is is on call, nobody else', async () => {
  expect(idsOf(await listOnCall(db, NOON))).toEqual([ANN]);
  expect(idsOf(await listReachableOnCall(db, NOON))).toEqual([ANN]);
});

test('what cannot wait goes to everyone who can be written to when nobody on call can', async () => {
  await db.updateTable('person').set({ private_chat: false }).where('telegram_id', '=', ANN).execute();
  expect(idsOf(await listOnCall(db, NOON))).toEqual([ANN]);
  expect(idsOf(await listReachableOnCall(db, NOON))).toEqual([BEN]);
});
