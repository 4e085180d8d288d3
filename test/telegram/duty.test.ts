import { beforeEach, describe, expect, test, vi } from 'vitest';
import { findTicket } from '../../src/escalation/ticket-query.ts';
import { ANN, BEN, createChatRoom, ENGINEERING_CHAT_ID as GROUP, STRANGER, textOf, VIC } from './chat-room.ts';

vi.setConfig({ testTimeout: 15_000 });
const chat = await createChatRoom();
const { ask, open, seedTicket, showCard, telegram, settle, db, audited } = chat;

const press = (who: number, message: number, button: string, where = GROUP) =>
  textOf(telegram().press(who, where, message, button));
const view = async (ticketId: number) => (await findTicket(db, ticketId))!;
const said = async (who: number, text: string, where = who) => (await ask(who, where, text)).text;

beforeEach(async () => {
  for (const [id, name] of [[ANN, 'Ann'] as const, [BEN, 'Ben'] as const])
    await db.updateTable('person').set({ first_name: name }).where('telegram_id', '=', id).execute();
  await db.deleteFrom('cover').execute();
  await db.deleteFrom('rotation').execute();
  await db.deleteFrom('duty_policy').execute();
});

describe('buttons', () => {
  test('a ticket is taken, released, taken and handed over, and each press says what is true', async () => {
    const { ticketId } = await seedTicket(1);
    await press(ANN, await showCard(ticketId), 'Acknowledge');
    expect(await press(ANN, await showCard(ticketId), 'Release')).toContain('yours no more');
    expect((await view(ticketId)).state).toBe('open');
    await press(ANN, await showCard(ticketId), 'Acknowledge');
    const card = await showCard(ticketId);
    expect(await press(ANN, card, 'Hand over')).toBe('🤝 To whom? Choose under the card.');
    const question = telegram().messages(GROUP).at(-1)!;
    expect(question).toMatchObject({ text: `🤝 Who shall have T-${ticketId}?`, replyToMessageId: card });
    expect(await press(ANN, question.messageId, 'Ben')).toBe(`🤝 T-${ticketId} is Ben’s now.`);
    expect(await view(ticketId)).toMatchObject({ state: 'acknowledged', ownerName: 'Ben' });
  });

  test('the question to whom is asked once, and lists nobody who may not act', async () => {
    const { ticketId } = await seedTicket(1);
    const card = await showCard(ticketId);
    await press(ANN, await acknowledged(ticketId, card), 'Hand over');
    const question = telegram().messages(GROUP).at(-1)!;
    const names = question.buttons.flat().map(({ text }) => text);
    expect(names).toEqual(['Ben']);
    expect(await press(BEN, (await cardsOf(ticketId))!, 'Hand over')).toContain('Choose a name');
    expect(telegram().messages(GROUP).at(-1)!.messageId).toBe(question.messageId);
  });

  test('a name that was offered before somebody else acted hands nothing over', async () => {
    const { ticketId } = await seedTicket(1);
    await press(ANN, await acknowledged(ticketId, await showCard(ticketId)), 'Hand over');
    const question = telegram().messages(GROUP).at(-1)!;
    await press(ANN, await showCard(ticketId), 'Release');
    expect(await press(ANN, question.messageId, 'Ben')).toMatch(
      /is open and nobody owns it\. Released by Ann at \d\d:\d\d/,
    );
    expect((await view(ticketId)).ownerName).toBeNull();
  });

  test('Snooze quiets a ticket for half an hour, Escalate asks for the second level, and the story says who', async () => {
    const { ticketId } = await seedTicket(1);
    expect(await press(ANN, await showCard(ticketId), 'Escalate')).toContain('escalated to the second level by Ann');
    expect(await press(BEN, await showCard(ticketId), 'Snooze')).toMatch(/is quiet until \d\d:\d\d UTC/);
    const { state, duty } = await view(ticketId);
    expect(state).toBe('snoozed');
    expect(duty!.snoozedUntil!.getTime() - Date.now()).toBeGreaterThan(29 * 60_000);
  });

  test('Confirm is the owner’s alone', async () => {
    const { ticketId } = await seedTicket(1);
    await press(ANN, await showCard(ticketId), 'Acknowledge');
    await db
      .updateTable('ticket')
      .set({ confirm_at: null, owner_until: new Date(Date.now() + 60_000) })
      .where('id', '=', ticketId)
      .execute();
    const card = await showCard(ticketId);
    expect(await press(BEN, card, 'Confirm')).toContain('Acknowledged by Ann');
    expect(await press(ANN, card, 'Confirm')).toMatch(/still yours/);
  });

  test('Timeline sends the whole story in private', async () => {
    const { ticketId } = await seedTicket(1);
    await open(ANN);
    await press(ANN, await showCard(ticketId), 'Acknowledge');
    await press(ANN, await showCard(ticketId), 'Resolve');
    expect(await press(ANN, await showCard(ticketId), 'Timeline')).toBe('📜 Sent to you in private.');
    expect(telegram().messages(ANN).at(-1)!.text).toMatch(/opened\n.*acknowledged by Ann\n.*resolved by Ann/);
  });

  test.each([VIC, STRANGER])('who may not act changes nothing by them: %s', async (who) => {
    const { ticketId } = await seedTicket(1);
    for (const button of ['Snooze', 'Escalate'])
      expect(await press(who, await showCard(ticketId), button)).toMatch(/^🔒/);
    expect((await view(ticketId)).stateRevision).toBe(1);
  });

  test.each(['h:1:1', 'h:0:5:1', 'h:1:x:1', 't:1:destroy:1', 'h:99999999999999999:1:1', 't:1:snooze:-1'])(
    'a made-up payload does nothing: %s',
    async (data) => {
      await chat.deliver({
        callback_query: {
          id: `made-up ${data}`,
          from: { id: ANN, is_bot: false, first_name: 'Ann' },
          message: { message_id: 1, date: 1, chat: { id: GROUP, type: 'supergroup', title: 'Engineering' } },
          chat_instance: '1',
          data,
        },
      });
      expect((await audited())[0]?.action ?? '').not.toContain('handover');
      expect(chat.dead).toEqual([]);
    },
  );

  test('a made-up heir or ticket is nobody’s and nothing', async () => {
    const { ticketId } = await seedTicket(1);
    for (const data of [`h:${ticketId}:424242:1`, `h:${ticketId}:${VIC}:1`, `h:999999:${BEN}:1`])
      await chat.deliver({
        callback_query: {
          id: `heir ${data}`,
          from: { id: ANN, is_bot: false, first_name: 'Ann' },
          message: { message_id: 1, date: 1, chat: { id: GROUP, type: 'supergroup', title: 'Engineering' } },
          chat_instance: '1',
          data,
        },
      });
    expect(await view(ticketId)).toMatchObject({ state: 'open', stateRevision: 1 });
    expect(chat.dead).toEqual([]);
  });
});

