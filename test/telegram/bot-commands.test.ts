import { describe, expect, test, vi } from 'vitest';
import { ANN, BEN, CARA, createChatRoom, ENGINEERING_CHAT_ID as GROUP, STRANGER, VIC } from './chat-room.ts';

vi.setConfig({ testTimeout: 15_000 });
const chat = await createChatRoom();
const { ask, open, seedTicket, showCard, audited, telegram, settle, db } = chat;

const labels = (message: { buttons: { text: string }[][] }) => message.buttons.flat().map((button) => button.text);

describe('/tx', () => {
  test('in the group it shows the payment with the user masked and an error as its status', async () => {
    const { transactions } = await seedTicket(1);
    const shown = await ask(ANN, GROUP, `/tx ${transactions[0]}`);
    expect(shown.text).toContain('9.99 EUR');
    expect(shown.text).toContain('HTTP 503');
    expect(shown.text).not.toMatch(/jane|example\.com|out of seats/);
    expect(shown.replyToMessageId).toBeDefined();
    expect(labels(shown)).toEqual([]);
  });

  test('in private it tells everything and brings the button to try again', async () => {
    const { transactions } = await seedTicket(1);
    await open(ANN);
    const shown = await ask(ANN, ANN, `/tx ${transactions[0]}`);
    expect(shown.text).toContain('jane.doe@example.com');
    expect(shown.text).toContain('out of seats');
    expect(labels(shown)).toEqual(['🔁 Retry this payment']);
  });

  test('an id that two providers know is asked about, and the provider settles it', async () => {
    const { transactions } = await seedTicket(1);
    const [row] = await db
      .selectFrom('event')
      .select('provider')
      .where('transaction_id', '=', transactions[0]!)
      .execute();
    await chat.seedDeadEvent(db, 'zeta', transactions[0]!, null);
    const asked = await ask(ANN, GROUP, `/tx ${transactions[0]}`);
    expect(asked.text).toContain(`/tx ${row!.provider} ${transactions[0]}`);
    expect(asked.text).toContain(`/tx zeta ${transactions[0]}`);
    expect((await ask(ANN, GROUP, `/tx zeta ${transactions[0]}`)).text).toContain('zeta says');
  });

  test('an unknown id and a missing one get one clear line', async () => {
    expect((await ask(ANN, GROUP, '/tx nothing-like-it')).text).toContain('I know no payment nothing-like-it');
    expect((await ask(ANN, GROUP, '/tx')).text).toContain('For example: /tx tx456');
  });

  test('a very long id is answered too', async () => {
    expect((await ask(ANN, GROUP, `/tx ${'x'.repeat(3000)}`)).text).toContain('I know no payment');
  });
});

describe('/tickets and /ticket', () => {
  test('what is open is listed, with its cause and owner', async () => {
    const { ticketId } = await seedTicket(2);
    const shown = await ask(ANN, GROUP, '/tickets');
    expect(shown.text).toContain(`T-${ticketId}`);
    expect(shown.text).toContain('activation: HTTP 503');
    expect(shown.text).toContain('nobody yet');
  });

  test.each(['T-', ''])('one is shown by its number: "%s…"', async (prefix) => {
    const { ticketId, transactions } = await seedTicket(2);
    const shown = await ask(VIC, GROUP, `/ticket ${prefix}${ticketId}`);
    expect(shown.text).toContain(`UNACKNOWLEDGED · T-${ticketId}`);
    expect(shown.text).toContain(transactions[1]);
    expect(labels(shown)).toEqual([]);
  });

  test('one that is not there, and what is no number, get one clear line', async () => {
    expect((await ask(ANN, GROUP, '/ticket 999999')).text).toContain('There is no ticket T-999999');
    expect((await ask(ANN, GROUP, '/ticket soon')).text).toContain('For example: /ticket T-1042');
  });
});

