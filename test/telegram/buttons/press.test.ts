import { randomUUID } from 'node:crypto';
import { describe, expect, test, vi } from 'vitest';
import { findTicket } from '../../../src/escalation/ticket-query.ts';
import { ANN, BEN, CARA, createChatRoom, ENGINEERING_CHAT_ID as GROUP, STRANGER, textOf, VIC } from '../chat-room.ts';

vi.setConfig({ testTimeout: 15_000 });
const chat = await createChatRoom();
const { open, seedTicket, showCard, audited, telegram, settle, db } = chat;

const press = (who: number, card: number, button: string) => textOf(telegram().press(who, GROUP, card, button));
const stateOf = async (ticketId: number) => (await findTicket(db, ticketId))!.state;
const eventStates = async (ticketId: number) =>
  (await db.selectFrom('event').select('state').where('ticket_id', '=', ticketId).execute()).map(({ state }) => state);
const redrives = (ticketId: number) => db.selectFrom('redrive').selectAll().where('ticket_id', '=', ticketId).execute();
const fromBot = (chatId: number) =>
  telegram()
    .messages(chatId)
    .filter((message) => message.from.id === telegram().bot.id);

describe('Acknowledge, Resolve, Reopen', () => {
  test('each press says what is true now, and the ticket is so', async () => {
    const { ticketId } = await seedTicket(2);
    expect(await press(ANN, await showCard(ticketId), 'Acknowledge')).toBe(`👀 T-${ticketId} is yours now.`);
    expect(await findTicket(db, ticketId)).toMatchObject({ state: 'acknowledged', ownerName: 'Ann' });
    expect(await press(BEN, await showCard(ticketId), 'Resolve')).toBe(
      `✅ T-${ticketId} is resolved; 2 settled without a retry.`,
    );
    expect(await stateOf(ticketId)).toBe('resolved');
    expect(await press(ANN, await showCard(ticketId), 'Reopen')).toBe(`↩️ T-${ticketId} is open again.`);
    expect(await stateOf(ticketId)).toBe('open');
  });

  test('of two who press at once one owns it and the other is told who', async () => {
    const { ticketId } = await seedTicket(1);
    const card = await showCard(ticketId);
    const answers = await Promise.all([press(ANN, card, 'Acknowledge'), press(BEN, card, 'Acknowledge')]);
    const { ownerName } = (await findTicket(db, ticketId))!;
    expect(answers.sort()).toEqual(
      [
        expect.stringMatching(new RegExp(`^Acknowledged by ${ownerName} at \\d\\d:\\d\\d\\.$`)),
        `👀 T-${ticketId} is yours now.`,
      ].sort(),
    );
  });

  test('a stale button changes nothing and tells what is true', async () => {
    const { ticketId } = await seedTicket(1);
    const card = await showCard(ticketId);
    await press(ANN, card, 'Acknowledge');
    await press(ANN, await showCard(ticketId), 'Resolve');
    expect(await press(BEN, card, 'Acknowledge')).toMatch(/^Resolved by Ann at \d\d:\d\d\.$/);
    expect(await stateOf(ticketId)).toBe('resolved');
  });

  test('each press makes the card’s picture stale', async () => {
    const { ticketId } = await seedTicket(1);
    const before = (await findTicket(db, ticketId))!;
    await press(ANN, await showCard(ticketId), 'Acknowledge');
    const after = (await findTicket(db, ticketId))!;
    expect(after.wantedRevision).toBeGreaterThan(before.wantedRevision);
    expect(after.urgentRevision).toBe(after.wantedRevision);
  });
});

