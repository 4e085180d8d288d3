import { beforeEach, describe, expect, test, vi } from 'vitest';
import { findTicket } from '../../src/escalation/ticket-query.ts';
import { storeUpdates } from '../../src/telegram/incoming/inbox-store.ts';
import { ANN, BEN, CARA, createChatRoom, ENGINEERING_CHAT_ID as GROUP, textOf, VIC } from './chat-room.ts';

vi.setConfig({ testTimeout: 20_000 });
let aheadMs = 0;
const clock = { now: () => new Date(Date.now() + aheadMs) };
const chat = await createChatRoom({ clock }, { asksForCodes: true });
const { open, ask, seedTicket, showCard, telegram, settle, db } = chat;

const STEP_MS = 30_000;
const MINUTE_MS = 60_000;
/** What their authenticator shows, by the bot's clock. */
const codeOf = (person: number, steps = 0) => telegram().code(person, Math.round(aheadMs / STEP_MS) + steps);
/** The answer to it, once everything that comes of it has come. */
const press = async (who: number, card: number, button: string) => {
  const text = await textOf(telegram().press(who, GROUP, card, button));
  await settle();
  return text;
};
const eventStates = async (ticketId: number) =>
  (await db.selectFrom('event').select('state').where('ticket_id', '=', ticketId).execute()).map(({ state }) => state);
const attempts = (action: string) =>
  db.selectFrom('audit').selectAll().where('action', '=', action).orderBy('id').execute();
const textsOf = (chatId: number) =>
  telegram()
    .messages(chatId)
    .map(({ text }) => text);
const notices = async () =>
  (await db.selectFrom('notice').select('body').execute()).map(({ body }) => String(body.text));

async function enroll(person: number): Promise<void> {
  const picture = await ask(person, person, '/enroll');
  expect(picture.photoFileId).toBeDefined();
  const answer = await ask(person, person, codeOf(person));
  expect(answer.text).toContain('counts from now on');
}

beforeEach(async () => {
  aheadMs += 60 * MINUTE_MS;
  for (const table of ['pending_act', 'second_factor'] as const) await db.deleteFrom(table).execute();
  for (const person of [ANN, BEN]) await open(person);
});

describe('/enroll', () => {
  test('shows a picture with the secret in its caption, and takes both it and the code away again', async () => {
    const picture = await ask(ANN, ANN, '/enroll');
    expect(picture.text).toMatch(/\b[A-Z2-7]{32}\b/);
    const code = codeOf(ANN);
    await ask(ANN, ANN, code);
    await settle();
    expect(telegram().message(ANN, picture.messageId).isDeleted).toBe(true);
    expect(textsOf(ANN)).not.toContain(code);
  });

  test('leaves neither code nor secret anywhere but sealed', async () => {
    const picture = await ask(ANN, ANN, '/enroll');
    const [secret] = /\b[A-Z2-7]{32}\b/.exec(picture.text)!;
    const code = codeOf(ANN);
    await ask(ANN, ANN, code);
    await settle();
    const kept = [];
    for (const table of [
      'telegram_update',
      'audit',
      'notice',
      'pending_act',
      'second_factor',
      'chat_spending',
    ] as const)
      kept.push(JSON.stringify(await db.selectFrom(table).selectAll().execute()));
    expect(kept.join()).not.toContain(secret);
    expect(kept.join()).not.toContain(`"${code}"`);
  });

  test('again asks for a code of the authenticator that counts', async () => {
    await enroll(ANN);
    expect((await ask(ANN, ANN, '/enroll')).text).toContain('needs a code');
    const picture = await ask(ANN, ANN, codeOf(ANN, 1));
    expect(picture.photoFileId).toBeDefined();
    expect(picture.text).toContain('counts until then');
  });

  test('is R3: each time takes a code of its own, however fresh the last one is', async () => {
    await enroll(ANN);
    expect((await ask(ANN, ANN, codeOf(ANN, 1))).text).toContain('That is right');
    const before = textsOf(ANN).length;
    expect((await ask(ANN, ANN, '/enroll')).text).toContain('needs a code');
    await settle();
    expect(textsOf(ANN).length).toBe(before + 2);
  });

  test('in the group leads to the private chat', async () => {
    const answer = await ask(ANN, GROUP, '/enroll');
    expect(answer.photoFileId).toBeUndefined();
    expect(answer.text).toContain('our private chat');
  });

  test('is for a viewer too, and not for a customer', async () => {
    await open(VIC);
    expect((await ask(VIC, VIC, '/enroll')).photoFileId).toBeDefined();
    await open(CARA);
    expect((await ask(CARA, CARA, '/enroll')).text).toContain('only the payments team');
  });
});