async function acknowledged(ticketId: number, card: number): Promise<number> {
  await press(ANN, card, 'Acknowledge');
  return showCard(ticketId);
}

async function cardsOf(ticketId: number): Promise<number | null | undefined> {
  return (await db.selectFrom('card').select('message_id').where('ticket_id', '=', ticketId).executeTakeFirst())
    ?.message_id;
}

describe('/oncall and /shift', () => {
  test('without a rotation everyone who may act is on call, and it says so', async () => {
    const text = await said(ANN, '/oncall', GROUP);
    expect(text).toMatch(/Level 1: everyone who may act: (Ann|1001), (Ben|1002)/);
    expect(text).toContain('No rotation is set');
  });

  test('a cover is given, shown, refused where it overlaps, and called off', async () => {
    await open(ANN);
    await settle();
    const given = await said(ANN, '/shift me 2h');
    expect(given).toMatch(/Done: Ann is on call .* – .* \(UTC\)\. \/shift cancel \d+ calls it off/);
    expect(await said(ANN, '/oncall', GROUP)).toContain('Level 1: Ann (covers)');
    expect(await said(ANN, '/shift me until 23:59')).toContain('covered already');
    const [, id] = /cancel (\d+)/.exec(given)!;
    expect(await said(ANN, `/shift cancel ${id}`)).toContain('called off');
    expect(await said(ANN, '/oncall', GROUP)).not.toContain('covers');
    expect(await said(ANN, `/shift cancel ${id}`)).toContain('There is no cover');
  });

  test.each([
    ['/shift Nobody 2h', 'nobody called Nobody'],
    ['/shift Vic 2h', 'nobody called Vic'],
    ['/shift me', 'For how long?'],
    ['/shift me until yesterday', 'Until when?'],
  ])('“%s” changes nothing and says why', async (text, words) => {
    await open(ANN);
    await settle();
    expect(await said(ANN, text)).toContain(words);
    expect(await db.selectFrom('cover').selectAll().execute()).toEqual([]);
  });

  test('in the group a shift is not changed', async () => {
    expect(await said(ANN, '/shift me 2h', GROUP)).toContain('in our private chat');
    expect(await db.selectFrom('cover').selectAll().execute()).toEqual([]);
  });
});