describe('who presses', () => {
  test.each([
    ['a viewer', VIC, 'you can read here, but not change anything'],
    ['a stranger in the group', STRANGER, 'only the payments team'],
  ])('%s is answered with a text, changes nothing and is on record', async (_, who, words) => {
    const { ticketId } = await seedTicket(1);
    expect(await press(who, await showCard(ticketId), 'Acknowledge')).toContain(words);
    expect(await stateOf(ticketId)).toBe('open');
    expect((await audited())[0]).toEqual({
      actor: `telegram:${who}`,
      action: 'press:ack',
      target: `T-${ticketId}`,
      allowed: false,
    });
  });

  test.each([
    ['an anonymous administrator', (card: number) => telegram().anonymousAdminPress(GROUP, card, 'Acknowledge')],
    [
      'a channel',
      (card: number) => {
        telegram().addChat({ id: -1001000007777, type: 'channel', title: 'News' });
        return telegram().pressAsChannel(-1001000007777, GROUP, card, 'Acknowledge');
      },
    ],
  ])('%s is nobody: answered, nothing changed, on record', async (_, pressIt) => {
    const { ticketId } = await seedTicket(1);
    expect(await textOf(pressIt(await showCard(ticketId)))).toContain('can’t see who you are');
    expect(await stateOf(ticketId)).toBe('open');
    expect((await audited())[0]).toMatchObject({ action: 'press:ack', target: `T-${ticketId}`, allowed: false });
  });

  test('what was allowed is on record before it was done', async () => {
    const { ticketId } = await seedTicket(1);
    await press(ANN, await showCard(ticketId), 'Acknowledge');
    expect((await audited())[0]).toEqual({
      actor: `telegram:${ANN}`,
      action: 'press:ack',
      target: `T-${ticketId}`,
      allowed: true,
    });
  });

  test('rights are those of the moment: who is put out cannot press an old card', async () => {
    const { ticketId } = await seedTicket(1);
    const card = await showCard(ticketId);
    await db.updateTable('person').set({ active: false }).where('telegram_id', '=', ANN).execute();
    expect(await press(ANN, card, 'Acknowledge')).toContain('only the payments team');
    await db.updateTable('person').set({ active: true }).where('telegram_id', '=', ANN).execute();
    expect(await stateOf(ticketId)).toBe('open');
  });

  test('a button in another chat does nothing there', async () => {
    const { ticketId } = await seedTicket(1);
    const other = -1001000008888;
    telegram().addChat({ id: other, type: 'supergroup', title: 'Elsewhere', members: { [ANN]: 'member' } });
    const { stateRevision } = (await findTicket(db, ticketId))!;
    const message = await forge(other, `t:${ticketId}:ack:${stateRevision}`);
    expect(await textOf(telegram().press(ANN, other, message, 'x'))).toContain('belongs into the engineering chat');
    expect(await stateOf(ticketId)).toBe('open');
    expect((await audited())[0]).toMatchObject({ action: 'press:ack', allowed: false });
  });

  test.each(['t:1:dance:1', 't:0:ack:1', 'hello', 't:1:ack', 't:99999999:ack:1'])(
    'a button nobody can read is answered: %s',
    async (data) => {
      expect(await textOf(telegram().press(ANN, GROUP, await forge(GROUP, data), 'x'))).toMatch(
        /earlier version|no ticket/,
      );
      const isReadable = data.startsWith('t:9');
      expect((await audited())[0]).toMatchObject({
        action: isReadable ? 'press:ack' : 'press:unreadable',
        allowed: isReadable,
      });
    },
  );
});

/** A message of the bot's with a button of any data. */
async function forge(chatId: number, data: string): Promise<number> {
  const url = `${chat.room.sandbox.url}/bot${telegram().token}/sendMessage`;
  const body = {
    chat_id: chatId,
    text: 'forged',
    reply_markup: { inline_keyboard: [[{ text: 'x', callback_data: data }]] },
  };
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const { result } = (await answer.json()) as { result: { message_id: number } };
  return result.message_id;
}

describe('Inspect', () => {
  test('in private, with everything, and how many more there are', async () => {
    const { ticketId, transactions } = await seedTicket(3);
    await open(ANN);
    const before = fromBot(GROUP).length;
    expect(await press(ANN, await showCard(ticketId), 'Inspect')).toContain('On its way to our private chat');
    await settle();
    const shown = fromBot(ANN).at(-1)!;
    expect(shown.text).toContain(transactions[0]);
    expect(shown.text).toContain('HTTP 503');
    expect(shown.text).toContain('jane.doe@example.com');
    expect(shown.text).toContain('and 2 more');
    expect(fromBot(GROUP).length).toBe(before + 1);
  });

  test('under the card and masked for who has not pressed Start', async () => {
    const { ticketId, transactions } = await seedTicket(1);
    const card = await showCard(ticketId);
    expect(await press(VIC, card, 'Inspect')).toContain('press Start');
    await settle();
    const shown = fromBot(GROUP).at(-1)!;
    expect(shown.replyToMessageId).toBe(card);
    expect(shown.text).toContain(transactions[0]);
    expect(shown.text).toContain('HTTP 503');
    expect(shown.text).not.toMatch(/jane\.doe|out of seats/);
  });

  test('of a ticket that changed meanwhile it still shows what is there', async () => {
    const { ticketId } = await seedTicket(1);
    await open(ANN);
    const card = await showCard(ticketId);
    await press(BEN, card, 'Acknowledge');
    expect(await press(ANN, card, 'Inspect')).toContain('On its way');
  });

  test('a stranger is shown nothing anywhere', async () => {
    const { ticketId } = await seedTicket(1);
    const card = await showCard(ticketId);
    const before = fromBot(GROUP).length;
    expect(await press(STRANGER, card, 'Inspect')).toContain('only the payments team');
    await settle();
    expect(fromBot(GROUP).length).toBe(before);
  });
});

