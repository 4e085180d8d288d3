import { beforeEach, expect, test } from 'vitest';
import {
  bumpNotice,
  deferNotice,
  listPendingNotices,
  listPendingPrivateNotices,
  markNoticeFailed,
  markNoticeSent,
  pausePrivateNotices,
  putNotice,
} from '../../src/notice/notice-store.ts';
import { createTestDatabase } from '../database.ts';

const { db } = await createTestDatabase();
const CHAT = -100;
const AT = new Date('2026-11-22T12:00:00Z');

beforeEach(() => db.deleteFrom('notice').execute());

async function put(key: string, text = 'hello') {
  await putNotice(db, { key, kind: 'text', chatId: CHAT, body: { text } });
  const [notice] = (await listPendingNotices(db, [CHAT])).filter((waiting) => waiting.key === key);
  return notice!;
}

test('a notice is pending until it is sent, the oldest first', async () => {
  const first = await put('first');
  await put('second');
  expect((await listPendingNotices(db, [CHAT])).map((notice) => notice.key)).toEqual(['first', 'second']);
  await markNoticeSent(db, { id: first.id, revision: first.wantedRevision, messageId: 5, at: AT });
  expect((await listPendingNotices(db, [CHAT])).map((notice) => notice.key)).toEqual(['second']);
});

test('what changes while a notice is being sent is sent next', async () => {
  const notice = await put('hello');
  await bumpNotice(db, 'hello');
  await markNoticeSent(db, { id: notice.id, revision: notice.wantedRevision, messageId: 5, at: AT });
  expect(await listPendingNotices(db, [CHAT])).toMatchObject([{ key: 'hello', wantedRevision: 2, messageId: 5 }]);
});

test('the same key again replaces the words and forgives earlier refusals', async () => {
  const notice = await put('hello', 'one');
  await deferNotice(db, notice.id, AT, 'refused');
  await putNotice(db, { key: 'hello', kind: 'text', chatId: CHAT, body: { text: 'two' } });
  expect(await listPendingNotices(db, [CHAT])).toMatchObject([
    { body: { text: 'two' }, wantedRevision: 2, failures: 0, notBefore: null },
  ]);
});

test('a notice that was given up does not come back by a change, and one that never was does not appear', async () => {
  const notice = await put('hello');
  await markNoticeFailed(db, notice.id, 'gone');
  expect(await bumpNotice(db, 'hello')).toBe(false);
  expect(await bumpNotice(db, 'unheard of')).toBe(false);
  expect(await listPendingNotices(db, [CHAT])).toEqual([]);
});

test('private notices and those of chats do not mix, and a person’s pause is that person’s alone', async () => {
  await put('to the chat');
  await putNotice(db, { key: 'to 1', kind: 'text', personId: 1, body: {} });
  await putNotice(db, { key: 'to 2', kind: 'text', personId: 2, body: {} });
  await pausePrivateNotices(db, 1, AT);
  expect((await listPendingNotices(db, [CHAT])).map((notice) => notice.key)).toEqual(['to the chat']);
  expect((await listPendingPrivateNotices(db)).map(({ key, notBefore }) => ({ key, notBefore }))).toEqual([
    { key: 'to 1', notBefore: AT },
    { key: 'to 2', notBefore: null },
  ]);
});
