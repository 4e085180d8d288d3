import { sql } from 'kysely';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { findOverride } from '../../src/override/override-store.ts';
import { findCurrentChatId } from '../../src/telegram/sending/sender-chat-store.ts';
import { ANN, BEN, createChatRoom, ENGINEERING_CHAT_ID as GROUP, VIC } from './chat-room.ts';

vi.setConfig({ testTimeout: 20_000 });

let aheadMs = 0;
const clock = { now: () => new Date(Date.now() + aheadMs) };
const chat = await createChatRoom({ clock }, { asksForCodes: true });
const { open, ask, telegram, settle, db, last } = chat;

const STEP_MS = 30_000;
const codeOf = (person: number) => telegram().code(person, Math.round(aheadMs / STEP_MS));
const lastWithButtons = (person: number) =>
  telegram()
    .messages(person)
    .findLast((message) => message.from.isBot && message.buttons.length > 0)!;
const type = async (text: string, person = ANN) => {
  telegram().say(person, person, text);
  await settle();
};
const press = async (button: string, person = ANN) => {
  const answer = await telegram().press(person, person, lastWithButtons(person).messageId, button).answer;
  await settle();
  return answer.kind === 'answered' ? answer.text : 'EXPIRED';
};
/** A minute later the authenticator shows another code. */
const typeCode = async (person: number) => {
  await type(codeOf(person), person);
  aheadMs += 60_000;
};
const shows = (text: RegExp, person = ANN) => expect(last(person).text).toMatch(text);
const newest = async () => {
  const row = await db.selectFrom('override').select('id').orderBy('id', 'desc').executeTakeFirst();
  return row ? findOverride(db, row.id) : null;
};

let run = 0;
const customer = () => `customer-${run}`;
const toTheEnd = async () => {
  await type(`/override ${customer()}`);
  await type(customer());
  await press('premium');
  await press('7 days');
  await press('No payment');
  await press('No ticket');
  await type('the webhook was refused');
  await press('Nothing beside');
};

beforeEach(async () => {
  run += 1;
  aheadMs += 24 * 60 * 60_000;
  for (const table of ['pending_act', 'second_factor', 'guided'] as const) await db.deleteFrom(table).execute();
  for (const person of [ANN, BEN]) {
    await open(person);
    await ask(person, person, '/enroll');
    await typeCode(person);
  }
});

describe('/override', () => {
  test('asks, shows before and after, and asks for a code for this one act', async () => {
    await toTheEnd();
    shows(/9\/9[\s\S]*Now: customer-\d+ does not have premium[\s\S]*Then: customer-\d+ has premium until/);
    expect(await press('Ask for it')).toMatch(/needs a code/);
    expect(await newest()).toBeNull();
    await typeCode(ANN);
    shows(/O-\d+ is asked for. Somebody else must approve it/);
    expect(await newest()).toMatchObject({
      userId: customer(),
      feature: 'premium',
      state: 'requested',
      requestedBy: ANN,
    });
  });

  test('a code of a minute ago does not count for it', async () => {
    await toTheEnd();
    await typeCode(ANN);
    expect(await press('Ask for it')).toMatch(/needs a code/);
  });

  test('of a payment we know the customer, the payment and the ticket are filled in', async () => {
    const { transactions, ticketId } = await chat.seedTicket(1);
    await type(`/override ${transactions[0]}`);
    shows(/2\/9[\s\S]*never heard of jane\.doe@example\.com/);
    await type('jane.does@example.com');
    shows(/That is another id[\s\S]*jane\.doe@example\.com/);
    await type('jane.doe@example.com');
    shows(/3\/9/);
    await type('/cancel');
    expect(ticketId).toBeGreaterThan(0);
  });

  test.each([
    ['a code beside the id', ['/override', 'jane@example.com 493817'], /masked before I see it/],
    ['a card as the id', ['/override 4242 4242 4242 4242'], /masked before I see it/],
    ['an id typed differently', ['/override x1', 'x2'], /That is another id/],
    ['a feature that no plan has', ['/override x1', 'x1', 'premuim'], /No plan has a feature premuim/],
    ['over 31 days', ['/override x1', 'x1', 'premium', '32d'], /At most 31 days/],
    ['a day that has passed', ['/override x1', 'x1', 'premium', '2020-01-01'], /That has passed/],
    ['a time nobody can read', ['/override x1', 'x1', 'premium', 'soon'], /Type it like 12h/],
    ['a payment nobody can read', ['/override x1', 'x1', 'premium', '1d', 'tx'], /I know no such payment/],
    [
      'a ticket that is not there',
      ['/override x1', 'x1', 'premium', '1d', 'acme tx', 'T-999999'],
      /There is no such ticket/,
    ],
  ])('%s is asked about again, and nothing was changed', async (_, said, words) => {
    for (const text of said) await type(text);
    shows(words);
    expect(await db.selectFrom('override').select('id').where('user_id', '=', 'x1').execute()).toEqual([]);
    await type('/cancel');
  });

  describe('an unknown customer whose id is an e-mail address', () => {
    const address = () => `anna${run}@example.com`;
    const fillIn = async () => {
      await press('premium');
      await press('7 days');
      await press('No payment');
      await press('No ticket');
      await type(`the webhook of ${address()} was refused`);
      await type(`a receipt for ${address()}`);
    };
    const dump = async () => {
      const tables = ['telegram_update', 'guided', 'pending_act', 'audit', 'notice'] as const;
      const rows = await Promise.all(tables.map((table) => db.selectFrom(table).selectAll().execute()));
      return JSON.stringify(rows);
    };

    test.each([
      ['behind the command', async () => type(`/override ${address()}`)],
      [
        'when it is asked for',
        async () => {
          await type('/override');
          await type(address());
        },
      ],
    ])('can be typed %s; nothing but the column of ids shows it', async (_, begin) => {
      await begin();
      shows(new RegExp(`2/9[\\s\\S]*never heard of ${address()}`));
      expect(await dump()).not.toContain(address());
      await type(address());
      await fillIn();
      shows(new RegExp(`Then: ${address()} has premium until`));
      expect(await dump()).not.toContain(address());
      await press('Ask for it');
      expect(await dump()).not.toContain(address());
      await typeCode(ANN);
      const asked = (await newest())!;
      expect(asked).toMatchObject({ userId: address(), reason: 'the webhook of [masked] was refused' });
      expect(asked.evidence).toBe('a receipt for [masked]');
      await type('/approvals', BEN);
      await press(`Approve O-${asked.id}`, BEN);
      await typeCode(BEN);
      expect(await newest()).toMatchObject({ state: 'executed', userId: address() });
      expect(await dump()).not.toContain(address());
      expect(
        await db.selectFrom('telegram_update').select('update_id').where('sealed_words', 'is not', null).execute(),
      ).toEqual([]);
    });

    test('a form sealed with a key that is gone begins again without it', async () => {
      await type(`/override ${address()}`);
      await db
        .updateTable('guided')
        .set({ answers: JSON.stringify({ customer: 'sealed:AAAA' }) })
        .where('phase', '=', 'asking')
        .execute();
      await type(address());
      shows(/1\/9[\s\S]*Which customer/);
    });
  });

  test('a customer who has it already ends it', async () => {
    await sql`insert into feature (name) values ('premium') on conflict do nothing`.execute(db);
    await sql`insert into entitlement (user_id, feature, since, revoked, revision) values (${customer()}, 'premium', now(), false, 1)`.execute(
      db,
    );
    await type(`/override ${customer()}`);
    await press('premium');
    shows(/has premium already. Nothing was changed/);
  });

  test('a viewer may not, and in the group it leads into private', async () => {
    await open(VIC);
    expect((await ask(VIC, VIC, '/override x')).text).toContain('you can read here');
    const answer = await ask(ANN, GROUP, '/override x');
    expect(answer.buttons.flat()[0]!.url).toMatch(/\?start=override$/);
  });
});

