import { sql } from 'kysely';
import { beforeEach, expect, test } from 'vitest';
import { sweepOnce } from '../../src/duty/sweep.ts';
import { acknowledgeTicket } from '../../src/escalation/ticket-acts.ts';
import { runPrivateNoticesOnce } from '../../src/telegram/sending/notice-sender.ts';
import { runSenderOnce } from '../../src/telegram/sending/sender.ts';
import { createTestDatabase } from '../database.ts';
import { ANN, BEN, callsOf, openTicket, seedDuty } from '../duty/duty-room.ts';
import { CHAT, createSenderHarness, type Harness } from './sender-harness.ts';

const { db } = await createTestDatabase();
const MINUTE = 60_000;
let chat: Harness;

beforeEach(async () => {
  chat = await createSenderHarness(db);
  await seedDuty(db);
  chat.telegram.startPrivate(ANN);
  chat.telegram.startPrivate(BEN);
  // The harness begins on Sunday at noon, when it is Ben's turn.
});

const say = async () => {
  await sweepOnce({ db }, chat.now());
  await runPrivateNoticesOnce(chat.deps);
  await runSenderOnce(chat.deps);
};
const inGroup = () => chat.texts().filter((text) => text.startsWith('📟'));
const toBen = () => chat.texts(BEN).filter((text) => text.startsWith('📟'));

test('the on-call is told in private what it is, with the buttons to take it and to look at it', async () => {
  const id = await openTicket(db, 'P1', chat.now());
  await say();
  expect(toBen()).toEqual([
    expect.stringMatching(new RegExp(`P1 · T-${id} needs you\n.*acme → activation: E\\d+\nnobody has it yet`)),
  ]);
  const page = chat.telegram.messages(BEN).at(-1)!;
  expect(page.buttons.flat().map(({ text }) => text)).toEqual(['👀 Acknowledge', '🔍 Inspect']);
  expect(await callsOf(db, id)).toMatchObject([{ person: BEN, state: 'delivered' }]);
  expect(inGroup()).toEqual([]);
});

test('all that a person is called to in a minute is one message, corrected as more comes', async () => {
  for (let n = 0; n < 12; n += 1) await openTicket(db, 'P2', chat.now());
  await say();
  await openTicket(db, 'P2', chat.now());
  chat.pass(5_000);
  await say();
  expect(toBen()).toHaveLength(1);
  expect(toBen()[0]).toContain('13 tickets need you');
  expect(toBen()[0]!.split('\n').length).toBe(15);
});

test('the next minute is another message', async () => {
  await openTicket(db, 'P2', chat.now());
  await say();
  chat.pass(MINUTE);
  await openTicket(db, 'P2', chat.now());
  await say();
  expect(toBen()).toHaveLength(2);
});

test.each([
  ['has blocked the bot', () => chat.telegram.blockBy(BEN)],
  ['is gone', () => chat.telegram.deactivate(BEN)],
])('when the on-call %s the group is told, by name, and the next call goes there at once', async (_, happen) => {
  happen();
  const id = await openTicket(db, 'P1', chat.now());
  await say();
  await say();
  expect(inGroup()).toHaveLength(1);
  expect(inGroup()[0]).toContain('Ben: you are called.');
  expect(inGroup()[0]).toContain(`P1 T-${id}`);
  expect(await callsOf(db, id)).toMatchObject([{ person: BEN, state: 'fell_back' }]);
  chat.pass(5 * MINUTE);
  await say();
  expect(inGroup()).toHaveLength(2);
  expect(toBen()).toEqual([]);
});

test('a process that ends before the group was called leaves the call to the next', async () => {
  chat.telegram.blockBy(BEN);
  const id = await openTicket(db, 'P1', chat.now());
  await sql`create function die() returns trigger language plpgsql as $$ begin raise exception 'killed'; end $$`.execute(
    db,
  );
  await sql`create trigger killed before update on page execute function die()`.execute(db);
  await sweepOnce({ db }, chat.now());
  await runPrivateNoticesOnce(chat.deps).catch(() => {});
  await sql`drop function die cascade`.execute(db);
  chat.pass(MINUTE);
  await say();
  await say();
  expect(await callsOf(db, id)).toMatchObject([{ person: BEN, state: 'fell_back' }]);
  expect(inGroup()).toEqual([expect.stringContaining('Ben: you are called.')]);
});

test('the group is told in one message of everybody who cannot be reached, and whom it names is rung', async () => {
  await db.updateTable('person').set({ private_chat: false }).execute();
  const id = await openTicket(db, 'P1', chat.now());
  for (let n = 0; n < 3; n += 1) await openTicket(db, 'P2', chat.now());
  await say();
  chat.pass(20 * MINUTE);
  await say();
  const messages = chat.telegram.messages(CHAT).filter(({ text }) => text.startsWith('📟'));
  const message = messages.findLast(({ text }) => text.includes(`P1 T-${id}`))!;
  expect(message.text).toContain('Ann, Ben, Cara: you are called.');
  expect(messages.filter(({ text }) => text.includes('Ann, Ben, Cara'))).toHaveLength(1);
  expect(message.entities.filter(({ type }) => type === 'text_mention' || type === 'text_link')).toHaveLength(3);
});

test('a P1 rings in the group as well, though a lesser ticket has called there in the same minute', async () => {
  await db.updateTable('person').set({ private_chat: false }).execute();
  const lesser = await openTicket(db, 'P2', chat.now());
  await say();
  await say();
  expect(inGroup()).toEqual([expect.stringContaining(`P2 T-${lesser}`)]);
  chat.pass(5_000);
  const id = await openTicket(db, 'P1', chat.now());
  await say();
  await say();
  expect(inGroup()).toHaveLength(2);
  expect(inGroup()[1]).toContain(`P1 T-${id}`);
});

test('a page that is late says what is true when it is read', async () => {
  const id = await openTicket(db, 'P1', chat.now());
  await sweepOnce({ db }, chat.now());
  await acknowledgeTicket(db, {
    ticketId: id,
    actor: { personId: ANN, name: 'Ann' },
    seenRevision: null,
    commandId: `late${id}`,
  });
  await runPrivateNoticesOnce(chat.deps);
  expect(toBen()[0]).toContain('Ann has it');
});

test('while Telegram is away pages wait, and come once when it is back', async () => {
  chat.telegram.down();
  const id = await openTicket(db, 'P1', chat.now());
  for (let n = 0; n < 20; n += 1) {
    await sweepOnce({ db }, chat.now());
    await runPrivateNoticesOnce(chat.deps);
    chat.pass(1_000);
  }
  chat.telegram.up();
  chat.pass(10_000);
  await say();
  expect(toBen()).toHaveLength(1);
  expect(await callsOf(db, id)).toMatchObject([{ person: BEN, state: 'delivered' }]);
});
