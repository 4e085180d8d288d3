import { describe, expect, test } from 'vitest';
import { ANN, BEN } from '../../../sandbox/telegram/world.ts';
import { bumpNotice, putNotice } from '../../../src/notice/notice-store.ts';
import type { EventState } from '../../../src/platform/schema.ts';
import { runPrivateNoticesOnce } from '../../../src/telegram/sending/notice-sender.ts';
import { runSenderOnce } from '../../../src/telegram/sending/sender.ts';
import { createTestDatabase } from '../../database.ts';
import { CHAT, createSenderHarness, type Harness } from '../sender-harness.ts';

const { db } = await createTestDatabase();
const SECOND = 1_000;
async function noticeOf(key: string) {
  return db.selectFrom('notice').selectAll().where('key', '=', key).executeTakeFirstOrThrow();
}

type Redrive = { key: string; eventBecomes: (state: EventState) => Promise<void> };

let presses = 0;

/** A retry of one dead event, and the notice that a press puts down. */
async function putRedrive(ticketId: number): Promise<Redrive> {
  presses += 1;
  const { id } = await db
    .insertInto('redrive')
    .values({ command_id: `press ${presses}`, scope: 'ticket', ticket_id: ticketId, requested_by: 'Ann', events: 1 })
    .returning('id')
    .executeTakeFirstOrThrow();
  await db
    .insertInto('event')
    .values({
      provider: 'acme',
      dedup_key: `event ${presses}`,
      body_hash: Buffer.alloc(32),
      kind: 'payment_succeeded',
      received_at: new Date(),
      due_at: new Date(),
      state: 'pending',
      redrive_id: id,
    })
    .execute();
  const key = `redrive:${id}`;
  await putNotice(db, {
    key,
    kind: 'redrive',
    chatId: CHAT,
    ticketId,
    body: { redriveId: id, by: 'Ann', what: 'tx456' },
  });
  return {
    key,
    eventBecomes: async (state) => {
      await db.updateTable('event').set({ state }).where('redrive_id', '=', id).execute();
      await bumpNotice(db, key);
    },
  };
}

test('a retry’s outcome stands under its ticket’s card and is edited in place', async () => {
  const chat = await createSenderHarness(db);
  const ticketId = await chat.openTicket();
  await chat.run();
  const redrive = await putRedrive(ticketId);
  await chat.run();
  const [card, report] = chat.telegram.messages(CHAT);
  expect(report).toMatchObject({ text: '🔁 Retry by Ann: tx456 running', replyToMessageId: card!.messageId });
  await redrive.eventBecomes('applied');
  chat.pass(2 * SECOND);
  await chat.run();
  expect(chat.texts()).toHaveLength(2);
  expect(chat.texts()[1]).toBe('🔁 Retry by Ann: tx456 applied ✓');
  expect(await noticeOf(redrive.key)).toMatchObject({ state: 'sent', shown_revision: 2 });
});

test('a report whose card was deleted is said all the same', async () => {
  const chat = await createSenderHarness(db);
  const ticketId = await chat.openTicket();
  await chat.run();
  chat.telegram.deleteMessage(CHAT, chat.cards()[0]!.messageId);
  await putRedrive(ticketId);
  await chat.run();
  expect(chat.texts()).toContain('🔁 Retry by Ann: tx456 running');
});

test('a report that was deleted is said anew', async () => {
  const chat = await createSenderHarness(db);
  const redrive = await putRedrive(await chat.openTicket());
  await chat.run();
  chat.telegram.deleteMessage(CHAT, (await noticeOf(redrive.key)).message_id!);
  await redrive.eventBecomes('applied');
  chat.pass(2 * SECOND);
  await chat.run();
  expect(chat.texts().filter((text) => text === '🔁 Retry by Ann: tx456 applied ✓')).toHaveLength(1);
});

test('a report of a retry that does not exist is given up and named', async () => {
  const chat = await createSenderHarness(db);
  await putNotice(db, { key: 'redrive:0', kind: 'redrive', chatId: CHAT, body: { redriveId: 0 } });
  await chat.run();
  expect(chat.texts()).toEqual([]);
  expect(await noticeOf('redrive:0')).toMatchObject({ state: 'failed', error: 'there is nothing to tell' });
  expect(await bumpNotice(db, 'redrive:0')).toBe(false);
});

