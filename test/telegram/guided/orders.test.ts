import { beforeEach, describe, expect, test, vi } from 'vitest';
import { ensureBreaker } from '../../../src/breaker/breaker-store.ts';
import { commandBreaker } from '../../../src/breaker/command.ts';
import { completeSettings, DEFAULT_BREAKER } from '../../../src/breaker/settings.ts';
import { ANN, createChatRoom } from '../chat-room.ts';

vi.setConfig({ testTimeout: 20_000 });
const chat = await createChatRoom({ tellsProduct: true });
const { db, open, telegram, settle, last, labels } = chat;

const SETTINGS = completeSettings({ ...DEFAULT_BREAKER, closeAfter: 1 }, 10_000);
const shows = (text: RegExp) => expect(last().text).toMatch(text);
const type = async (text: string) => {
  telegram().say(ANN, ANN, text);
  await settle();
};
const press = async (button: string) => {
  await telegram().press(ANN, ANN, last().messageId, button).answer;
  await settle();
};
let count = 0;
let dependency = '';
const stateOf = async (name: string) =>
  (await db.selectFrom('breaker').select('state').where('name', '=', name).executeTakeFirstOrThrow()).state;

beforeEach(async () => {
  await db.deleteFrom('guided').execute();
  count += 1;
  dependency = `provider:form${count}`;
  await ensureBreaker(db, dependency, SETTINGS);
  await open(ANN);
});

describe('an order to a breaker, step by step', () => {
  test('says what it touches before it does it', async () => {
    await type('/breaker trip');
    await press(`${dependency}: closed`);
    shows(/4\/6[\s\S]*For what reason/);
    await type('the product is being moved');
    await press('30m');
    shows(/6\/6[\s\S]*trip provider:form\d+, for 30m: the product is being moved[\s\S]*It touches 0 calls/);
    expect(await stateOf(dependency)).toBe('closed');
    await press('Do it');
    shows(/: forced_open[\s\S]*changed by Ann, until/);
    expect(await stateOf(dependency)).toBe('forced_open');
  });

  test.each([
    ['a hold without an end', 'hold', 'soon', /Type it like 30m/],
    ['a hold over an hour', 'hold', '2h', /A hold lasts an hour at most/],
    ['a trip over a month', 'trip', '31d', /A trip lasts 30 days at most/],
    ['an end at once', 'trip', '0m', /Type it like 30m/],
  ])('%s is asked about again', async (_, order, end, words) => {
    await type(`/breaker ${order}`);
    await type(dependency);
    await type('a test');
    await type(end);
    shows(words);
    expect(await stateOf(dependency)).toBe('closed');
  });

  test('a reset asks for no end, and a breaker that is not there is asked for again', async () => {
    await type('/breaker reset');
    await type('nowhere');
    shows(/There is no breaker nowhere/);
    await type(dependency);
    await type('a test');
    shows(/6\/6[\s\S]*reset/);
  });

  test('one that has changed meanwhile is not touched', async () => {
    await type('/breaker hold');
    await type(dependency);
    await type('a test');
    const trip = {
      verb: 'trip',
      reason: 'Ben was quicker',
      ttlMs: null,
      actor: 'Ben',
      commandId: `ben:${count}`,
    } as const;
    await commandBreaker(db, { ...trip, dependency });
    await press('10m');
    shows(/It has changed meanwhile and is forced open now. Nothing was changed/);
    expect(await stateOf(dependency)).toBe('forced_open');
  });

  test('one that changes between the last look and the press is not touched either', async () => {
    await type('/breaker hold');
    await type(dependency);
    await type('a test');
    await press('10m');
    const trip = {
      verb: 'trip',
      reason: 'Ben was quicker',
      ttlMs: null,
      actor: 'Ben',
      commandId: `ben:${count}`,
    } as const;
    await commandBreaker(db, { ...trip, dependency });
    await press('Do it');
    shows(/Changed meanwhile: now forced open, by Ben/);
    expect(await stateOf(dependency)).toBe('forced_open');
  });
});

describe('a retry of many, step by step', () => {
  const states = async (ticketId: number) => {
    const rows = await db.selectFrom('event').select('state').where('ticket_id', '=', ticketId).execute();
    return rows.map((row) => row.state).sort();
  };

  test('counts them, begins with one, and tells its progress', async () => {
    const { ticketId } = await chat.seedTicket(8);
    await type(`/retry T-${ticketId}`);
    shows(/3\/3[\s\S]*8 payments would be tried again: one at first, then five, then the rest/);
    await press('Retry them');
    shows(/8 payments are being tried again, one at first/);
    expect((await states(ticketId)).filter((state) => state === 'pending')).toHaveLength(1);
    const notice = await db.selectFrom('notice').selectAll().where('kind', '=', 'staged').executeTakeFirstOrThrow();
    expect(notice).toMatchObject({ person_id: ANN, ticket_id: ticketId });
  });

  test('another number than was shown is not tried', async () => {
    const { ticketId } = await chat.seedTicket(3);
    await type(`/retry T-${ticketId}`);
    await chat.seedDeadEvent(db, 'acme', `late-${count}`, ticketId);
    await press('Retry them');
    shows(/There are 4 by now instead of 3. Nothing was changed/);
    expect(await states(ticketId)).toEqual(['dead', 'dead', 'dead', 'dead']);
  });

  test('with nothing dead, or no such ticket, it says so', async () => {
    await type('/retry T-999999');
    shows(/There is no such ticket/);
    expect(labels()).toEqual(['✖ Cancel']);
    const { ticketId } = await chat.seedTicket(1);
    await db.updateTable('event').set({ settled_by: 'Ben' }).where('ticket_id', '=', ticketId).execute();
    await type(`T-${ticketId}`);
    shows(/Nothing to retry on T-/);
  });

  test('while the breaker is open it says that a retry would only wait', async () => {
    await ensureBreaker(db, 'activation', SETTINGS);
    const trip = {
      verb: 'trip',
      reason: 'a test',
      ttlMs: null,
      actor: 'Ben',
      commandId: `activation:${count}`,
    } as const;
    await commandBreaker(db, { ...trip, dependency: 'activation' });
    const { ticketId } = await chat.seedTicket(2);
    await type(`/retry T-${ticketId}`);
    shows(/breaker of activation is forced open: nothing is called/);
    expect(await states(ticketId)).toEqual(['dead', 'dead']);
  });
});