describe('/note', () => {
  const notes = (ticketId: number) =>
    db
      .selectFrom('ticket_log')
      .select(['actor', 'text'])
      .where('ticket_id', '=', ticketId)
      .where('kind', '=', 'note')
      .execute();

  test('as a reply to a card it lands on its ticket, masked', async () => {
    const { ticketId } = await seedTicket(1);
    const card = await showCard(ticketId);
    const answer = await ask(ANN, GROUP, '/note customer is jane@example.com', { replyTo: card });
    expect(answer.text).toContain(`T-${ticketId}`);
    expect(await notes(ticketId)).toEqual([{ actor: 'Ann', text: 'customer is [masked]' }]);
  });

  test('with a number it needs no card', async () => {
    const { ticketId } = await seedTicket(1);
    await ask(BEN, GROUP, `/note T-${ticketId} restarting the product`);
    expect(await notes(ticketId)).toEqual([{ actor: 'Ben', text: 'restarting the product' }]);
  });

  test('a number inside a reply is part of the note, not another ticket', async () => {
    const { ticketId } = await seedTicket(1);
    const card = await showCard(ticketId);
    await ask(ANN, GROUP, '/note 1042 users wait', { replyTo: card });
    expect(await notes(ticketId)).toEqual([{ actor: 'Ann', text: '1042 users wait' }]);
  });

  test('without a ticket, without words and for no ticket it asks', async () => {
    const { ticketId } = await seedTicket(1);
    expect((await ask(ANN, GROUP, '/note hello')).text).toContain('To which ticket?');
    expect((await ask(ANN, GROUP, `/note T-${ticketId}`)).text).toContain('What shall I write down?');
    expect((await ask(ANN, GROUP, '/note T-999999 hello')).text).toContain('There is no ticket');
    expect(await notes(ticketId)).toEqual([]);
  });

  test('a viewer cannot write', async () => {
    const { ticketId } = await seedTicket(1);
    expect((await ask(VIC, GROUP, `/note T-${ticketId} me too`)).text).toContain(
      'you can read here, but not change anything',
    );
    expect(await notes(ticketId)).toEqual([]);
  });
});

describe('/retry', () => {
  const stateOf = async (transaction: string) =>
    (await db.selectFrom('event').select('state').where('transaction_id', '=', transaction).executeTakeFirstOrThrow())
      .state;

  const retry = async (transaction: string) => {
    const asked = await ask(ANN, ANN, `/retry ${transaction}`);
    await telegram().press(ANN, ANN, asked.messageId, '🔁 Retry').answer;
    await settle();
    return { asked, told: telegram().message(ANN, asked.messageId) };
  };

  test('in private it says what would happen, runs when that is confirmed, and promises the outcome to who asked', async () => {
    const { transactions } = await seedTicket(1);
    await open(ANN);
    const { asked, told } = await retry(transactions[0]!);
    expect(asked.text).toMatch(/2\/2[\s\S]*1 webhook given up would be tried again/);
    expect(told.text).toMatch(/Retrying tx.* The outcome follows/);
    expect(await stateOf(transactions[0]!)).toBe('pending');
    const notice = await db
      .selectFrom('notice')
      .selectAll()
      .where('kind', '=', 'redrive')
      .orderBy('id', 'desc')
      .executeTakeFirstOrThrow();
    expect(notice).toMatchObject({ person_id: ANN, body: { by: 'Ann', what: transactions[0] } });
  });

  test('while it runs, and when there is nothing to retry, it says so', async () => {
    const { transactions } = await seedTicket(1);
    await open(ANN);
    await retry(transactions[0]!);
    expect((await ask(ANN, ANN, `/retry ${transactions[0]}`)).text).toContain('is being tried by itself');
    await db.updateTable('event').set({ state: 'applied' }).where('transaction_id', '=', transactions[0]!).execute();
    expect((await ask(ANN, ANN, `/retry ${transactions[0]}`)).text).toContain('Nothing to retry');
  });

  test('unconfirmed it changes nothing, nor does a confirmation that is typed', async () => {
    const { transactions } = await seedTicket(1);
    await open(ANN);
    await ask(ANN, ANN, `/retry ${transactions[0]}`);
    expect((await ask(ANN, ANN, ' yes ')).text).toContain('Press “🔁 Retry”, or Cancel');
    expect(await stateOf(transactions[0]!)).toBe('dead');
    telegram().say(ANN, ANN, '/cancel');
    await settle();
  });

  test('in the group it changes nothing and leads into the private chat, where the button is the act', async () => {
    const { transactions } = await seedTicket(1);
    const answer = await ask(ANN, GROUP, `/retry ${transactions[0]}`);
    const { url } = answer.buttons.flat()[0]!;
    expect(await stateOf(transactions[0]!)).toBe('dead');
    const asked = await open(ANN, new URL(url!).searchParams.get('start')!);
    expect(asked.text).toContain(transactions[0]);
    expect(await stateOf(transactions[0]!)).toBe('dead');
    await telegram().press(ANN, ANN, asked.messageId, '🔁 Retry this payment').answer;
    expect(await stateOf(transactions[0]!)).toBe('pending');
  });

  test('an id too long for a link still leads into the private chat', async () => {
    const answer = await ask(ANN, GROUP, `/retry ${'y'.repeat(60)}`);
    expect(answer.buttons.flat()[0]!.url).toBe('https://t.me/breakwater_sandbox_bot');
  });

  test.each([
    ['a viewer', VIC],
    ['a customer', CARA],
  ])('%s retries nothing', async (_, who) => {
    const { transactions } = await seedTicket(1);
    await open(who);
    expect((await ask(who, who, `/retry ${transactions[0]}`)).text).toContain('Sorry');
    expect(await stateOf(transactions[0]!)).toBe('dead');
  });
});

