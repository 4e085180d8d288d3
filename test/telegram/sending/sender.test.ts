import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { acquireLease } from '../../../src/platform/lease.ts';
import { adoptMessage } from '../../../src/telegram/cards/card-store.ts';
import { runSenderOnce } from '../../../src/telegram/sending/sender.ts';
import { CALL_TIMEOUT_MS } from '../../../src/telegram/sending/sender-call.ts';
import { findChatState, findCurrentChatId } from '../../../src/telegram/sending/sender-chat-store.ts';
import { SENDER_LEASE_MS } from '../../../src/telegram/sending/sender-lane.ts';
import { createTestDatabase } from '../../database.ts';
import {
  acknowledge,
  CHAT,
  cardRow,
  createSenderHarness,
  failAgain,
  failDifferently,
  isCard,
  reopen,
  resolve,
} from '../sender-harness.ts';

const { db } = await createTestDatabase();
const SECOND = 1_000;
const MINUTE = 60_000;

test('an open ticket gets one card, and looking again sends nothing', async () => {
  const chat = await createSenderHarness(db);
  const id = await chat.openTicket();
  expect(await chat.run()).toMatchObject({ shown: 1, edited: 0, nextAt: null });
  expect(await chat.run()).toMatchObject({ shown: 0, edited: 0 });
  expect(chat.cards().map((card) => card.text.split('\n')[0])).toEqual([`P2 · UNACKNOWLEDGED · T-${id}`]);
  expect(chat.sends()).toBe(1);
});

test('the gravest of several tickets is shown first', async () => {
  const chat = await createSenderHarness(db);
  for (const severity of ['P4', 'P2', 'P1', 'P3']) await chat.openTicket({ severity });
  await chat.run();
  expect(chat.cards().map((card) => card.text.slice(0, 2))).toEqual(['P1', 'P2', 'P3', 'P4']);
});

test('the delay of a card is measured from the opening of its ticket, once', async () => {
  const chat = await createSenderHarness(db);
  const id = await chat.openTicket();
  chat.pass(700);
  await chat.run();
  await acknowledge(db, id);
  await chat.run();
  const { values } = await chat.metrics.cardDelaySeconds.get();
  expect(values.find((value) => value.metricName?.endsWith('_sum'))?.value).toBeCloseTo(0.7);
  expect(values.find((value) => value.metricName?.endsWith('_count'))?.value).toBe(1);
});

test('another replica’s lease keeps this one silent, and its end lets it speak', async () => {
  const chat = await createSenderHarness(db);
  await chat.openTicket();
  await acquireLease(db, { name: `sender:${CHAT}`, holder: 'replica-2', ttlMs: 60_000 });
  expect(await chat.run()).toMatchObject({ shown: 0, nextAt: null });
  expect(chat.sends()).toBe(0);
  await sql`update lease set expires_at = '-infinity'`.execute(db);
  expect(await chat.run()).toMatchObject({ shown: 1 });
});

test('ten thousand failures of one cause are one message and at most six edits a minute', async () => {
  const chat = await createSenderHarness(db);
  const id = await chat.openTicket();
  await chat.runFor(2 * MINUTE, SECOND, () => failDifferently(db, id, 84));
  expect(chat.sends()).toBe(1);
  const editedAt = chat.telegram.requestsOf('editMessageText').map((request) => request.atMs);
  expect(editedAt).toHaveLength(10);
  for (const from of editedAt) {
    expect(editedAt.filter((at) => at >= from && at <= from + MINUTE).length).toBeLessThanOrEqual(6);
  }
  await chat.runFor(MINUTE, SECOND);
  expect(chat.cards()[0]?.text).toContain('10,000+ payments');
  expect(chat.telegram.refusals).toEqual([]);
});

test('in a storm what a person did is drawn at once', async () => {
  const chat = await createSenderHarness(db);
  const id = await chat.openTicket();
  await chat.runFor(15 * SECOND, 500, () => failAgain(db, id, 10));
  await acknowledge(db, id);
  await failAgain(db, id, 10);
  expect(await chat.run()).toMatchObject({ edited: 1 });
  expect(chat.cards()[0]?.text).toContain('ACKNOWLEDGED');
  expect(chat.cards()[0]?.text).toContain('owner Ann');
});