describe('a press that needs a code', () => {
  test('by somebody without a second factor does nothing and tells of /enroll', async () => {
    const { ticketId } = await seedTicket(1);
    expect(await press(ANN, await showCard(ticketId), 'Retry')).toContain('/enroll');
    expect(await eventStates(ticketId)).toEqual(['dead']);
  });

  test('says so, waits, and runs once after the code was typed', async () => {
    await enroll(ANN);
    aheadMs += 6 * MINUTE_MS;
    const { ticketId } = await seedTicket(1);
    const answer = await press(ANN, await showCard(ticketId), 'Retry');
    expect(answer).toMatch(/needs a code: send the six digits your authenticator shows to me in private.* UTC\.$/);
    await settle();
    expect(textsOf(ANN).at(-1)).toContain('waits for your code');
    expect(await eventStates(ticketId)).toEqual(['dead']);
    expect((await ask(ANN, ANN, codeOf(ANN))).text).toContain('Retrying 1 payment');
    await settle();
    expect(await eventStates(ticketId)).toEqual(['pending']);
    const tried = (await attempts('press:retry')).filter(({ target }) => target === `T-${ticketId}`);
    expect(tried.map(({ allowed, factor }) => [allowed, factor])).toEqual([
      [false, null],
      [true, 'code'],
    ]);
    expect(await db.selectFrom('pending_act').selectAll().execute()).toEqual([]);
  });

  test('within five minutes of a code needs no other, and after them it does', async () => {
    await enroll(ANN);
    aheadMs += 4 * MINUTE_MS;
    const first = await seedTicket(1);
    expect(await press(ANN, await showCard(first.ticketId), 'Retry')).toContain('Retrying 1 payment');
    aheadMs += 2 * MINUTE_MS;
    const second = await seedTicket(1);
    expect(await press(ANN, await showCard(second.ticketId), 'Retry')).toContain('needs a code');
  });

  test('does nothing after five minutes, though the code is right', async () => {
    await enroll(ANN);
    aheadMs += 6 * MINUTE_MS;
    const { ticketId } = await seedTicket(1);
    await press(ANN, await showCard(ticketId), 'Retry');
    aheadMs += 5 * MINUTE_MS;
    expect((await ask(ANN, ANN, codeOf(ANN))).text).toContain('That is right');
    expect(await eventStates(ticketId)).toEqual(['dead']);
  });

  test('of a card that has changed meanwhile acts on nothing and tells what is true', async () => {
    await enroll(ANN);
    aheadMs += 6 * MINUTE_MS;
    const { ticketId } = await seedTicket(1);
    const card = await showCard(ticketId);
    await press(ANN, card, 'Retry');
    await press(BEN, card, 'Acknowledge');
    expect((await ask(ANN, ANN, codeOf(ANN))).text).toContain('Acknowledged by Ben');
    expect(await eventStates(ticketId)).toEqual(['dead']);
  });

  test('by somebody who was removed before the code came does nothing', async () => {
    await enroll(ANN);
    aheadMs += 6 * MINUTE_MS;
    const { ticketId } = await seedTicket(1);
    await press(ANN, await showCard(ticketId), 'Retry');
    await db.updateTable('person').set({ active: false }).where('telegram_id', '=', ANN).execute();
    await ask(ANN, ANN, codeOf(ANN));
    await settle();
    expect((await attempts('code')).at(-1)).toMatchObject({ detail: { verdict: 'enrolled' } });
    await db.updateTable('person').set({ active: true }).where('telegram_id', '=', ANN).execute();
    expect(await eventStates(ticketId)).toEqual(['dead']);
  });

  test('of a desk that was frozen before the code came does nothing', async () => {
    await enroll(ANN);
    await enroll(BEN);
    aheadMs += 6 * MINUTE_MS;
    const { ticketId } = await seedTicket(1);
    await press(ANN, await showCard(ticketId), 'Retry');
    await ask(BEN, BEN, '/freeze the keys are out');
    await ask(ANN, ANN, codeOf(ANN));
    await settle();
    expect(textsOf(ANN).at(-1)).toContain('Frozen by Ben');
    await db.updateTable('change_freeze').set({ frozen_at: null, frozen_by: null, reason: null }).execute();
    expect(await eventStates(ticketId)).toEqual(['dead']);
  });

  test('is done also when the group has become a supergroup before the code came', async () => {
    await enroll(ANN);
    aheadMs += 6 * MINUTE_MS;
    const { ticketId } = await seedTicket(1);
    await press(ANN, await showCard(ticketId), 'Retry');
    const chat_ = { id: GROUP, type: 'group', title: 'Engineering' };
    await db.insertInto('chat').values({ configured_id: GROUP, chat_id: GROUP }).execute();
    await chat.deliver({ message: { message_id: 1, date: 1, chat: chat_, migrate_to_chat_id: -1_002_000_009_998 } });
    expect((await ask(ANN, ANN, codeOf(ANN))).text).toContain('Retrying 1 payment');
    await settle();
    await db.deleteFrom('chat').where('configured_id', '=', GROUP).execute();
    expect(await eventStates(ticketId)).toEqual(['pending']);
  });

  test('runs for who pressed it, not for who types a code', async () => {
    await enroll(ANN);
    await enroll(BEN);
    aheadMs += 6 * MINUTE_MS;
    const { ticketId } = await seedTicket(1);
    await press(ANN, await showCard(ticketId), 'Retry');
    expect((await ask(BEN, BEN, codeOf(BEN))).text).toContain('That is right');
    expect((await ask(ANN, ANN, codeOf(BEN, 1))).text).toContain('wrong');
    expect(await eventStates(ticketId)).toEqual(['dead']);
  });

  test('an Acknowledge needs none', async () => {
    const { ticketId } = await seedTicket(1);
    expect(await press(ANN, await showCard(ticketId), 'Acknowledge')).toContain('is yours now');
    expect((await findTicket(db, ticketId))!.state).toBe('acknowledged');
  });
});