describe('Retry', () => {
  test('of one payment runs at the press, and its outcome is promised under the card', async () => {
    const { ticketId } = await seedTicket(1);
    expect(await press(ANN, await showCard(ticketId), 'Retry')).toContain('Retrying 1 payment');
    expect(await eventStates(ticketId)).toEqual(['pending']);
    const [redrive] = await redrives(ticketId);
    const notice = await db
      .selectFrom('notice')
      .selectAll()
      .where('key', '=', `redrive:${redrive!.id}`)
      .executeTakeFirstOrThrow();
    expect(notice).toMatchObject({
      chat_id: GROUP,
      ticket_id: ticketId,
      kind: 'redrive',
      body: { by: 'Ann', what: `T-${ticketId}` },
    });
  });

  test('a second press while it runs starts nothing and says so', async () => {
    const { ticketId } = await seedTicket(1);
    const card = await showCard(ticketId);
    await press(ANN, card, 'Retry');
    expect(await press(BEN, card, 'Retry')).toContain('still running');
    expect(await redrives(ticketId)).toHaveLength(1);
  });

  test('when nothing is dead any more it says so', async () => {
    const { ticketId } = await seedTicket(1);
    const card = await showCard(ticketId);
    await db.updateTable('event').set({ state: 'applied', reason: null }).where('ticket_id', '=', ticketId).execute();
    expect(await press(ANN, card, 'Retry')).toContain('Nothing to retry');
  });

  test('of more it asks once, with the number on the button, and runs when that is pressed', async () => {
    const { ticketId } = await seedTicket(3);
    const card = await showCard(ticketId);
    expect(await press(ANN, card, 'Retry')).toContain('3 payments: please confirm under the card');
    const question = fromBot(GROUP).at(-1)!;
    expect(question.replyToMessageId).toBe(card);
    expect(question.buttons.flat().map((button) => button.text)).toEqual(['🔁 Retry 3']);
    expect(await eventStates(ticketId)).toEqual(['dead', 'dead', 'dead']);
    expect(await press(BEN, card, 'Retry')).toContain('Press Retry 3');
    expect(fromBot(GROUP).at(-1)!.messageId).toBe(question.messageId);
    expect(await press(BEN, question.messageId, 'Retry 3')).toContain('Retrying 3 payments');
    expect(await eventStates(ticketId)).toEqual(['pending', 'pending', 'pending']);
    await settle();
    const answered = telegram().message(GROUP, question.messageId);
    expect(answered.text).toContain('Ben has started a retry of 3 payments');
    expect(answered.buttons).toEqual([]);
    const late = telegram().pressStale(ANN, GROUP, question.messageId, 'Retry 3');
    expect(await textOf(late)).toContain('still running');
    expect(await redrives(ticketId)).toHaveLength(1);
  });

  test('a question that never reached the chat is asked again', async () => {
    const { ticketId } = await seedTicket(2);
    const card = await showCard(ticketId);
    telegram().fault({ kind: 'cut-before', method: 'sendMessage', chatId: GROUP });
    const before = fromBot(GROUP).length;
    await press(ANN, card, 'Retry');
    await settle();
    expect(fromBot(GROUP).length).toBe(before + 1);
  });

  test('a stale confirmation runs nothing', async () => {
    const { ticketId } = await seedTicket(2);
    const card = await showCard(ticketId);
    await press(ANN, card, 'Retry');
    const question = fromBot(GROUP).at(-1)!;
    await press(BEN, card, 'Acknowledge');
    expect(await press(ANN, question.messageId, 'Retry 2')).toContain('Acknowledged by Ben');
    expect(await eventStates(ticketId)).toEqual(['dead', 'dead']);
  });

  test('a viewer and a customer’s forged button retry nothing', async () => {
    const { ticketId, transactions } = await seedTicket(1);
    const card = await showCard(ticketId);
    expect(await press(VIC, card, 'Retry')).toContain('not change anything');
    await open(CARA);
    const message = await forge(CARA, `p:retry:acme:${transactions[0]}`);
    expect(await textOf(telegram().press(CARA, CARA, message, 'x'))).toContain('only the payments team');
    expect(await eventStates(ticketId)).toEqual(['dead']);
  });
});

describe('Verify again', () => {
  test('tells how many are right now, and why the others are not', async () => {
    const { ticketId } = await seedTicket(1);
    const message = await forge(GROUP, `t:${ticketId}:verify:1`);
    expect(await textOf(telegram().press(ANN, GROUP, message, 'x'))).toBe(
      '🔏 2 of 3 are right now; 1 still refused (wrong_secret 1).',
    );
  });
});

