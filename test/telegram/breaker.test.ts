import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { acquireLease, ensureBreaker, reportLease } from '../../src/breaker/breaker-store.ts';
import { commandBreaker } from '../../src/breaker/command.ts';
import { completeSettings, DEFAULT_BREAKER } from '../../src/breaker/settings.ts';
import { tellBreakersOnce } from '../../src/escalation/breaker-tickets.ts';
import { findTicket } from '../../src/escalation/ticket-query.ts';
import { storeUpdates } from '../../src/telegram/incoming/inbox-store.ts';
import { insertEvent } from '../seed.ts';
import { ANN, BEN, CARA, createChatRoom, ENGINEERING_CHAT_ID as GROUP, STRANGER, textOf, VIC } from './chat-room.ts';

vi.setConfig({ testTimeout: 15_000 });
const chat = await createChatRoom({ tellsProduct: true });
const { db, ask, open, audited, telegram, settle, showCard } = chat;

const SETTINGS = completeSettings({ ...DEFAULT_BREAKER, closeAfter: 1 }, 10_000);
let dependency = '';
let count = 0;

beforeAll(async () => {
  for (const person of [ANN, BEN, VIC, STRANGER, CARA]) await open(person);
});

beforeEach(async () => {
  await settle();
  count += 1;
  dependency = `provider:p${count}`;
  await ensureBreaker(db, dependency, SETTINGS);
});

const breaker = () => db.selectFrom('breaker').selectAll().where('name', '=', dependency).executeTakeFirstOrThrow();
const stateOf = async () => (await breaker()).state;
const transitions = () =>
  db.selectFrom('breaker_transition').selectAll().where('name', '=', dependency).orderBy('epoch').execute();
const order = (verb: 'trip' | 'hold_closed' | 'reset' | 'release', by = 'Ben', ttlMs: number | null = null) =>
  commandBreaker(db, { verb, dependency, reason: 'a test', ttlMs, actor: by, commandId: randomUUID() });

/** The breaker's ticket, and its card as it is now in the engineering chat. */
async function cardOf(): Promise<{ ticketId: number; card: number }> {
  await tellBreakersOnce({ db, tellsProduct: true });
  const { id: ticketId } = await db
    .selectFrom('ticket')
    .select('id')
    .where('fingerprint', '=', `breaker:${dependency}`)
    .executeTakeFirstOrThrow();
  return { ticketId, card: await showCard(ticketId) };
}

/** What the question of the last press was, as a message one can answer. */
async function question(chatId = GROUP): Promise<number> {
  const asked = await telegram().waitForMessage(chatId, ({ text }) => text.includes(dependency) && /reason/.test(text));
  return asked.messageId;
}

const press = (who: number, card: number, button: string, where = GROUP) =>
  textOf(telegram().press(who, where, card, button));

async function answer(who: number, chatId: number, text: string, replyTo: number): Promise<string> {
  const { text: said } = await ask(who, chatId, text, { replyTo });
  return said;
}

describe('/breaker', () => {
  test('lists every dependency: state, since, failure share, waiting work, next probe', async () => {
    await ensureBreaker(db, 'activation', SETTINGS);
    await insertEvent(db, { state: 'retrying' });
    await order('trip', 'Ben', 60_000);
    for (const where of [ANN, GROUP]) {
      const { text } = await ask(ANN, where, '/breaker');
      expect(text).toMatch(/activation: closed\n {3}since .*\d\d:\d\d UTC · no calls lately · 1 waiting/);
      expect(text).toMatch(
        new RegExp(
          `${dependency}: forced open\\n {3}since .* UTC · 0 waiting · until .*UTC\\n {3}tripped by Ben: “a test”`,
        ),
      );
    }
  });

  test('tells how to order in private, and only to those who may', async () => {
    expect((await ask(ANN, ANN, '/breaker')).text).toContain('/breaker trip <name> [30m] <reason>');
    expect((await ask(ANN, GROUP, '/breaker')).text).not.toContain('/breaker trip');
    expect((await ask(VIC, VIC, '/breaker')).text).not.toContain('/breaker trip');
  });

  test('is nothing to a customer', async () => {
    const { text } = await ask(CARA, CARA, '/breaker');
    expect(text).toContain('only the payments team');
    expect(text).not.toContain('provider');
  });
});

