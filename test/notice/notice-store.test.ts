import { beforeEach, describe, expect, test } from 'vitest';
import {
  bumpNotice,
  deferNotice,
  listPendingNotices,
  listPendingPrivateNotices,
  markNoticeFailed,
  markNoticeSent,
  pausePrivateNotices,
  purgeNotices,
  putNotice,
} from '../../src/notice/notice-store.ts';
import { createTestDatabase } from '../database.ts';
import { openTicket } from '../duty/duty-room.ts';

const { db } = await createTestDatabase();
const CHAT = -100;
const DAY_MS = 86_400_000;
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

describe('a month after it was said', () => {
  const say = (key: string, over: object = {}) =>
    db
      .insertInto('notice')
      .values({
        key,
        kind: 'text',
        body: '{}',
        state: 'sent',
        created_at: new Date(AT.getTime() - 31 * DAY_MS),
        ...over,
      })
      .execute();
  const left = async () => {
    await purgeNotices(db, AT);
    return (await db.selectFrom('notice').select('key').orderBy('id').execute()).map(({ key }) => key);
  };

  test('what is about no ticket is forgotten, and what is younger, under a card or still to be said is not', async () => {
    await say('freeze:1');
    await say('page:1001:2026-10-01T12:00', { kind: 'page', state: 'failed' });
    await say('ask-retry:7:-100', { ticket_id: 7 });
    await say('younger', { created_at: new Date(AT.getTime() - 29 * DAY_MS) });
    await say('told:7:x', { kind: 'ticket', ticket_id: 7 });
    await say('waits', { state: 'pending' });
    await say('redrive:3', { kind: 'redrive' });
    expect(await left()).toEqual(['younger', 'told:7:x', 'waits', 'redrive:3']);
  });

  test('of the ends of the audit log the last stays', async () => {
    for (const key of ['audit-head:1:aa', 'audit-head:2:bb', 'freeze:2']) await say(key);
    expect(await left()).toEqual(['audit-head:2:bb']);
  });

  test.each([
    ['open', null, ['call']],
    ['resolved', AT, []],
  ] as const)('a call to a ticket that is %s, since %s, leaves %j', async (state, resolvedAt, keys) => {
    const ticketId = await openTicket(db, 'P2');
    await db.updateTable('ticket').set({ state, resolved_at: resolvedAt }).where('id', '=', ticketId).execute();
    await say('call', { kind: 'page' });
    await db
      .insertInto('page')
      .values({ ticket_id: ticketId, reason: 'opened', at: AT, state: 'delivered', notice_key: 'call' })
      .execute();
    expect(await left()).toEqual(keys);
    await db.deleteFrom('page').execute();
  });
});