describe('who asks', () => {
  test('a customer is welcomed without a promise, and learns nothing of any payment', async () => {
    const { transactions } = await seedTicket(1);
    const welcome = await open(CARA);
    expect(welcome.text).toContain('Hello Cara');
    const known = await ask(CARA, CARA, `/tx ${transactions[0]}`);
    const unknown = await ask(CARA, CARA, '/tx no-such-payment');
    expect(known.text).toBe(unknown.text);
    expect(known.text).not.toContain('EUR');
    expect((await audited())[0]).toEqual({
      actor: `telegram:${CARA}`,
      action: '/tx',
      target: 'no-such-payment',
      allowed: false,
    });
    expect((await ask(CARA, CARA, '/help')).text).not.toContain('/tx');
    expect((await ask(CARA, CARA, 'where is my money?')).text).toContain('support of the product');
    expect((await ask(CARA, CARA, '/tikets')).text).not.toContain('/tickets');
  });

  test('a customer’s link to a payment shows them nothing', async () => {
    const { transactions } = await seedTicket(1);
    const answer = await open(CARA, `r_${Buffer.from(transactions[0]!).toString('base64url')}`);
    expect(answer.text).toContain('Hello Cara');
    expect(answer.text).not.toContain(transactions[0]);
  });

  test('a stranger in the group is refused, and it is on record', async () => {
    expect((await ask(STRANGER, GROUP, '/tickets')).text).toContain('only the payments team');
    expect((await audited())[0]).toMatchObject({ actor: `telegram:${STRANGER}`, action: '/tickets', allowed: false });
  });

  test('an anonymous administrator and a channel are refused, and it is on record', async () => {
    const before = telegram().messages(GROUP).at(-1)?.messageId ?? 0;
    telegram().sayAs(GROUP, GROUP, '/tickets');
    const refused = await telegram().waitForMessage(
      GROUP,
      (message) => message.messageId > before && message.from.id === telegram().bot.id,
    );
    expect(refused.text).toContain('can’t see who you are');
    expect((await audited())[0]).toMatchObject({ actor: `faceless:chat ${GROUP}`, allowed: false });
  });

  test('an engineer who was put out is a stranger from the next command on', async () => {
    expect((await ask(ANN, GROUP, '/tickets')).text).toContain('🎫');
    await db.updateTable('person').set({ active: false }).where('telegram_id', '=', ANN).execute();
    expect((await ask(ANN, GROUP, '/tickets')).text).toContain('only the payments team');
    await db.updateTable('person').set({ active: true }).where('telegram_id', '=', ANN).execute();
  });

  test('what an engineer may ask is on record as well', async () => {
    await ask(ANN, GROUP, '/tx tx-of-interest');
    expect((await audited())[0]).toEqual({
      actor: `telegram:${ANN}`,
      action: '/tx',
      target: 'tx-of-interest',
      allowed: true,
    });
  });

  test('in another group the bot says nothing', async () => {
    const other = -1001000009999;
    telegram().addChat({ id: other, type: 'supergroup', title: 'Elsewhere', members: { [ANN]: 'member' } });
    telegram().say(ANN, other, '/tickets');
    await settle();
    expect(
      telegram()
        .messages(other)
        .filter((message) => message.from.isBot),
    ).toEqual([]);
  });
});