describe('a command that needs a code', () => {
  test('runs after it where it was said', async () => {
    await enroll(ANN);
    aheadMs += 6 * MINUTE_MS;
    const { transactions } = await seedTicket(1);
    expect((await ask(ANN, ANN, `/retry ${transactions[0]}`)).text).toContain('needs a code');
    expect((await ask(ANN, ANN, codeOf(ANN))).text).toContain('1 webhook given up would be tried again');
  });

  test('in the group it only leads to the private chat, for which no code is needed', async () => {
    expect((await ask(ANN, GROUP, '/retry tx1')).text).toContain('our private chat');
  });
});

describe('codes', () => {
  test('work once', async () => {
    await enroll(ANN);
    const code = codeOf(ANN, 1);
    expect((await ask(ANN, ANN, code)).text).toContain('That is right');
    expect((await ask(ANN, ANN, code)).text).toContain('used before');
  });

  test('that come late are wrong', async () => {
    await enroll(ANN);
    const code = codeOf(ANN, 1);
    aheadMs += 3 * MINUTE_MS;
    expect((await ask(ANN, ANN, code)).text).toContain('its time is over');
  });

  test('that come twice as one update are looked at once', async () => {
    const chatOf = { id: ANN, type: 'private' as const, first_name: 'Ann' };
    const from = { id: ANN, is_bot: false, first_name: 'Ann' };
    const update = { update_id: 990_001, message: { message_id: 1, date: 1, from, chat: chatOf, text: '123 456' } };
    const taken: string[] = [];
    const take = async (_: unknown, { code }: { code: string }) => {
      taken.push(code);
      return 'right' as const;
    };
    for (const _ of [1, 2]) await storeUpdates(db, [update as never], take);
    expect(taken).toEqual(['123456']);
    await settle();
  });

  test('five wrong ones lock, and the team is told', async () => {
    await enroll(ANN);
    const right = codeOf(ANN, 1);
    const wrong = right === '000000' ? '000001' : '000000';
    for (let n = 0; n < 4; n += 1) expect((await ask(ANN, ANN, wrong)).text).toContain('wrong');
    expect((await ask(ANN, ANN, wrong)).text).toContain('The team has been told');
    expect((await ask(ANN, ANN, right)).text).toContain('No code is taken until');
    expect(await notices()).toContainEqual(expect.stringContaining('Five wrong codes by Ann'));
    const { ticketId } = await seedTicket(1);
    expect(await press(ANN, await showCard(ticketId), 'Retry')).toContain('locked until');
  });

  test('that a customer types are masked, and are codes of nobody', async () => {
    await open(CARA);
    const before = (await attempts('code')).length;
    telegram().say(CARA, CARA, '123456');
    await settle();
    expect((await attempts('code')).length).toBe(before);
  });
});

describe('a code that is typed in the group', () => {
  test('goes from the chat, is not looked at, and who typed it is told', async () => {
    await enroll(ANN);
    const { ticketId } = await seedTicket(1);
    aheadMs += 6 * MINUTE_MS;
    await press(ANN, await showCard(ticketId), 'Retry');
    const code = codeOf(ANN);
    const { message_id: messageId } = telegram().say(ANN, GROUP, code);
    await settle();
    expect(telegram().message(GROUP, messageId).isDeleted).toBe(true);
    expect(textsOf(ANN).at(-1)).toContain('not in the group');
    expect(await eventStates(ticketId)).toEqual(['dead']);
    const rows = JSON.stringify(await db.selectFrom('telegram_update').selectAll().execute());
    expect(rows).not.toContain(`"${code}"`);
  });

  test('is a number when it is written by somebody who has no codes', async () => {
    const { message_id: messageId } = telegram().say(VIC, GROUP, '150000');
    await settle();
    expect(telegram().message(GROUP, messageId).isDeleted).toBe(false);
  });
});