test('without a person’s act a card that was just drawn waits eleven seconds', async () => {
  const chat = await createSenderHarness(db);
  const id = await chat.openTicket();
  await chat.run();
  await failAgain(db, id, 30);
  const { edited, nextAt } = await chat.run();
  expect(edited).toBe(0);
  expect(nextAt).toEqual(new Date(chat.now().getTime() + 11 * SECOND));
  chat.pass(11 * SECOND);
  expect(await chat.run()).toMatchObject({ edited: 1 });
});

test('a change that would look the same is not sent', async () => {
  const chat = await createSenderHarness(db);
  const id = await chat.openTicket({ failures: 25 });
  await chat.run();
  await failAgain(db, id, 1);
  chat.pass(11 * SECOND);
  expect(await chat.run()).toMatchObject({ edited: 0, unchanged: 1 });
  expect(chat.edits()).toBe(0);
});

test('what changes while a card is being drawn stays to be drawn', async () => {
  const chat = await createSenderHarness(db);
  const id = await chat.openTicket();
  chat.telegram.fault({ kind: 'slow', delayMs: 150, method: 'sendMessage' });
  const running = chat.run();
  await expect.poll(() => chat.sends()).toBe(1);
  await acknowledge(db, id);
  expect(await running).toMatchObject({ shown: 1, edited: 1 });
  expect(chat.cards()[0]?.text).toContain('ACKNOWLEDGED');
});

test('a resolved ticket’s card says so, and is not touched again', async () => {
  const chat = await createSenderHarness(db);
  const id = await chat.openTicket();
  await chat.run();
  await resolve(db, id);
  chat.pass(11 * SECOND);
  expect(await chat.run()).toMatchObject({ edited: 1 });
  expect(chat.cards()[0]?.text).toContain('RESOLVED');
  expect(
    chat
      .cards()[0]
      ?.buttons.flat()
      .map((button) => button.text),
  ).toContain('↩️ Reopen');
  chat.pass(MINUTE);
  expect(await chat.run()).toMatchObject({ edited: 0, unchanged: 0 });
});

test('a ticket resolved before its card could be sent gets none, and gets one when it opens again', async () => {
  const chat = await createSenderHarness(db);
  const id = await chat.openTicket();
  await resolve(db, id);
  await chat.run();
  expect(chat.cards()).toEqual([]);
  await reopen(db, id);
  expect(await chat.run()).toMatchObject({ shown: 1 });
});

test('a ticket that is reopened and resolved again between two looks ends as resolved in the chat', async () => {
  const chat = await createSenderHarness(db);
  const id = await chat.openTicket();
  await chat.run();
  await resolve(db, id);
  chat.pass(11 * SECOND);
  await chat.run();
  await reopen(db, id);
  await resolve(db, id);
  chat.pass(11 * SECOND);
  expect(await chat.run()).toMatchObject({ edited: 1 });
  expect(
    chat
      .cards()[0]
      ?.buttons.flat()
      .map((button) => button.data),
  ).toContain(`t:${id}:reopen:4`);
});

test('flood control stops the chat for as long as Telegram says, whoever sends, and not longer', async () => {
  const chat = await createSenderHarness(db);
  await chat.openTicket();
  chat.telegram.fault({ kind: '429', retryAfterSeconds: 30, method: 'sendMessage' });
  await chat.run();
  chat.pass(29 * SECOND);
  expect(await chat.run()).toMatchObject({ shown: 0 });
  await acquireLeaseAs('replica-2');
  expect(await runSenderOnce({ ...chat.deps, holder: 'replica-2' })).toMatchObject({ shown: 0 });
  expect(chat.sends()).toBe(1);
  expect(await findChatState(db, CHAT, chat.now())).toMatchObject({ state: 'paused' });
  chat.pass(2 * SECOND);
  expect(await runSenderOnce({ ...chat.deps, holder: 'replica-2' })).toMatchObject({ shown: 1 });
});

async function acquireLeaseAs(holder: string): Promise<void> {
  await sql`update lease set holder = ${holder}`.execute(db);
}

test('an answer that is lost leaves a second card at most, and the ticket knows one of them', async () => {
  const chat = await createSenderHarness(db);
  const id = await chat.openTicket();
  chat.telegram.fault({ kind: 'cut-after-store', method: 'sendMessage' });
  await chat.runFor(MINUTE, SECOND);
  expect(chat.cards()).toHaveLength(2);
  await acknowledge(db, id);
  await chat.run();
  expect(chat.cards().filter((card) => card.text.includes('ACKNOWLEDGED · T-'))).toHaveLength(2);
  expect(chat.cards().filter((card) => card.text.includes('UNACKNOWLEDGED'))).toHaveLength(1);
});

