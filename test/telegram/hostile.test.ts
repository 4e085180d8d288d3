import type { Update } from '@grammyjs/types';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { TICKET_ACTIONS } from '../../src/telegram/buttons/button-data.ts';
import { listCommandNames } from '../../src/telegram/commands/registry.ts';
import { storeUpdates } from '../../src/telegram/incoming/inbox-store.ts';
import { ANN, BEN, createChatRoom, ENGINEERING_CHAT_ID as GROUP, VIC } from './chat-room.ts';

vi.setConfig({ testTimeout: 60_000 });
const chat = await createChatRoom();
const { db, seedTicket, showCard, telegram, settle } = chat;

/** Beyond four bytes, beyond what is exact in JavaScript, and more than eight bytes hold. */
const HUGE = ['2147483648', '999999999999999', '9999999999999999999'];
const REVISIONS = ['0', '999999999999999'];
const HASH = 'A'.repeat(22);

/** Somebody’s own program may send any bytes as the data of a button. */
const madeUpData = (ticketId: number): string[] => [
  ...[...HUGE, String(ticketId)].flatMap((id) => [
    ...TICKET_ACTIONS.flatMap((action) => REVISIONS.map((revision) => `t:${id}:${action}:${revision}`)),
    ...['trip', 'hold', 'reset', 'release'].map((order) => `b:${id}:${order}:999999999999999`),
    ...['approve', 'refuse', 'glass', 'review', 'reconcile', 'revert'].map((action) => `o:${id}:${action}:${HASH}`),
    `h:${id}:999999999999999:999999999999999`,
    `h:${id}:${VIC}:0`,
    `g:${id}:999999999:99`,
    `g:${id}:0:cancel`,
  ]),
  'p:retry:acme:\u0000',
  'p:retry:acme:‮tx\n1',
  `p:retry:a${'b'.repeat(20)}:${'💥'.repeat(8)}`,
  '',
  '\u0000',
];

const human = (id: number) => ({ id, is_bot: false, first_name: 'N\n‮ame 👩‍💻' });
const groupChat = { id: GROUP, type: 'supergroup', title: 'Engineering' };
const privateChat = (id: number) => ({ id, type: 'private', first_name: 'x' });
let callbacks = 0;
const press = (who: number, data: string, message: object) => {
  callbacks += 1;
  return { callback_query: { id: `made-up-${callbacks}`, from: human(who), chat_instance: '1', data, message } };
};
let messages = 500_000;
const said = (who: number, text: string, where: object = privateChat(who)) => {
  messages += 1;
  return { message: { message_id: messages, date: 1, chat: where, from: human(who), text } };
};

async function troubled(): Promise<unknown[]> {
  return db
    .selectFrom('telegram_update')
    .select(['update_id', 'kind', 'state', 'failures', 'error', 'payload'])
    .where((eb) => eb.or([eb('failures', '>', 0), eb('state', '=', 'dead')]))
    .execute();
}

/** As they come from Telegram, one after the other. */
let updates = 700_000_000;
async function deliver(contents: object[]): Promise<void> {
  await storeUpdates(
    db,
    contents.map((content) => ({ update_id: ++updates, ...content }) as Update),
  );
  await vi.waitFor(
    async () => {
      const waiting = db.selectFrom('telegram_update').select('update_id').where('state', '=', 'pending');
      expect(await waiting.execute()).toEqual([]);
    },
    { timeout: 50_000, interval: 50 },
  );
  await settle();
}

let ticketId = 0;
let card = 0;
beforeAll(async () => {
  for (const person of [ANN, BEN, VIC]) telegram().startPrivate(person);
  ({ ticketId } = await seedTicket(2));
  card = await showCard(ticketId);
});

describe('a button with made-up data', () => {
  test.each([
    ['an admin', BEN],
    ['a viewer', VIC],
  ])('is answered and fails nothing, pressed by %s', async (_, who) => {
    const bot = { id: telegram().bot.id, is_bot: true, first_name: 'b' };
    const inGroup = { message_id: card, date: 1, chat: groupChat, from: bot };
    const inPrivate = { message_id: 3, date: 1, chat: privateChat(who), from: bot };
    const presses = madeUpData(ticketId).flatMap((data) => [press(who, data, inGroup), press(who, data, inPrivate)]);
    await deliver(presses);
    expect(await troubled()).toEqual([]);
  });
});

const NASTY = [
  '',
  'T-999999999999999',
  '999999999999999',
  '9999999999999999999',
  '2147483648 into 2147483649',
  'T-1 P2 ‮evil',
  '‮\u0000\n\n👩‍💻'.repeat(50),
  'x'.repeat(4_090),
  '💥'.repeat(2_000),
  'trip activation 9999999d because',
  'hold activation 9999999d because',
  'me until 99:99',
  'me 9999999d',
  'me 2026-99-99 09:00 2h',
  'cancel 999999999999999',
  'rotation 1 Ann daily 09:00 Mars/Olympus',
  'rotation 1 Ann every 0 days 09:00',
  'rotation 1 Ann weekly 09:00 +99:99',
  'rotation 1 , daily 09:00',
  'rotation 1 Ann daily 09:00 UTC from 9999-99-99',
  'hours Mon-Fri 09:00-18:00 Mars/Olympus',
  'P1 call 9999999d 1',
  'P1 lapse 9999999d',
  'P1 resolve 0.5m',
  'P1 rounds 99 then 60d',
  'set Ann king',
  'remove ‮',
  "'; drop table ticket; --",
];

describe('words nobody meant', () => {
  test('behind every command are answered and fail nothing', async () => {
    const names = listCommandNames().filter((name) => name !== 'stats' && !/freeze/.test(name));
    await deliver(
      names.flatMap((name) =>
        NASTY.flatMap((args, n) => [
          said(BEN, `/${name} ${args}`),
          // The group reads the same words by the same code, and mostly leads into private.
          ...(n % 7 === 1 ? [said(ANN, `/${name} ${args}`, groupChat)] : []),
        ]),
      ),
    );
    expect(await troubled()).toEqual([]);
  });

  test('as a reason of 4,096 characters are cut and fail nothing', async () => {
    const reason = `${'x'.repeat(2_000)}${'💥'.repeat(1_000)}`;
    await deliver([
      said(BEN, `/severity T-${ticketId} P2 ${reason}`),
      said(BEN, `/note T-${ticketId} ${reason}`),
      said(BEN, `/breaker trip activation 30m ${reason}`),
      said(BEN, `/resolve T-${ticketId} ${reason}`),
      said(BEN, `/freeze ${reason}`),
      said(BEN, `/freeze off`),
    ]);
    expect(await troubled()).toEqual([]);
    const longest = await db.selectFrom('ticket_log').select('text').where('ticket_id', '=', ticketId).execute();
    expect(Math.max(...longest.map(({ text }) => Array.from(text).length))).toBeLessThan(600);
  });

  test('in a link, which anybody can write, are answered and fail nothing', async () => {
    const payloads = ['r_AAAA', 'r_gICA', 'r_7aCA', 'o_999999999999999', `inv_${'_'.repeat(58)}`];
    await deliver(payloads.map((payload) => said(BEN, `/start ${payload}`)));
    expect(await troubled()).toEqual([]);
  });
});
