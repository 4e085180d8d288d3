import { expect, test } from 'vitest';
import { ANN, BEN } from '../../../sandbox/telegram/world.ts';
import { putNotice } from '../../../src/notice/notice-store.ts';
import { tellStuckPages } from '../../../src/telegram/cards/stuck-pages.ts';
import { runPrivateNoticesOnce } from '../../../src/telegram/sending/notice-sender.ts';
import { createTestDatabase } from '../../database.ts';
import { createSenderHarness, type Harness } from '../sender-harness.ts';

const { db } = await createTestDatabase();
const SECOND = 1_000;

async function startChat() {
  const chat = await createSenderHarness(db);
  await db
    .insertInto('person')
    .values([
      { telegram_id: ANN, first_name: 'Ann', role: 'engineer', private_chat: true },
      { telegram_id: BEN, first_name: 'Ben', role: 'engineer', private_chat: false },
    ])
    .execute();
  chat.telegram.startPrivate(ANN);
  return chat;
}

const look = (chat: Harness) => tellStuckPages(chat.deps);
const privately = (chat: Harness) =>
  chat.telegram
    .messages(ANN)
    .filter((message) => message.from.isBot)
    .map((message) => message.text);

test('a grave card that the chat has not taken for a minute is told to the on-call in private, and the card says so when it comes', async () => {
  const chat = await startChat();
  chat.telegram.fault({ kind: '429', retryAfterSeconds: 180, method: 'sendMessage' });
  const id = await chat.openTicket({ severity: 'P1' });
  await chat.run();
  chat.pass(59 * SECOND);
  expect(await look(chat)).toBe(0);
  chat.pass(2 * SECOND);
  expect(await look(chat)).toBe(1);
  await runPrivateNoticesOnce(chat.deps);
  expect(privately(chat)).toEqual([expect.stringContaining(`🔴 P1 · T-${id}: acme → activation: HTTP 503`)]);
  expect(privately(chat)[0]).toContain(`/ticket T-${id}`);
  expect(await look(chat)).toBe(0);
  chat.pass(180 * SECOND);
  await chat.run();
  expect(chat.cards()[0]?.text).toMatch(/12:01 the chat took no card for a minute; told Ann in private/);
});

test('a card of a lower severity is not', async () => {
  const chat = await startChat();
  await chat.openTicket({ severity: 'P2' });
  chat.pass(120 * SECOND);
  expect(await look(chat)).toBe(0);
});

test('a card that stands in the chat is not, nor one on the storm card', async () => {
  const chat = await startChat();
  for (let i = 0; i < 40; i++) await chat.openTicket({ severity: 'P1' });
  await chat.run();
  chat.pass(120 * SECOND);
  expect(await look(chat)).toBe(0);
});

test('with nobody to be told it is looked for again, and told once there is somebody', async () => {
  const chat = await createSenderHarness(db);
  await chat.openTicket({ severity: 'P1' });
  chat.pass(120 * SECOND);
  expect(await look(chat)).toBe(0);
  await db.insertInto('person').values({ telegram_id: ANN, role: 'engineer', private_chat: true }).execute();
  expect(await look(chat)).toBe(1);
});

test('it overtakes what waits for the same person', async () => {
  const chat = await startChat();
  for (let i = 0; i < 250; i++)
    await putNotice(db, { key: `report ${i}`, kind: 'text', personId: ANN, body: { text: `report ${i}` } });
  await chat.openTicket({ severity: 'P1' });
  chat.pass(61 * SECOND);
  await look(chat);
  await runPrivateNoticesOnce(chat.deps);
  expect(privately(chat)[0]).toContain('🔴 P1');
});