test('when every answer is lost a card is repeated once, and then once a minute', async () => {
  const chat = await createSenderHarness(db);
  const id = await chat.openTicket();
  chat.telegram.fault({ kind: 'cut-after-store', method: 'sendMessage', times: Number.POSITIVE_INFINITY });
  await chat.runFor(MINUTE, SECOND);
  expect(chat.cards()).toHaveLength(2);
  await chat.runFor(MINUTE, SECOND);
  expect(chat.cards()).toHaveLength(3);
  expect(await cardRow(db, id)).toMatchObject({ message_id: null, sends_in_doubt: 3 });
});

test('a card whose answer was lost is adopted by a press on it, and edited from then on', async () => {
  const chat = await createSenderHarness(db);
  const id = await chat.openTicket();
  chat.telegram.fault({ kind: 'cut-after-store', method: 'sendMessage' });
  await chat.run();
  const [orphan] = chat.cards();
  await adoptMessage(db, id, CHAT, orphan!.messageId);
  await acknowledge(db, id);
  chat.pass(MINUTE);
  await chat.run();
  expect(chat.cards()).toHaveLength(1);
  expect(chat.cards()[0]?.text).toContain('owner Ann');
});

test('a press on an older card does not replace the card that is known', async () => {
  const chat = await createSenderHarness(db);
  const id = await chat.openTicket();
  await chat.run();
  await adoptMessage(db, id, CHAT, 999);
  expect((await cardRow(db, id))?.message_id).toBe(chat.cards()[0]?.messageId);
});

test('a ticket resolved while its only card may or may not have been sent ends as resolved in the chat', async () => {
  const chat = await createSenderHarness(db);
  const id = await chat.openTicket();
  chat.telegram.fault({ kind: 'cut-after-store', method: 'sendMessage' });
  await chat.run();
  await resolve(db, id);
  await chat.runFor(5 * SECOND, 500);
  expect(chat.cards().at(-1)?.text).toContain('RESOLVED');
});

test('a card that somebody deleted is sent again and edited under its new id', async () => {
  const chat = await createSenderHarness(db);
  const id = await chat.openTicket();
  await chat.run();
  chat.telegram.deleteMessage(CHAT, chat.cards()[0]!.messageId);
  await acknowledge(db, id);
  await chat.run();
  expect(chat.cards().filter((card) => !card.isDeleted)).toHaveLength(1);
  expect((await cardRow(db, id))?.message_id).toBe(chat.cards().at(-1)?.messageId);
});

test('Telegram saying that nothing changed counts as drawn', async () => {
  const chat = await createSenderHarness(db);
  const id = await chat.openTicket();
  await chat.run();
  await acknowledge(db, id);
  chat.telegram.fault({ kind: 'error', refusal: 'messageIsNotModified', method: 'editMessageText' });
  expect(await chat.run()).toMatchObject({ edited: 1, failed: 0 });
  expect((await cardRow(db, id))?.shown_revision).toBe(2);
});

test('with Telegram away tries are at most ten seconds apart, put nothing into the chat, and the cards catch up', async () => {
  const chat = await createSenderHarness(db);
  const shown = await chat.openTicket();
  await chat.run();
  chat.telegram.down();
  await acknowledge(db, shown);
  await chat.openTicket({ severity: 'P1' });
  await chat.runFor(MINUTE, 250);
  expect(await findChatState(db, CHAT, chat.now())).toMatchObject({ state: 'failing' });
  const tries = chat.telegram.requests.map((request) => request.atMs).slice(1);
  expect(gapMax(tries)).toBeLessThanOrEqual(10 * SECOND);
  chat.telegram.up();
  chat.pass(2 * SECOND);
  expect(await chat.run()).toMatchObject({ shown: 1, edited: 1 });
  expect(chat.cards().map((card) => card.text.split('\n')[0])).toEqual([
    `P2 · ACKNOWLEDGED · T-${shown}`,
    expect.stringMatching(/^P1 · UNACKNOWLEDGED/),
  ]);
  expect(await findChatState(db, CHAT, chat.now())).toEqual({ state: 'ok', detail: null });
});

