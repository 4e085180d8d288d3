import { afterEach, describe, expect, test, vi } from 'vitest';
import { findCustomerChat } from '../../src/people/customer-chat-store.ts';
import { createCustomerLink } from '../../src/people/customer-link-store.ts';
import { hashCustomerToken } from '../../src/people/customer-token.ts';
import { ANN, CARA, createChatRoom, ENGINEERING_CHAT_ID as GROUP, STRANGER } from './chat-room.ts';

vi.setConfig({ testTimeout: 20_000 });
const { open, ask, telegram, settle, db, deliver } = await createChatRoom();

const link = async (userId = 'user-7') => (await createCustomerLink(db, { userId, now: new Date() })).token;
const chatOf = (userId = 'user-7') => findCustomerChat(db, userId);
const TIED = 'From now on I can tell you here';
const INVALID = 'This link does not work';

afterEach(async () => {
  await db.deleteFrom('customer_chat').execute();
});

describe('a link of the product', () => {
  test('ties the private chat of whoever presses it, and says what that means and how it ends', async () => {
    const answer = await open(CARA, `c_${await link()}`);
    expect(answer.text).toBe('🔔 From now on I can tell you here what becomes of your payments. /forget ends it.');
    expect(await chatOf()).toBe(CARA);
    expect(await db.selectFrom('person').where('telegram_id', '=', CARA).selectAll().execute()).toEqual([]);
  });

  test('used, expired or never given is told in the same words, and changes nothing', async () => {
    const used = await link();
    await open(CARA, `c_${used}`);
    const expired = await link();
    await db
      .updateTable('customer_link')
      .set({ created_at: new Date(0), expires_at: new Date(1) })
      .where('token_hash', '=', hashCustomerToken(expired))
      .execute();
    const answers = [
      await open(STRANGER, `c_${used}`),
      await open(STRANGER, `c_${expired}`),
      await open(STRANGER, `c_${'x'.repeat(32)}`),
      await open(STRANGER, 'c_x'),
    ];
    expect([...new Set(answers.map(({ text }) => text))]).toEqual([expect.stringContaining(INVALID)]);
    expect(await chatOf()).toBe(CARA);
  });

  test('said in the engineering chat is not used up', async () => {
    const token = await link();
    await ask(ANN, GROUP, `/start@${telegram().bot.username} c_${token}`);
    expect(await chatOf()).toBeNull();
    expect((await open(CARA, `c_${token}`)).text).toContain(TIED);
  });

  test('works for an engineer who is a customer too, and leaves them an engineer', async () => {
    expect((await open(ANN, `c_${await link()}`)).text).toContain(TIED);
    expect(await chatOf()).toBe(ANN);
    expect((await ask(ANN, ANN, '/help')).text).toContain('/tickets');
  });

  test('is never written down: the stored update holds its hash', async () => {
    const token = await link();
    await db.updateTable('telegram_update').set({ state: 'dead' }).where('state', '=', 'pending').execute();
    await deliver({
      message: {
        message_id: 77,
        date: 1,
        from: { id: CARA, is_bot: false, first_name: 'Cara' },
        chat: { id: -4711, type: 'group', title: 'elsewhere' },
        text: `/start c_${token}`,
      },
    });
    const tables = await Promise.all([
      db.selectFrom('telegram_update').selectAll().execute(),
      db.selectFrom('customer_link').select(['id', 'user_id']).execute(),
      db.selectFrom('audit').selectAll().execute(),
    ]);
    expect(JSON.stringify(tables)).not.toContain(token);
  });

  test('moves what is told to another chat, and the earlier one hears of it', async () => {
    await open(CARA, `c_${await link()}`);
    await open(STRANGER, `c_${await link()}`);
    expect(await chatOf()).toBe(STRANGER);
    const notice = await db
      .selectFrom('notice')
      .selectAll()
      .where('key', 'like', 'customer-moved:%')
      .executeTakeFirst();
    expect(notice).toMatchObject({ person_id: CARA, body: { text: expect.stringContaining('Another chat') } });
  });
});

describe('the end', () => {
  test('/forget ends it, and says so', async () => {
    await open(CARA, `c_${await link()}`);
    await open(CARA, `c_${await link('user-8')}`);
    expect((await ask(CARA, CARA, '/forget')).text).toContain('Forgotten');
    expect([await chatOf(), await chatOf('user-8')]).toEqual([null, null]);
    expect((await ask(CARA, CARA, '/forget')).text).toContain('there is nothing to forget');
  });

  test('/forget ends nobody else’s', async () => {
    await open(CARA, `c_${await link()}`);
    await open(STRANGER);
    await ask(STRANGER, STRANGER, '/forget');
    expect(await chatOf()).toBe(CARA);
  });

  test('/forget in the engineering chat leads into private', async () => {
    await open(ANN, `c_${await link()}`);
    expect((await ask(ANN, GROUP, '/forget')).text).toContain('Nothing has changed');
    expect(await chatOf()).toBe(ANN);
  });

  test('who blocks the bot is told nothing any more, also once it is let in again', async () => {
    await open(CARA, `c_${await link()}`);
    telegram().blockBy(CARA);
    await settle();
    expect(await chatOf()).toBeNull();
    telegram().unblockBy(CARA);
    await settle();
    expect(await chatOf()).toBeNull();
  });

  test('a customer finds /forget in the menu and in the help', async () => {
    expect((await ask(CARA, CARA, '/help')).text).toContain('/forget ends that');
    expect((await ask(CARA, CARA, '/forgot')).text).toContain('Did you mean /forget?');
  });
});