describe('/breaker with an order, in private', () => {
  test.each([
    [
      'trip',
      `moved to another host`,
      'forced_open',
      /^provider:p\d+: forced_open\nIt was closed; changed by Ann \(epoch 2\)/,
    ],
    ['trip', `30m moved to another host`, 'forced_open', /: forced_open\n.*by Ann, until .*\d\d:\d\d UTC/],
    ['hold', `10m moved to another host`, 'forced_closed', /: forced_closed\n.*until/],
    ['hold', `for 10m moved to another host`, 'forced_closed', /: forced_closed\n.*until/],
    ['reset', `moved to another host`, 'closed', /: closed\nIt was closed/],
  ])('%s %s does it, and answers the state', async (verb, rest, state, words) => {
    const { text } = await ask(ANN, ANN, `/breaker ${verb} ${dependency} ${rest}`);
    expect(text).toMatch(words);
    expect(await breaker()).toMatchObject({ state, actor: 'Ann', note: 'moved to another host' });
  });

  test('release ends a trip by probing first', async () => {
    await order('trip');
    const { text } = await ask(BEN, BEN, `/breaker release ${dependency} all is well`);
    expect(text).toMatch(/: half_open\nIt was forced open; changed by Ben/);
    expect(await stateOf()).toBe('half_open');
  });

  test('an order that changes nothing says so', async () => {
    const { text } = await ask(ANN, ANN, `/breaker release ${dependency} all is well`);
    expect(text).toMatch(/: closed\nNothing has changed/);
    expect(await transitions()).toEqual([]);
  });

  test('a name is found however it is capitalised', async () => {
    await ask(ANN, ANN, `/breaker trip ${dependency.toUpperCase()} a test`);
    expect(await stateOf()).toBe('forced_open');
  });

  test.each<[string, string, RegExp]>([
    ['an unknown breaker', 'trip nowhere a test', /no breaker nowhere\. There (is|are) .*provider:p1/],
    ['an unknown order', 'explode NAME a test', /don’t know how to explode/],
    ['a hold without an end', 'hold NAME a test', /needs an end/],
    ['a hold without an end and without a reason', 'hold NAME', /needs an end/],
    ['a hold of more than an hour', 'hold NAME 61m a test', /at most 1h/],
    ['a hold that ends at once', 'hold NAME 0m a test', /at most 1h/],
    ['a trip of more than a month', 'trip NAME 31d a test', /at most 30d/],
    ['a reset with an end', 'reset NAME 10m a test', /take an end/],
    ['a release with an end', 'release NAME 10m a test', /take an end/],
    ['no reason', 'trip NAME', /for what reason\?/],
    ['no reason but an end', 'trip NAME 30m', /for what reason\?/],
  ])('%s is told what is wrong, and changes nothing', async (_, args, words) => {
    const { text } = await ask(ANN, ANN, `/breaker ${args.replace('NAME', dependency)}`);
    expect(text).toMatch(words);
    expect(await transitions()).toEqual([]);
    expect(await stateOf()).toBe('closed');
    expect((await audited())[0]).toMatchObject({ actor: `telegram:${ANN}`, action: '/breaker', allowed: true });
  });

  test.each([
    ['a viewer', VIC, 'you can read here, but not change anything'],
    ['a stranger', STRANGER, 'only the payments team'],
    ['a customer', CARA, 'only the payments team'],
  ])('%s is told that they may not, changes nothing, and is on record', async (_, who, words) => {
    const { text } = await ask(who, who, `/breaker trip ${dependency} a test`);
    expect(text).toContain(words);
    expect(await stateOf()).toBe('closed');
    expect((await audited())[0]).toEqual({
      actor: `telegram:${who}`,
      action: '/breaker',
      target: `trip ${dependency} a test`,
      allowed: false,
    });
  });

  test('the reason may follow as an answer to the question', async () => {
    await ask(ANN, ANN, `/breaker trip ${dependency} 30m`);
    expect(await answer(ANN, ANN, 'moved to another host', await question(ANN))).toMatch(/: forced_open\n/);
    expect(await breaker()).toMatchObject({ state: 'forced_open', note: 'moved to another host' });
    expect((await breaker()).forced_until).not.toBeNull();
    expect((await audited())[0]).toMatchObject({ action: 'breaker:trip', target: dependency, allowed: true });
  });

  test('“cancel” in place of a reason changes nothing', async () => {
    await ask(ANN, ANN, `/breaker trip ${dependency}`);
    expect(await answer(ANN, ANN, 'Cancel!', await question(ANN))).toMatch(/Nothing has changed/);
    expect(await stateOf()).toBe('closed');
  });

  test('the same update, handled twice, acts once', async () => {
    const from = { id: ANN, is_bot: false, first_name: 'Ann' };
    const message = {
      message_id: 7,
      date: 1,
      chat: { id: ANN, type: 'private' },
      from,
      text: `/breaker reset ${dependency} twice`,
    };
    const update = { update_id: 700_000_000 + count, message } as never;
    for (let n = 0; n < 2; n++) {
      await storeUpdates(db, [update]);
      await sql`update telegram_update set state = 'pending', payload = ${JSON.stringify(update)}
        where update_id = ${700_000_000 + count}`.execute(db);
      await settle();
    }
    expect(await transitions()).toHaveLength(1);
  });
});