describe('what is not what it seems', () => {
  const from = { id: ANN, is_bot: false, first_name: 'Ann' };
  const group = { id: GROUP, type: 'supergroup', title: 'Engineering' };
  const callback = (data: string, message: object | undefined, id: string = randomUUID()) => ({
    callback_query: { id, from, chat_instance: '1', data, message },
  });
  const ack = async () => {
    const { ticketId } = await seedTicket(1);
    const { stateRevision } = (await findTicket(db, ticketId))!;
    return { ticketId, data: `t:${ticketId}:ack:${stateRevision}` };
  };
  const ours = () => ({ message_id: 1, date: 1, chat: group, from: { ...telegram().bot } });

  test.each([
    [
      'a forwarded card',
      () => ({ ...ours(), forward_origin: { type: 'hidden_user', sender_user_name: 'x', date: 1 } }),
    ],
    ['a message of somebody else’s', () => ({ ...ours(), from })],
    ['no message at all', () => undefined],
  ])('a button under %s does nothing', async (_, message) => {
    const { ticketId, data } = await ack();
    await chat.deliver(callback(data, message()));
    expect(await stateOf(ticketId)).toBe('open');
    expect((await audited())[0]).toMatchObject({ target: `T-${ticketId}`, allowed: false });
  });

  test('one press that arrives as two updates acts once, and the second time too says that it is done', async () => {
    const { ticketId, data } = await ack();
    const id = randomUUID();
    await chat.deliver(callback(data, ours(), id));
    telegram().clearLog();
    await chat.deliver(callback(data, ours(), id));
    const log = await db.selectFrom('ticket_log').select('kind').where('ticket_id', '=', ticketId).execute();
    expect(log.filter(({ kind }) => kind === 'acknowledge')).toHaveLength(1);
    expect(telegram().requestsOf('answerCallbackQuery')[0]!.params.text).toBe(`👀 T-${ticketId} is yours now.`);
  });

  test('a button under a card too old for Telegram to show works', async () => {
    const { ticketId, data } = await ack();
    await chat.deliver(callback(data, { message_id: 1, date: 0, chat: group }));
    expect(await stateOf(ticketId)).toBe('acknowledged');
  });

  test.each([{ forward_origin: { type: 'user', sender_user: from, date: 1 } }, { forward_date: 1 }])(
    'a forwarded command is not acted on: %j',
    async (mark) => {
      const { ticketId } = await ack();
      await chat.deliver({
        message: { message_id: 1, date: 1, from, chat: group, text: `/note T-${ticketId} x`, ...mark },
      });
      expect((await audited())[0]).toMatchObject({ action: '/note', allowed: false });
      expect(fromBot(GROUP).at(-1)!.text).toContain('forwarded');
    },
  );
});

describe('the answer to a press', () => {
  test('that took longer than a press can wait is told under the card', async () => {
    const { ticketId } = await seedTicket(1);
    const message = await forge(GROUP, `t:${ticketId}:verify:1`);
    chat.slowVerifyMs = 1_300;
    const answer = await textOf(telegram().press(ANN, GROUP, message, 'x'));
    expect(answer).toBe('⏳ Working…');
    await settle();
    chat.slowVerifyMs = 0;
    const notice = await db.selectFrom('notice').selectAll().where('key', 'like', 'answer:%').executeTakeFirstOrThrow();
    expect(notice).toMatchObject({ kind: 'ticket', ticket_id: ticketId, chat_id: GROUP });
    expect(JSON.stringify(notice.body)).toContain('2 of 3 are right now');
  });

  test('that comes too late fails nothing', async () => {
    const { ticketId } = await seedTicket(1);
    const card = await showCard(ticketId);
    telegram().fault({ kind: 'error', refusal: 'queryIsTooOld', method: 'answerCallbackQuery' });
    telegram().press(ANN, GROUP, card, 'Acknowledge');
    await settle();
    expect(await stateOf(ticketId)).toBe('acknowledged');
    expect(chat.dead).toEqual([]);
  });

  test('that cannot be given fails nothing, and the act is not done twice', async () => {
    const { ticketId } = await seedTicket(1);
    const card = await showCard(ticketId);
    telegram().fault({ kind: 'cut-before', method: 'answerCallbackQuery' });
    telegram().press(ANN, GROUP, card, 'Acknowledge');
    await settle();
    const log = await db.selectFrom('ticket_log').select('kind').where('ticket_id', '=', ticketId).execute();
    expect(log.filter(({ kind }) => kind === 'acknowledge')).toHaveLength(1);
  });

  test('comes within a second even while the act waits, as “Working…”', async () => {
    const { ticketId } = await seedTicket(1);
    const card = await showCard(ticketId);
    const pressed = await db.transaction().execute(async (trx) => {
      await trx.selectFrom('ticket').select('id').where('id', '=', ticketId).forUpdate().execute();
      const answer = await telegram().press(ANN, GROUP, card, 'Acknowledge').answer;
      expect(await stateOf(ticketId)).toBe('open');
      return answer;
    });
    expect(pressed).toMatchObject({ kind: 'answered', text: '⏳ Working…' });
    await settle();
    expect(await stateOf(ticketId)).toBe('acknowledged');
  });
});