function gapMax(times: number[]): number {
  return Math.max(...times.slice(1).map((at, i) => at - times[i]!));
}

test('a call that gets no answer is given up before the lease ends, and the card is not sent a third time', async () => {
  const chat = await createSenderHarness(db);
  await chat.openTicket();
  const deps = { ...chat.deps, callTimeoutMs: 50 };
  chat.telegram.fault({ kind: 'hang', method: 'sendMessage' });
  expect(await runSenderOnce(deps)).toMatchObject({ shown: 0, failed: 1 });
  chat.pass(SECOND);
  expect(await runSenderOnce(deps)).toMatchObject({ shown: 1 });
  expect(CALL_TIMEOUT_MS).toBeLessThan(SENDER_LEASE_MS);
});

test('an outage costs none of the budget it could not use', async () => {
  const chat = await createSenderHarness(db);
  await chat.openTicket();
  chat.telegram.fault({ kind: '429', retryAfterSeconds: 1, method: 'sendMessage', times: 5 });
  await chat.runFor(10 * SECOND, 250);
  expect(chat.cards()).toHaveLength(1);
  const { rows } = await sql<{ n: number }>`select count(*) as n from chat_spending`.execute(db);
  expect(rows[0]?.n).toBe(1);
});

test('a group that becomes a supergroup gets its open tickets under the new id, also after a restart', async () => {
  const chat = await createSenderHarness(db);
  const group = chat.telegram.addChat({ id: -4711, type: 'group', title: 'Basic', botStatus: 'administrator' });
  const deps = { ...chat.deps, configuredChatId: group.id };
  const open = await chat.openTicket();
  const done = await chat.openTicket();
  await runSenderOnce(deps);
  await resolve(db, done);
  chat.pass(11 * SECOND);
  await runSenderOnce(deps);
  const supergroupId = chat.telegram.migrateGroup(group.id);
  await acknowledge(db, open);
  await runSenderOnce(deps);
  expect(await findCurrentChatId(db, group.id)).toBe(supergroupId);
  expect(chat.cards(supergroupId).map((card) => card.text.split('\n')[0])).toEqual([`P2 · ACKNOWLEDGED · T-${open}`]);
  await acknowledge(db, open);
  await runSenderOnce({ ...deps, holder: deps.holder });
  expect(chat.cards(supergroupId)).toHaveLength(1);
});

test.each([
  ['kicked', 'bot was kicked from the supergroup chat'],
  ['removed', 'bot is not a member of the supergroup chat'],
] as const)(
  'a chat the bot was %s from is left alone, looked at each minute, and filled when it is back',
  async (how, reason) => {
    const chat = await createSenderHarness(db);
    await chat.openTicket();
    if (how === 'kicked') chat.telegram.kickBot(CHAT);
    else chat.telegram.removeBot(CHAT);
    await chat.run();
    expect(await findChatState(db, CHAT, chat.now())).toEqual({ state: 'broken', detail: reason });
    chat.telegram.clearLog();
    await chat.runFor(3 * MINUTE, 5 * SECOND);
    expect(chat.telegram.requests.length).toBeLessThanOrEqual(3);
    chat.telegram.addBot(CHAT);
    chat.pass(MINUTE);
    expect(await chat.run()).toMatchObject({ shown: 1 });
    expect(await findChatState(db, CHAT, chat.now())).toMatchObject({ state: 'ok' });
  },
);

test('a right the bot lacks is named as the reason', async () => {
  const chat = await createSenderHarness(db);
  await chat.openTicket();
  chat.telegram.fault({
    kind: 'error',
    code: 400,
    description: 'Bad Request: not enough rights to send text messages to the chat',
    method: 'sendMessage',
  });
  await chat.run();
  expect(await findChatState(db, CHAT, chat.now())).toEqual({
    state: 'broken',
    detail: 'the bot lacks the right to send text messages to the chat',
  });
});

