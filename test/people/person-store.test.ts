import { beforeEach, expect, test } from 'vitest';
import {
  findPerson,
  listActivePeople,
  markPrivateChat,
  rememberName,
  seedPeople,
} from '../../src/people/person-store.ts';
import { createTestDatabase } from '../database.ts';

const { db } = await createTestDatabase();

beforeEach(() => db.deleteFrom('person').execute());

test('the environment seeds an empty table, and who is on both lists is an admin', async () => {
  expect(await seedPeople(db, { adminIds: [1], engineerIds: [1, 2] })).toBe(2);
  expect((await findPerson(db, 1))?.role).toBe('admin');
  expect((await findPerson(db, 2))?.role).toBe('engineer');
});

test('once somebody is in the table the environment adds and changes nobody', async () => {
  await seedPeople(db, { adminIds: [1], engineerIds: [] });
  expect(await seedPeople(db, { adminIds: [3], engineerIds: [1, 2] })).toBe(0);
  expect((await listActivePeople(db)).map(({ telegramId, role }) => [telegramId, role])).toEqual([[1, 'admin']]);
});

test('replicas that seed at the same time leave each person once', async () => {
  await Promise.all([1, 2, 3, 4].map(() => seedPeople(db, { adminIds: [1], engineerIds: [2, 3] })));
  expect(await listActivePeople(db)).toHaveLength(3);
});

test('empty lists seed nobody', async () => {
  expect(await seedPeople(db, { adminIds: [], engineerIds: [] })).toBe(0);
});

test('a stranger is not found, and writing about one remembers nothing', async () => {
  await rememberName(db, 99, { firstName: 'Eve', username: null });
  await markPrivateChat(db, 99);
  expect(await findPerson(db, 99)).toBeNull();
});

test('the name follows Telegram, and the private chat is open until the person blocks the bot', async () => {
  await seedPeople(db, { adminIds: [], engineerIds: [5] });
  await rememberName(db, 5, { firstName: 'Ann', username: 'ann' });
  await markPrivateChat(db, 5);
  expect(await findPerson(db, 5)).toMatchObject({ firstName: 'Ann', username: 'ann', privateChat: true });
  await rememberName(db, 5, { firstName: 'Anna', username: null });
  await markPrivateChat(db, 5, false);
  expect(await findPerson(db, 5)).toMatchObject({ firstName: 'Anna', username: null, privateChat: false });
});