describe('/breaker with an order, in the group', () => {
  test('leads into the private chat and changes nothing', async () => {
    const said = await ask(ANN, GROUP, `/breaker trip ${dependency} a test`);
    expect(said.text).toMatch(/private chat/);
    expect(said.buttons.flat()[0]!.url).toMatch(/^https:\/\/t\.me\/.*\?start=breaker$/);
    expect(await stateOf()).toBe('closed');
  });

  test('the link shows there what there is to order', async () => {
    expect((await open(ANN, 'breaker')).text).toMatch(/Circuit breakers[\s\S]*\/breaker release/);
  });
});

describe('the buttons of a card', () => {
  test('ask for a reason under the card, do it for who was asked, and the story tells', async () => {
    await order('trip');
    const { ticketId, card } = await cardOf();
    expect(await press(ANN, card, 'Release')).toMatch(/Reply to the question/);
    expect(await stateOf()).toBe('forced_open');
    expect(await answer(ANN, GROUP, 'the deploy is done', await question())).toMatch(/: half_open\n/);
    expect(await stateOf()).toBe('half_open');
    await tellBreakersOnce({ db, tellsProduct: true });
    expect((await findTicket(db, ticketId))!.log.at(-1)!.text).toBe('released by Ann, probing: “the deploy is done”');
  });

  test('hold it for ten minutes', async () => {
    await order('trip');
    const { card } = await cardOf();
    await press(ANN, card, 'Hold 10 min');
    await answer(ANN, GROUP, 'they say it works', await question());
    const { state, forced_until, entered_at } = await breaker();
    expect(state).toBe('forced_closed');
    expect(forced_until!.getTime() - entered_at.getTime()).toBe(600_000);
  });

  test('what somebody else says under the question is talk', async () => {
    await order('trip');
    const { card } = await cardOf();
    await press(ANN, card, 'Reset');
    const asked = await question();
    telegram().say(BEN, GROUP, 'no, please wait', { replyTo: asked });
    telegram().say(STRANGER, GROUP, 'because I say so', { replyTo: asked });
    await settle();
    expect(await stateOf()).toBe('forced_open');
  });

  test('a stale one says what is true and by whom, asks for nothing and changes nothing', async () => {
    await order('trip');
    const { card } = await cardOf();
    await order('release', 'Ben');
    const before = telegram().messages(GROUP).length;
    expect(await press(ANN, card, 'Reset')).toBe('Changed meanwhile: now half-open, by Ben. Nothing was done.');
    expect(telegram().messages(GROUP)).toHaveLength(before);
    expect(await stateOf()).toBe('half_open');
  });

  test('what happened by itself is not said to be anybody’s', async () => {
    await order('trip');
    await order('release');
    const { card } = await cardOf();
    const lease = await acquireLease(db, { name: dependency, replica: 'r-17', lease: randomUUID() });
    await reportLease(db, lease!, 'fail');
    expect(await press(ANN, card, 'Reset')).toBe(
      'Changed meanwhile: now open, by itself: a probe failed. Nothing was done.',
    );
  });

  test('of two engineers who answer with different orders one is obeyed, and the other is told by whom', async () => {
    await order('trip');
    const { card } = await cardOf();
    await press(ANN, card, 'Release');
    const annIsAsked = await question();
    await press(BEN, card, 'Reset');
    const benIsAsked = (
      await telegram().waitForMessage(GROUP, ({ text, messageId }) => messageId > annIsAsked && text.includes('reset'))
    ).messageId;
    telegram().say(ANN, GROUP, 'probe first', { replyTo: annIsAsked });
    telegram().say(BEN, GROUP, 'just go on', { replyTo: benIsAsked });
    await settle();
    expect(await transitions()).toHaveLength(2);
    const { actor } = await breaker();
    const answers = telegram()
      .messages(GROUP)
      .filter(({ text }) => text.startsWith(`${dependency}: `))
      .map(({ text }) => text);
    expect(answers).toHaveLength(2);
    expect(answers.filter((text) => text.includes(`Changed meanwhile`) && text.includes(`by ${actor}`))).toHaveLength(
      1,
    );
  });

  test('pressed twice they ask once', async () => {
    await order('trip');
    const { card } = await cardOf();
    await press(ANN, card, 'Reset');
    const before = telegram().messages(GROUP).length;
    expect(await press(ANN, card, 'Reset')).toMatch(/Reply to the question/);
    expect(telegram().messages(GROUP)).toHaveLength(before);
  });

  test('a question of long ago is not answered any more', async () => {
    await order('trip');
    const { card } = await cardOf();
    await press(ANN, card, 'Reset');
    const asked = await question();
    await sql`update notice set created_at = created_at - interval '11 minutes'`.execute(db);
    expect(await answer(ANN, GROUP, 'all is well', asked)).toMatch(/too long ago/);
    expect(await stateOf()).toBe('forced_open');
  });

  test('who has lost the right to between the press and the reason changes nothing', async () => {
    await order('trip');
    const { card } = await cardOf();
    await press(ANN, card, 'Reset');
    const asked = await question();
    await db.updateTable('person').set({ active: false }).where('telegram_id', '=', ANN).execute();
    expect(await answer(ANN, GROUP, 'all is well', asked)).toContain('only the payments team');
    await db.updateTable('person').set({ active: true }).where('telegram_id', '=', ANN).execute();
    expect(await stateOf()).toBe('forced_open');
    expect((await audited())[0]).toMatchObject({ action: 'breaker:reset', target: dependency, allowed: false });
  });

  test.each([
    ['a viewer', VIC, 'you can read here, but not change anything'],
    ['a stranger in the group', STRANGER, 'only the payments team'],
  ])('%s is answered with a text, is asked nothing and is on record', async (_, who, words) => {
    await order('trip');
    const { ticketId, card } = await cardOf();
    expect(await press(who, card, 'Reset')).toContain(words);
    expect(await stateOf()).toBe('forced_open');
    expect((await audited())[0]).toEqual({
      actor: `telegram:${who}`,
      action: 'press:reset',
      target: `breaker of T-${ticketId}`,
      allowed: false,
    });
  });

  test('Resolve of a card drawn while it was closed is told that it is open again', async () => {
    await order('trip');
    const { ticketId } = await cardOf();
    await insertEvent(db, { state: 'dead', ticketId });
    await order('reset');
    const { card } = await cardOf();
    await press(ANN, card, 'Acknowledge');
    const closed = await showCard(ticketId);
    await order('trip');
    expect(await press(ANN, closed, 'Resolve')).toMatch(/is forced open: T-\d+ stays open until it has closed/);
    expect((await findTicket(db, ticketId))!.state).toBe('acknowledged');
  });
});
