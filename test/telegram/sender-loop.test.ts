import { expect, onTestFinished, test } from 'vitest';
import { ANN } from '../../sandbox/telegram/world.ts';
import { putNotice } from '../../src/notice/notice-store.ts';
import type { WakeTopic } from '../../src/platform/wake.ts';
import { startSender } from '../../src/telegram/sending/sender.ts';
import { createTestDatabase } from '../database.ts';
import { CHAT, createSenderHarness, failAgain, type Harness, isCard } from './sender-harness.ts';

const { db } = await createTestDatabase();

function createWake() {
  const listeners = new Set<() => void>();
  const wake = (_topic: WakeTopic) => {
    for (const listener of listeners) listener();
  };
  return Object.assign(wake, {
    on: (_topic: WakeTopic, listener: () => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    listeners,
  });
}

function start(chat: Harness, options: { configuredChatId?: number | null; holder?: string } = {}) {
  const wake = createWake();
  const sender = startSender({
    ...chat.deps,
    clock: { now: () => new Date() },
    configuredChatId: CHAT,
    wake,
    ...options,
  });
  onTestFinished(() => sender.stop());
  return { sender, wake };
}

test('a card stands in the chat within a second of a ticket that nobody announced', async () => {
  const chat = await createSenderHarness(db);
  start(chat);
  await chat.openTicket();
  await chat.telegram.waitForMessage(CHAT, isCard, 1_000);
});

test('a wake brings the card without waiting for the next look', async () => {
  const chat = await createSenderHarness(db);
  const { wake } = start(chat);
  await expect.poll(async () => db.selectFrom('lease').select('name').execute()).toHaveLength(2);
  await chat.openTicket();
  wake('card');
  await chat.telegram.waitForMessage(CHAT, isCard, 300);
});

test('wakes by the hundred bring one card', async () => {
  const chat = await createSenderHarness(db);
  const { wake } = start(chat);
  const id = await chat.openTicket();
  for (let i = 0; i < 300; i++) wake('card');
  await chat.telegram.waitForMessage(CHAT, isCard, 1_000);
  await failAgain(db, id, 1);
  wake('card');
  expect(chat.sends()).toBe(1);
});

test('two replicas send one card, and when the first stops the second goes on at once', async () => {
  const chat = await createSenderHarness(db);
  const first = start(chat, { holder: 'replica-1' });
  start(chat, { holder: 'replica-2' });
  await chat.openTicket();
  await chat.telegram.waitForMessage(CHAT, isCard, 1_000);
  await first.sender.stop();
  const next = await chat.openTicket();
  await chat.telegram.waitForMessage(CHAT, (message) => message.text.includes(`T-${next}`), 2_000);
  expect(chat.sends()).toBe(2);
});

test('a stopped sender listens no more and sends no more', async () => {
  const chat = await createSenderHarness(db);
  const { sender, wake } = start(chat);
  await sender.stop();
  expect(wake.listeners.size).toBe(0);
  await chat.openTicket();
  wake('card');
  expect(chat.sends()).toBe(0);
});

test('without an engineering chat people are still told in private', async () => {
  const chat = await createSenderHarness(db);
  chat.telegram.startPrivate(ANN);
  start(chat, { configuredChatId: null });
  await putNotice(db, { key: 'to ann', kind: 'text', personId: ANN, body: { text: 'hello' } });
  await chat.telegram.waitForMessage(ANN, (message) => message.text === 'hello', 1_000);
  await chat.openTicket();
  expect(chat.texts()).toEqual([]);
});

test('the rights the bot lacks are known soon after the start', async () => {
  const chat = await createSenderHarness(db);
  chat.telegram.setBotRights(CHAT, { can_pin_messages: false });
  const { sender } = start(chat);
  await expect.poll(() => sender.missingRights()).toEqual(['can_pin_messages']);
});

test('stopping does not wait for what is still to be drawn', async () => {
  const chat = await createSenderHarness(db);
  for (let i = 0; i < 4; i++) await chat.openTicket();
  chat.telegram.fault({ kind: 'slow', delayMs: 200, method: 'sendMessage', times: 4 });
  const { sender } = start(chat);
  await expect.poll(() => chat.sends()).toBe(1);
  await sender.stop();
  expect(chat.sends()).toBe(1);
});