test('a notice put down twice is one message with the later words', async () => {
  const chat = await createSenderHarness(db);
  await putNotice(db, { key: 'hello', kind: 'text', chatId: CHAT, body: { text: 'one' } });
  await chat.run();
  await putNotice(db, { key: 'hello', kind: 'text', chatId: CHAT, body: { text: 'two' } });
  chat.pass(2 * SECOND);
  await chat.run();
  expect(chat.texts()).toEqual(['two']);
});

test('a notice put down in a transaction that fails is never said', async () => {
  const chat = await createSenderHarness(db);
  await expect(
    db.transaction().execute(async (trx) => {
      await putNotice(trx, { key: 'hello', kind: 'text', chatId: CHAT, body: { text: 'one' } });
      throw new Error('rolled back');
    }),
  ).rejects.toThrow('rolled back');
  await chat.run();
  expect(chat.texts()).toEqual([]);
});

test('a remark under a card is silent, and the first to go without when the chat is full', async () => {
  const chat = await createSenderHarness(db);
  const ticketId = await chat.openTicket();
  await chat.run();
  await putNotice(db, { key: 'remark', kind: 'ticket', chatId: CHAT, ticketId, body: { text: 'T-1 was reopened' } });
  await chat.run();
  expect(chat.telegram.requestsOf('sendMessage').at(-1)?.params).toMatchObject({ disable_notification: true });
  for (let i = 0; i < 10; i++) {
    await putNotice(db, { key: `more ${i}`, kind: 'ticket', chatId: CHAT, body: { text: `remark ${i}` } });
  }
  await chat.run();
  expect(chat.texts()).toHaveLength(2 + 5);
});

test('a notice that Telegram keeps refusing is given up after five tries, and never keeps a card waiting', async () => {
  const chat = await createSenderHarness(db);
  await putNotice(db, { key: 'bad', kind: 'text', chatId: CHAT, body: { text: 'unsayable' } });
  chat.telegram.fault({
    kind: 'error',
    code: 400,
    description: 'Bad Request: NEVER_HEARD_OF',
    method: 'sendMessage',
    times: 5,
  });
  await chat.runFor(60 * SECOND, SECOND);
  expect(await noticeOf('bad')).toMatchObject({ state: 'failed', failures: 4 });
  await chat.openTicket();
  expect(await chat.run()).toMatchObject({ shown: 1 });
});

test('a person is told in private, once a second', async () => {
  const chat = await createSenderHarness(db);
  chat.telegram.startPrivate(ANN);
  for (const key of ['a', 'b', 'c']) {
    await putNotice(db, { key, kind: 'text', personId: ANN, body: { text: key } });
  }
  expect(await runPrivateNoticesOnce(chat.deps)).toMatchObject({
    said: 1,
    nextAt: new Date(chat.now().getTime() + SECOND),
  });
  for (let i = 0; i < 2; i++) {
    chat.pass(SECOND);
    await runPrivateNoticesOnce(chat.deps);
  }
  expect(chat.texts(ANN)).toEqual(['/start', 'a', 'b', 'c']);
});

test.each([
  ['has blocked the bot', (chat: Harness) => chat.telegram.blockBy(BEN), 'bot was blocked by the user'],
  ['is gone', (chat: Harness) => chat.telegram.deactivate(BEN), 'user is deactivated'],
  ['never started it', () => {}, "bot can't initiate conversation with a user"],
])('a person who %s is marked unreachable with the reason, and others are told', async (_who, happen, reason) => {
  const chat = await createSenderHarness(db);
  await db.insertInto('person').values({ telegram_id: BEN, role: 'engineer', private_chat: true }).execute();
  if (!reason.includes('initiate')) chat.telegram.startPrivate(BEN);
  chat.telegram.startPrivate(ANN);
  happen(chat);
  await putNotice(db, { key: 'to ben', kind: 'text', personId: BEN, body: { text: 'hello' } });
  await putNotice(db, { key: 'to ann', kind: 'text', personId: ANN, body: { text: 'hello' } });
  expect(await runPrivateNoticesOnce(chat.deps)).toMatchObject({ said: 1, failed: 1 });
  expect(await noticeOf('to ben')).toMatchObject({ state: 'failed', error: reason });
  const ben = await db.selectFrom('person').select('private_chat').where('telegram_id', '=', BEN).executeTakeFirst();
  expect(ben?.private_chat).toBe(false);
});