describe('/approvals', () => {
  const requested = async () => {
    await toTheEnd();
    await press('Ask for it');
    await typeCode(ANN);
    return (await newest())!;
  };

  test('shows everything to a second person, who approves it with a code', async () => {
    const { id } = await requested();
    await type('/approvals', BEN);
    shows(new RegExp(`${customer()} gets premium until`), BEN);
    await press(`Approve O-${id}`, BEN);
    expect(await newest()).toMatchObject({ state: 'requested' });
    await typeCode(BEN);
    shows(/is carried out: premium until/, BEN);
    expect(await newest()).toMatchObject({ state: 'executed', decidedBy: BEN });
  });

  test('offers who asked to withdraw, not to approve', async () => {
    const { id } = await requested();
    await type('/approvals');
    expect(
      last()
        .buttons.flat()
        .map((button) => button.text)
        .slice(0, 2),
    ).toEqual([`❌ Refuse O-${id}`, `🚨 Break the glass O-${id}`]);
    await press(`Refuse O-${id}`);
    expect(await newest()).toMatchObject({ state: 'refused' });
  });

  test('lists a debt until it is taken back', async () => {
    const { id } = await requested();
    await type('/approvals', BEN);
    await press(`Approve O-${id}`, BEN);
    await typeCode(BEN);
    await type('/approvals', BEN);
    shows(new RegExp(`O-${id} · ${customer()} · premium · ends`), BEN);
    await press(`Take back O-${id}`, BEN);
    expect(await newest()).toMatchObject({ state: 'reverted', settledName: 'Ben' });
    await type('/approvals', BEN);
    expect(last(BEN).text).not.toContain(`O-${id} ·`);
  });

  test('a hash that somebody made up approves nothing', async () => {
    const { id } = await requested();
    const from = { id: BEN, is_bot: false, first_name: 'Ben' };
    const message = {
      message_id: 1,
      date: 1,
      chat: { id: BEN, type: 'private' },
      from: { id: telegram().bot.id, is_bot: true, first_name: 'b' },
    };
    await chat.deliver({
      callback_query: {
        id: `forged-${run}`,
        chat_instance: '1',
        from,
        message,
        data: `o:${id}:approve:${'A'.repeat(22)}`,
      },
    });
    await typeCode(BEN);
    expect(await newest()).toMatchObject({ state: 'requested' });
  });
});

test('the group becomes a supergroup in the middle of it: the form goes on, and its request is told where the group is now', async () => {
  await type(`/override ${customer()}`);
  await type(customer());
  const moved = -1_002_000_009_999;
  await db.insertInto('chat').values({ configured_id: GROUP, chat_id: GROUP, broken: null }).execute();
  await chat.deliver({
    message: {
      message_id: 1,
      date: 1,
      chat: { id: GROUP, type: 'group', title: 'Engineering' },
      migrate_to_chat_id: moved,
    },
  });
  expect(await findCurrentChatId(db, GROUP)).toBe(moved);
  await press('premium');
  await press('7 days');
  await press('No payment');
  await press('No ticket');
  await type('the webhook was refused');
  await press('Nothing beside');
  await press('Ask for it');
  await typeCode(ANN);
  const { id } = (await newest())!;
  const notice = await db
    .selectFrom('notice')
    .selectAll()
    .where('key', '=', `override:${id}`)
    .executeTakeFirstOrThrow();
  expect(notice).toMatchObject({ kind: 'approval', chat_id: null, person_id: null, state: 'pending' });
});