describe('/help, /start and what nobody understands', () => {
  test('help lists what may be done here, by role and place', async () => {
    await open(ANN);
    expect((await ask(ANN, ANN, '/help')).text).toContain('/retry tx456');
    expect((await ask(ANN, GROUP, '/help')).text).not.toContain('/retry tx456');
    expect((await ask(VIC, GROUP, '/help')).text).not.toContain('/note');
  });

  test('an engineer’s start opens the private chat, sets its menu and welcomes by name', async () => {
    expect((await open(BEN)).text).toContain('Hello Ben');
    const row = await db.selectFrom('person').selectAll().where('telegram_id', '=', BEN).executeTakeFirstOrThrow();
    expect(row).toMatchObject({ private_chat: true, first_name: 'Ben', username: 'ben_engineer' });
    const menus = JSON.stringify(telegram().world.commands);
    expect(menus).toContain('retry');
  });

  test('blocking the bot closes the private chat again', async () => {
    await open(BEN);
    telegram().blockBy(BEN);
    const closed = () =>
      db.selectFrom('person').select('private_chat').where('telegram_id', '=', BEN).executeTakeFirstOrThrow();
    await vi.waitFor(async () => expect((await closed()).private_chat).toBe(false), { timeout: 5_000 });
    telegram().unblockBy(BEN);
  });

  test('a slip of the finger is answered with what was meant', async () => {
    expect((await ask(ANN, GROUP, '/tikets')).text).toContain('Did you mean /tickets?');
    expect((await ask(ANN, GROUP, '/make_coffee')).text).toContain('/help shows');
  });

  test('a command said to another bot, a stranger’s unknown command, and plain words in the group stay unanswered', async () => {
    const before = telegram().messages(GROUP).length;
    telegram().say(ANN, GROUP, '/tickets@some_other_bot');
    telegram().say(STRANGER, GROUP, '/weather');
    telegram().say(ANN, GROUP, 'good morning');
    await settle();
    expect(telegram().messages(GROUP).length).toBe(before + 3);
    expect((await ask(ANN, GROUP, '/tickets@Breakwater_Sandbox_Bot')).text).toContain('🎫');
  });

  test('plain words in private get a hint', async () => {
    await open(ANN);
    expect((await ask(ANN, ANN, 'hello?')).text).toContain('I only understand commands');
  });
});

describe('/stats', () => {
  test('is a picture with the numbers under it, in the group and in private', async () => {
    for (const [place, command, words] of [
      [GROUP, '/stats', 'the last hour'],
      [ANN, '/stats 7d', 'the last 7 days'],
    ] as const) {
      if (place === ANN) await open(ANN);
      const answer = await ask(ANN, place, command);
      expect(answer.photoFileId).toBeDefined();
      expect(answer.text).toContain(`📈 ${words}\nsuccess`);
      expect(answer.text).toContain('open now: ');
    }
  });

  test('of another time is asked for again, and shown to nobody outside the team', async () => {
    expect((await ask(ANN, GROUP, '/stats 3w')).text).toContain('1h, 24h or 7d');
    await open(CARA);
    const refused = await ask(CARA, CARA, '/stats');
    expect(refused.photoFileId).toBeUndefined();
    expect(refused.text).toContain('only the payments team');
  });

  test('says the numbers alone where pictures are not taken', async () => {
    telegram().fault({
      kind: 'error',
      code: 400,
      description: 'Bad Request: not enough rights to send photos to the chat',
      method: 'sendPhoto',
    });
    const answer = await ask(ANN, GROUP, '/stats');
    expect(answer.photoFileId).toBeUndefined();
    expect(answer.text).toContain('📈 the last hour');
  });
});

test('menus stand per place: customers, the group, and each engineer’s own chat', async () => {
  const menus = telegram().world.commands;
  const names = Object.entries(menus).map(
    ([scope, commands]) => [scope, commands.map(({ command }) => command)] as const,
  );
  const customers = names.find(([scope]) => scope.includes('all_private_chats'))!;
  expect(customers[1]).toEqual(['start', 'forget', 'help']);
  const group = names.find(([scope]) => scope.includes(String(GROUP)))!;
  expect(group[1]).toEqual(['tickets', 'ticket', 'tx', 'breaker', 'stats', 'note', 'oncall', 'help']);
});

test('someone who blocks the bot while it answers costs no ticket', async () => {
  await open(CARA);
  telegram().fault({ kind: 'error', refusal: 'botWasBlocked', method: 'sendMessage', chatId: CARA });
  telegram().say(CARA, CARA, '/help');
  await settle();
  expect(chat.dead).toEqual([]);
});

test('Telegram away for a moment: the answer comes when it is back', async () => {
  await open(ANN);
  telegram().fault({ kind: 'cut-before', method: 'sendMessage', chatId: ANN });
  expect((await ask(ANN, ANN, '/tickets')).text).toContain('🎫');
});

test('no answer of all these was refused by Telegram', () => {
  expect(telegram().refusals.filter((refusal) => !refusal.isScheduled)).toEqual([]);
});