describe('a notice that somebody relies on', () => {
  const body = { text: 'premium is active', unreached: { personId: ANN, text: 'please tell them yourself' } };
  const CUSTOMER = 2001;

  test('that can never be delivered is told to them, and the customer’s chat has ended', async () => {
    const chat = await createSenderHarness(db);
    for (const person of [ANN, CUSTOMER]) chat.telegram.startPrivate(person);
    await db.insertInto('customer_chat').values({ user_id: 'u', telegram_id: CUSTOMER, since: new Date() }).execute();
    chat.telegram.blockBy(CUSTOMER);
    await putNotice(db, { key: 'to a customer', kind: 'text', personId: CUSTOMER, body });
    expect(await runPrivateNoticesOnce(chat.deps)).toMatchObject({ said: 1, failed: 1 });
    expect(chat.texts(ANN)).toEqual(['/start', 'please tell them yourself']);
    expect(await db.selectFrom('customer_chat').selectAll().execute()).toEqual([]);
  });

  test('and that comes through is not', async () => {
    const chat = await createSenderHarness(db);
    for (const person of [ANN, CUSTOMER]) chat.telegram.startPrivate(person);
    await db.insertInto('customer_chat').values({ user_id: 'u', telegram_id: CUSTOMER, since: new Date() }).execute();
    await putNotice(db, { key: 'to a customer', kind: 'text', personId: CUSTOMER, body });
    expect(await runPrivateNoticesOnce(chat.deps)).toMatchObject({ said: 1, failed: 0 });
    expect([chat.texts(CUSTOMER), chat.texts(ANN)]).toEqual([['/start', 'premium is active'], ['/start']]);
    expect(await db.selectFrom('customer_chat').selectAll().execute()).toHaveLength(1);
  });
});

test('flood control in one private chat stops neither the others nor the group', async () => {
  const chat = await createSenderHarness(db);
  for (const person of [ANN, BEN]) chat.telegram.startPrivate(person);
  await putNotice(db, { key: 'to ann', kind: 'text', personId: ANN, body: { text: 'hello' } });
  await putNotice(db, { key: 'to ben', kind: 'text', personId: BEN, body: { text: 'hello' } });
  await chat.openTicket();
  chat.telegram.fault({ kind: '429', retryAfterSeconds: 20, method: 'sendMessage', chatId: ANN });
  expect(await runPrivateNoticesOnce(chat.deps)).toMatchObject({ said: 1, failed: 1 });
  expect(await runSenderOnce(chat.deps)).toMatchObject({ shown: 1 });
  chat.pass(19 * SECOND);
  expect(await runPrivateNoticesOnce(chat.deps)).toMatchObject({ said: 0 });
  chat.pass(2 * SECOND);
  expect(await runPrivateNoticesOnce(chat.deps)).toMatchObject({ said: 1 });
});

test('with Telegram away private notices wait and come through', async () => {
  const chat = await createSenderHarness(db);
  chat.telegram.startPrivate(ANN);
  await putNotice(db, { key: 'to ann', kind: 'text', personId: ANN, body: { text: 'hello' } });
  chat.telegram.down();
  for (let i = 0; i < 20; i++) {
    await runPrivateNoticesOnce(chat.deps);
    chat.pass(SECOND);
  }
  chat.telegram.up();
  chat.pass(2 * SECOND);
  expect(await runPrivateNoticesOnce(chat.deps)).toMatchObject({ said: 1 });
  expect(chat.texts(ANN)).toEqual(['/start', 'hello']);
});

test('a notice of another topic goes there, and among the tickets when the chat has no such topic', async () => {
  const chat = await createSenderHarness(db);
  chat.telegram.enableTopics(CHAT);
  const api = chat.deps.api;
  const tickets = (await api.createForumTopic(CHAT, 'Tickets')).message_thread_id;
  const audit = (await api.createForumTopic(CHAT, 'Audit')).message_thread_id;
  const threadOf = async (text: string, topics: Record<string, number>) => {
    await putNotice(db, { key: text, kind: 'text', body: { text, topic: 'audit' } });
    await runSenderOnce({ ...chat.deps, threadId: tickets, topics });
    return chat.telegram.messages(CHAT).find((message) => message.text === text)?.threadId;
  };
  expect(await threadOf('one', { audit })).toBe(audit);
  expect(await threadOf('two', {})).toBe(tickets);
});