describe('/policy', () => {
  test('an admin sets a rotation and a time, and both are shown', async () => {
    await open(BEN);
    await open(ANN);
    await settle();
    const set = await said(BEN, '/policy rotation 1 Ann, Ben daily 09:00 Europe/Berlin');
    expect(set).toContain('Level 1: Ann, Ben · daily at 09:00 Europe/Berlin');
    expect(await said(ANN, '/oncall')).toMatch(/Level 1: (Ann|Ben)\n/);
    expect(await said(BEN, '/policy P1 resolve 2h')).toContain('resolve in 2 h');
    const { ticketId } = await seedTicket(1);
    expect((await view(ticketId)).duty).not.toBeNull();
  });

  test.each([
    ['/policy rotation 1 daily 09:00', 'needs somebody in it'],
    ['/policy rotation 1 Nobody daily 09:00', 'nobody called Nobody'],
    ['/policy rotation 1 Vic daily 09:00', 'nobody called Vic'],
    ['/policy rotation 1 Ben daily 09:00 Mars/Olympus', 'don’t know that time zone'],
    ['/policy make it so', 'don’t know that setting'],
  ])('“%s” changes nothing and says why', async (text, words) => {
    await open(BEN);
    await settle();
    expect(await said(BEN, text)).toContain(words);
    expect(await db.selectFrom('rotation').selectAll().execute()).toEqual([]);
  });

  test('an engineer may not, and is told', async () => {
    await open(ANN);
    await settle();
    expect(await said(ANN, '/policy rotation 1 off')).toMatch(/^🔒/);
  });
});

describe('tickets', () => {
  test('/tickets shows all, mine, of a severity, or what nobody has; and refuses what it does not know', async () => {
    await db.updateTable('ticket').set({ state: 'merged' }).where('state', 'not in', ['resolved', 'merged']).execute();
    const [mine, free] = [(await seedTicket(1)).ticketId, (await seedTicket(1)).ticketId];
    await press(ANN, await showCard(mine), 'Acknowledge');
    await db.updateTable('ticket').set({ severity: 'P1' }).where('id', '=', free).execute();
    expect(await said(ANN, '/tickets', GROUP)).toContain('2 open tickets');
    const own = await said(ANN, '/tickets mine', GROUP);
    expect(own).toContain(`T-${mine}`);
    expect(own).not.toContain(`T-${free}`);
    expect(await said(ANN, '/tickets p1', GROUP)).toContain(`P1 T-${free}`);
    expect(await said(ANN, '/tickets unacknowledged', GROUP)).not.toContain(`T-${mine}`);
    expect(await said(BEN, '/tickets mine', GROUP)).toBe('✅ No tickets of yours.');
    expect(await said(ANN, '/tickets yesterday', GROUP)).toContain('mine, p1, or unacknowledged');
  });

  test('/export sends a Markdown file with the whole story and no customer', async () => {
    const { ticketId, transactions } = await seedTicket(2);
    await open(ANN);
    await settle();
    await press(ANN, await showCard(ticketId), 'Acknowledge');
    const message = await ask(ANN, ANN, `/export T-${ticketId}`);
    expect(message.document).toMatchObject({ name: `T-${ticketId}.md` });
    const file = telegram().world.files[message.document!.fileId]!;
    const text = Buffer.from(file.bytesBase64, 'base64').toString();
    expect(text).toMatch(new RegExp(`^# T-${ticketId}: acme`));
    expect(text).toContain('acknowledged by Ann');
    expect(text).toContain(`| ${transactions[0]} |`);
    expect(text).not.toContain('jane.doe');
  });

  test('/resolve takes a reason, /severity judges, /merge joins; each refuses what makes no sense', async () => {
    const [one, two] = [(await seedTicket(1)).ticketId, (await seedTicket(1)).ticketId];
    await open(ANN);
    await settle();
    expect(await said(ANN, `/severity T-${one} P1 the whole shop`)).toContain('made P1 by Ann');
    expect(await said(ANN, `/severity T-${one} P9`)).toMatch(/^🤔/);
    expect(await said(ANN, `/merge T-${two} into T-${one}`)).toContain(`merged into T-${one}`);
    expect(await said(ANN, `/merge T-${one} into T-${one}`)).toContain('into itself');
    expect(await said(ANN, `/resolve T-${one}`)).toContain('For what reason?');
    expect(await said(ANN, `/resolve T-${one} a test purchase`)).toContain('is resolved');
    expect(await said(ANN, `/resolve T-${one} again`)).toContain('Nothing was done. Resolved by Ann');
    expect(await said(ANN, '/resolve T-999999 nothing')).toContain('There is no ticket');
  });
});