test('an error nobody has seen is counted, delays its own card alone, and the card comes through plainer', async () => {
  const chat = await createSenderHarness(db);
  const id = await chat.openTicket({ severity: 'P1' });
  await chat.openTicket();
  chat.telegram.fault({ kind: 'error', code: 400, description: 'Bad Request: SOMETHING_NEW', method: 'sendMessage' });
  await chat.run();
  expect(chat.cards()).toHaveLength(1);
  expect((await cardRow(db, id))?.error).toContain('SOMETHING_NEW');
  const { values } = await chat.metrics.telegramUnknownErrors.get();
  expect(values.map(({ labels, value }) => ({ ...labels, value }))).toEqual([
    { method: 'sendMessage', code: '400', value: 1 },
  ]);
  chat.pass(2 * SECOND);
  await chat.run();
  expect(chat.cards().at(-1)?.text).toContain(`T-${id}`);
});

test.each([
  ['entities', "can't parse entities: expected an Object"],
  ['buttons', 'BUTTON_DATA_INVALID'],
  ['length', 'message is too long'],
])('a card refused for its %s is sent plainer at once', async (_what, description) => {
  const chat = await createSenderHarness(db);
  await chat.openTicket();
  chat.telegram.fault({ kind: 'error', code: 400, description: `Bad Request: ${description}`, method: 'sendMessage' });
  expect(await chat.run()).toMatchObject({ failed: 1, shown: 1 });
  expect(chat.cards()[0]?.entities.filter((entity) => entity.type === 'bold')).toEqual([]);
});

test('a topic that is gone does not keep a card out of the chat', async () => {
  const chat = await createSenderHarness(db);
  await chat.openTicket();
  chat.telegram.enableTopics(CHAT);
  expect(await runSenderOnce({ ...chat.deps, threadId: 77 })).toMatchObject({ shown: 1 });
  expect(chat.cards()[0]?.threadId).toBeUndefined();
});

test('forty tickets at once: each stands in the chat within two minutes, on its own or on the digest, and the budget holds', async () => {
  const chat = await createSenderHarness(db);
  const ids: number[] = [];
  for (let i = 0; i < 40; i++) ids.push(await chat.openTicket({ errorFamily: `HTTP ${500 + i}` }));
  await chat.run();
  const said = chat.texts().join('\n');
  expect(ids.filter((id) => !said.includes(`T-${id}`))).toEqual([]);
  expect(chat.cards()).toHaveLength(4);
  expect(chat.texts().filter((text) => text.startsWith('⛈ Storm: 36 more tickets'))).toHaveLength(1);
  await chat.runFor(12 * MINUTE, 5 * SECOND);
  expect(chat.cards()).toHaveLength(40);
  expect(chat.texts()).toHaveLength(41);
  expect(chat.telegram.refusals).toEqual([]);
});

test('tickets that open one after another get their own cards while the budget lasts', async () => {
  const chat = await createSenderHarness(db);
  for (let i = 0; i < 10; i++) {
    await chat.openTicket();
    await chat.run();
    chat.pass(SECOND);
  }
  expect(chat.cards()).toHaveLength(10);
  await chat.openTicket();
  await chat.run();
  expect(chat.cards()).toHaveLength(10);
  expect(chat.texts().at(-1)).toContain('⛈ Storm: 1 more ticket');
});

test('a storm of small tickets does not keep a grave one from its card', async () => {
  const chat = await createSenderHarness(db);
  for (let i = 0; i < 40; i++) await chat.openTicket({ severity: 'P3' });
  await chat.run();
  const grave = await chat.openTicket({ severity: 'P1' });
  await chat.run();
  expect(chat.cards().at(-1)?.text).toContain(`P1 · UNACKNOWLEDGED · T-${grave}`);
});

test('two hundred and ten tickets in a minute stand in the chat within two minutes', async () => {
  const chat = await createSenderHarness(db);
  const ids: number[] = [];
  await chat.runFor(MINUTE, 2 * SECOND, async () => {
    for (let i = 0; i < 7; i++) ids.push(await chat.openTicket({ severity: i < 3 ? 'P1' : 'P4' }));
  });
  await chat.runFor(MINUTE, 2 * SECOND);
  const said = chat.texts().join('\n');
  expect(ids).toHaveLength(210);
  expect(ids.filter((id) => !new RegExp(`T-${id}\\b`).test(said))).toEqual([]);
  expect(chat.telegram.refusals).toEqual([]);
});

test('every message in the chat is a card, a digest or nothing', async () => {
  const chat = await createSenderHarness(db);
  const id = await chat.openTicket();
  await chat.run();
  await acknowledge(db, id);
  await chat.run();
  expect(chat.telegram.messages(CHAT).every(isCard)).toBe(true);
});
