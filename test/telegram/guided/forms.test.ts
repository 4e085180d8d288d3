import { randomUUID } from 'node:crypto';
import { Api } from 'grammy';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { findPerson } from '../../../src/people/person-store.ts';
import type { BotDeps } from '../../../src/telegram/bot-context.ts';
import { ask, conversationName, type Form, skip, stop, taken, wrong } from '../../../src/telegram/guided/form.ts';
import { FORMS } from '../../../src/telegram/guided/forms.ts';
import { runGuidedOnce } from '../../../src/telegram/guided/guided.ts';
import { takeTurn } from '../../../src/telegram/guided/take-turn.ts';
import { ANN, BEN, createChatRoom, ENGINEERING_CHAT_ID as GROUP, STRANGER, VIC } from '../chat-room.ts';

vi.setConfig({ testTimeout: 20_000 });

let aheadMs = 0;
const clock = { now: () => new Date(Date.now() + aheadMs) };
const done: { commandId: string; answers: Record<string, string> }[] = [];

/** Three questions and a confirmation; `short` is asked only after `long`. */
const cake: Form = {
  name: 'breaker',
  version: 7,
  title: '🎂 Cake',
  act: 'breaker',
  steps: [
    {
      name: 'size',
      ask: async () =>
        ask('Which size?', [
          { label: 'Small', value: 'small' },
          { label: 'Large', value: 'large' },
        ]),
      read: async (_tools, raw) => (raw === 'small' || raw === 'large' ? taken(raw) : wrong('Small or large.')),
    },
    {
      name: 'candles',
      ask: async (_tools, { size }) => (size === 'small' ? skip('1') : ask('How many candles?')),
      read: async (_tools, raw) => (/^\d+$/.test(raw) ? taken(raw) : wrong('A number, please.')),
    },
    {
      name: 'name',
      ask: async () => ask('Whose name?'),
      read: async (_tools, raw) =>
        raw === 'nobody' ? stop('There is no such cake. Nothing was changed.') : taken(raw),
    },
    {
      name: 'confirm',
      ask: async (_tools, answers) => ask(`Bake ${JSON.stringify(answers)}?`, [{ label: 'Bake', value: 'yes' }]),
      read: async (_tools, raw) => (raw === 'yes' ? taken('yes') : wrong('Press Bake.')),
    },
  ],
  carryOut: async (_deps, { commandId, answers }) => {
    done.push({ commandId, answers });
    return `Baked for ${answers.name}.`;
  },
};

const chat = await createChatRoom({ clock, forms: [cake] });
const { ask: say, open, telegram, db, settle, deliver, audited, last, labels } = chat;

const shows = (text: string | RegExp) =>
  vi.waitFor(() => expect(last().text).toMatch(text), { timeout: 8_000, interval: 10 });
const press = async (button: string) => {
  await telegram().press(ANN, ANN, last().messageId, button).answer;
  await settle();
};
const type = async (text: string) => {
  telegram().say(ANN, ANN, text);
  await settle();
};
const begin = async () => {
  await say(ANN, ANN, '/breaker trip');
  await shows('Which size?');
  await settle();
};
const row = () => db.selectFrom('guided').selectAll().orderBy('id', 'desc').executeTakeFirstOrThrow();

beforeEach(async () => {
  done.length = 0;
  await open(ANN);
  await db.updateTable('person').set({ role: 'engineer' }).where('telegram_id', '=', ANN).execute();
});

describe('a form', () => {
  test('asks one question after another, says where one is, and does once what was confirmed', async () => {
    await begin();
    expect(last().text).toContain('🎂 Cake · 1/4');
    expect(labels()).toEqual(['Small', 'Large', '✖ Cancel']);
    await press('Large');
    expect(last().text).toContain('2/4');
    await type('12');
    await type('Jane');
    expect(last().text).toMatch(/4\/4[\s\S]*"size":"large","candles":"12","name":"Jane"/);
    await press('Bake');
    await shows('Baked for Jane.');
    expect(labels()).toEqual([]);
    expect(done).toEqual([
      { commandId: `guided:${(await row()).id}`, answers: expect.objectContaining({ name: 'Jane' }) },
    ]);
  });

  test('is one message while buttons are pressed, and a new one below what was typed', async () => {
    await begin();
    const first = last().messageId;
    await press('Large');
    expect(last().messageId).toBe(first);
    await type('12');
    expect(last().messageId).toBeGreaterThan(first);
    expect(telegram().message(ANN, first).buttons.flat()).toEqual([]);
  });

  test('goes back, past what it did not ask', async () => {
    await begin();
    await press('Small');
    await shows('Whose name?');
    await press('◀ Back');
    await shows('Which size?');
    expect(labels()).not.toContain('◀ Back');
    await press('Large');
    await shows('How many candles?');
  });

  test('keeps nothing of what was said once it is over', async () => {
    await begin();
    await press('Large');
    await type('/cancel');
    expect(await row()).toMatchObject({ phase: 'ended', state: null, answers: {}, action: null, deadline: null });
  });
});

const WAYS: [string, string[]][] = [
  ['size', []],
  ['candles', ['Large']],
  ['name', ['Small']],
  ['confirm', ['Small', 'Jane']],
];
const walk = async (way: string[]) => {
  await begin();
  for (const one of way) await (labels().includes(one) ? press(one) : type(one));
};

describe.each(WAYS)('at the step of %s', (step, way) => {
  test.each(['/cancel', '✖ Cancel'])('%s ends it and changes nothing', async (cancel) => {
    await walk(way);
    expect((await row()).screen).toMatchObject({ step });
    await (cancel.startsWith('/') ? type(cancel) : press(cancel));
    await shows(/Cancelled. Nothing was changed/);
    expect(labels()).toEqual([]);
    expect(done).toEqual([]);
  });

  test('three answers it cannot take end it, with the reason', async () => {
    await walk(way);
    if (step === 'name') return; // takes every word
    for (const n of [1, 2]) {
      await type('?!');
      expect(last().text, `after ${n}`).toMatch(/⚠ /);
    }
    await type('?!');
    await shows(/Ended after three answers that I could not take[\s\S]*Nothing was changed/);
    expect(done).toEqual([]);
  });

  test('idle for five minutes it is ended actively, and its message says so', async () => {
    await walk(way);
    const { messageId } = last();
    aheadMs += 5 * 60_000 + 1;
    await runGuidedOnce({ deps: depsOf(), api: apiOf(), forms: [cake] });
    expect(telegram().message(ANN, messageId).text).toMatch(/Expired: no answer for five minutes. Nothing was changed/);
    expect(telegram().message(ANN, messageId).buttons.flat()).toEqual([]);
    expect(done).toEqual([]);
  });

  test('a person who has lost the right to ends it with the next answer', async () => {
    await walk(way);
    await db.updateTable('person').set({ role: 'viewer' }).where('telegram_id', '=', ANN).execute();
    await type('yes');
    await shows(/you can read here, but not change anything[\s\S]*Nothing was changed/);
    expect(done).toEqual([]);
  });

  test('a picture is no answer', async () => {
    await walk(way);
    await chat.deliver({
      message: {
        message_id: 1,
        date: 1,
        chat: { id: ANN, type: 'private' },
        from: { id: ANN, is_bot: false, first_name: 'Ann' },
        photo: [],
      },
    });
    await shows(/Press one of the buttons, or type the answer as text/);
    await type('/cancel');
  });
});

describe('what does not belong to a form', () => {
  test('commands and other buttons work in the middle of one', async () => {
    const { transactions } = await chat.seedTicket(1);
    await begin();
    expect((await say(ANN, ANN, `/tx ${transactions[0]}`)).text).toContain(transactions[0]);
    expect((await row()).phase).toBe('asking');
    await type('/cancel');
  });

  test('beginning another ends the first', async () => {
    await begin();
    const first = last().messageId;
    await begin();
    expect(telegram().message(ANN, first).text).toContain('You have begun something else');
    await type('/cancel');
  });

  test('a button of a question that was answered does nothing', async () => {
    await begin();
    await press('Large');
    const { id, turn } = await row();
    await chat.deliver(pressOf(`g:${id}:${turn - 1}:0`));
    expect(await row()).toMatchObject({ turn, phase: 'asking' });
    await type('/cancel');
  });

  test.each([
    'g:1:1:0',
    'g:999999999:0:0',
    'g:1:0:99',
    'g:x:y:z',
    'g:',
    'g:1:0:drop table',
    'o:1:approve:x',
    'o:1:sudo:aaaaaaaaaaaaaaaaaaaaaa',
  ])('a made-up payload %s does nothing', async (data) => {
    await begin();
    const before = await row();
    await chat.deliver(pressOf(data));
    expect(await row()).toMatchObject({ id: before.id, turn: before.turn, phase: 'asking' });
    expect(chat.dead).toEqual([]);
    await type('/cancel');
  });

  test('words in private without a form get their hint, and /cancel says that there is nothing', async () => {
    expect((await say(ANN, ANN, 'hello')).text).toContain('I only understand commands');
    expect((await say(ANN, ANN, '/cancel')).text).toContain('nothing to cancel');
  });

  test('a viewer cannot begin one', async () => {
    await open(VIC);
    expect((await say(VIC, VIC, '/breaker trip')).text).toContain('you can read here');
  });
});

let presses = 0;
const pressOf = (data: string) => {
  presses += 1;
  return {
    callback_query: {
      id: `made-up-${presses}`,
      chat_instance: '1',
      from: { id: ANN, is_bot: false, first_name: 'Ann' },
      message: {
        message_id: 1,
        date: 1,
        chat: { id: ANN, type: 'private' },
        from: { id: telegram().bot.id, is_bot: true, first_name: 'b' },
      },
      data,
    },
  };
};

const depsOf = (): BotDeps => ({ ...chat.settings(), clock, wake: () => {} });
const apiOf = () => new Api(telegram().token, { apiRoot: chat.room.sandbox.url });

describe('between replicas', () => {
  const lane = { chatId: ANN, threadId: null, personId: ANN };
  let updates = 900_000_000;
  const stepOf = async (updateId: number) => ({
    lane,
    updateId,
    person: (await findPerson(db, ANN))!,
    isProven: false,
  });

  test('one answer that two replicas hold is taken once', async () => {
    await begin();
    const { id, turn } = await row();
    updates += 1;
    const step = await stepOf(updates);
    const move = { kind: 'press', id, turn, word: '1' } as const;
    const results = await Promise.all([1, 2, 3, 4].map(() => takeTurn(depsOf(), [cake], step, move)));
    expect(results.map(({ outcome }) => outcome).sort()).toEqual(['moved', 'stale', 'stale', 'stale']);
    expect(await row()).toMatchObject({ turn: turn + 1 });
    await type('/cancel');
  });

  test('a turn that fails halfway has changed nothing, and is taken when it comes again', async () => {
    await begin();
    const before = await row();
    const failing: Form = {
      ...cake,
      steps: cake.steps.map((one) =>
        one.name === 'candles' ? { ...one, ask: async () => Promise.reject(new Error('the database is away')) } : one,
      ),
    };
    updates += 1;
    const step = await stepOf(updates);
    const move = { kind: 'press', id: before.id, turn: before.turn, word: '1' } as const;
    await expect(takeTurn(depsOf(), [failing], step, move)).rejects.toThrow('the database is away');
    expect(await row()).toEqual(before);
    expect(await takeTurn(depsOf(), [cake], step, move)).toMatchObject({ outcome: 'moved' });
    await type('/cancel');
  });

  test('what was confirmed and not carried out is carried out by whoever looks next', async () => {
    await walk(['Small', 'Jane']);
    const { id, turn } = await row();
    updates += 1;
    await takeTurn(depsOf(), [cake], await stepOf(updates), { kind: 'press', id, turn, word: '0' });
    expect(done).toEqual([]);
    aheadMs += 31_000;
    await runGuidedOnce({ deps: depsOf(), api: apiOf(), forms: [cake] });
    await runGuidedOnce({ deps: depsOf(), api: apiOf(), forms: [cake] });
    expect(done).toHaveLength(1);
    expect(await row()).toMatchObject({ phase: 'ended' });
  });

  test('what was confirmed before a freeze and not carried out is not carried out in it', async () => {
    await walk(['Small', 'Jane']);
    const { id, turn } = await row();
    updates += 1;
    await takeTurn(depsOf(), [cake], await stepOf(updates), { kind: 'press', id, turn, word: '0' });
    const frozen = { frozen_at: new Date(), frozen_by: 'Ben', reason: 'the keys are out' };
    await db.updateTable('change_freeze').set(frozen).execute();
    aheadMs += 31_000;
    await runGuidedOnce({ deps: depsOf(), api: apiOf(), forms: [cake] });
    await db.updateTable('change_freeze').set({ frozen_at: null, frozen_by: null, reason: null }).execute();
    expect(done).toEqual([]);
    expect(last().text).toContain('People may change nothing at the moment');
  });

  test('what somebody had confirmed who may not by now is not carried out', async () => {
    await walk(['Small', 'Jane']);
    const { id, turn } = await row();
    updates += 1;
    await takeTurn(depsOf(), [cake], await stepOf(updates), { kind: 'press', id, turn, word: '0' });
    await db.updateTable('person').set({ active: false }).where('telegram_id', '=', ANN).execute();
    aheadMs += 31_000;
    await runGuidedOnce({ deps: depsOf(), api: apiOf(), forms: [cake] });
    await db.updateTable('person').set({ active: true }).where('telegram_id', '=', ANN).execute();
    expect(done).toEqual([]);
    expect(last().text).toContain('You may no longer do this');
  });

  test('an update that is handled twice is one answer, not the answer to the next question as well', async () => {
    await begin();
    await press('Large');
    const said = { message_id: 77_001, date: 1, chat: { id: ANN, type: 'private' }, text: '7' };
    const from = { id: ANN, is_bot: false, first_name: 'Ann' };
    await deliver({ message: { ...said, from } });
    const once = await row();
    await db
      .updateTable('telegram_update')
      .set({
        state: 'pending',
        payload: JSON.stringify({ update_id: once.last_update_id, message: { ...said, from } }),
      })
      .where('update_id', '=', once.last_update_id!)
      .execute();
    await settle();
    expect((await row()).turn).toBe(once.turn);
    expect((await row()).answers).toEqual({ size: 'large', candles: '7' });
    await type('/cancel');
  });

  test('an answer after its time ends a form that nobody has looked after yet', async () => {
    await walk(['Small', 'Jane']);
    aheadMs += 5 * 60_000 + 1;
    const { id, turn } = await row();
    updates += 1;
    await takeTurn(depsOf(), [cake], await stepOf(updates), { kind: 'press', id, turn, word: '0' });
    expect(await row()).toMatchObject({ phase: 'ended', screen: { text: expect.stringContaining('Expired') } });
    expect(done).toEqual([]);
  });

  test('what was written and not shown is shown by whoever looks next', async () => {
    await begin();
    const { id, turn } = await row();
    updates += 1;
    await takeTurn(depsOf(), [cake], await stepOf(updates), { kind: 'press', id, turn, word: '1' });
    expect(last().text).toContain('Which size?');
    aheadMs += 31_000;
    await runGuidedOnce({ deps: depsOf(), api: apiOf(), forms: [cake] });
    expect(last().text).toContain('How many candles?');
    await type('/cancel');
  });
});

describe('a form’s button that somebody made up', () => {
  const madeUp = async (who: number, chatId: number, more: object = {}) => {
    const { id, turn } = await row();
    const bot = { id: telegram().bot.id, is_bot: true, first_name: 'b' };
    const message = { message_id: 5, date: 1, chat: { id: chatId, type: 'private' }, from: bot, ...more };
    const from = { id: who, is_bot: false, first_name: 'x' };
    const callback_query = { id: randomUUID(), from, chat_instance: '1', data: `g:${id}:${turn}:0`, message };
    await deliver({ callback_query });
    return (await audited())[0];
  };

  test.each([
    ['by a stranger', STRANGER, STRANGER, {}],
    ['by a colleague, in their own chat', BEN, BEN, {}],
    ['by a colleague, in the chat of another', BEN, ANN, {}],
    ['in the group', ANN, GROUP, {}],
    ['in a forwarded message', ANN, ANN, { forward_origin: { type: 'user' } }],
  ] as const)('moves nothing and is on record: %s', async (_, who, chatId, more) => {
    await begin();
    const before = await row();
    expect(await madeUp(who, chatId, more)).toMatchObject({ action: 'press:form', actor: `telegram:${who}` });
    expect(await row()).toEqual(before);
    await type('/cancel');
  });

  test('by somebody who was removed is refused, also when no form is open', async () => {
    await begin();
    await type('/cancel');
    await db.updateTable('person').set({ active: false }).where('telegram_id', '=', ANN).execute();
    const record = await madeUp(ANN, ANN);
    await db.updateTable('person').set({ active: true }).where('telegram_id', '=', ANN).execute();
    expect(record).toMatchObject({ action: 'press:form', allowed: false });
  });
});

test('the version is part of the name under which the plugin keeps a form, so that no log is replayed by other code', () => {
  expect(conversationName({ name: 'cake', version: 1 })).not.toBe(conversationName({ name: 'cake', version: 2 }));
  expect(new Set(FORMS.map(conversationName)).size).toBe(FORMS.length);
});

test('what cannot be carried out is given up after ten minutes, and says so', async () => {
  await walk(['Small', 'Jane']);
  const { id, turn } = await row();
  const broken: Form = { ...cake, carryOut: () => Promise.reject(new Error('no oven')) };
  const step = {
    lane: { chatId: ANN, threadId: null, personId: ANN },
    updateId: 940_000_001,
    person: (await findPerson(db, ANN))!,
    isProven: false,
  };
  await takeTurn(depsOf(), [broken], step, { kind: 'press', id, turn, word: '0' });
  aheadMs += 31_000;
  await runGuidedOnce({ deps: depsOf(), api: apiOf(), forms: [broken] });
  expect(await row()).toMatchObject({ phase: 'acting' });
  aheadMs += 10 * 60_000;
  await runGuidedOnce({ deps: depsOf(), api: apiOf(), forms: [broken] });
  expect(await row()).toMatchObject({ phase: 'ended', screen: { text: expect.stringMatching(/could not be done/) } });
});

test('the steps of each form are as its version has them: who changes them raises it', () => {
  expect(
    FORMS.map((form) => `${form.name}.v${form.version}: ${form.steps.map((step) => step.name).join(' ')}`),
  ).toEqual([
    'retry.v1: payment confirm',
    'retry-many.v1: ticket count confirm',
    'breaker.v1: breaker epoch order reason until confirm',
    'override.v1: customer again feature until payment ticket reason evidence confirm',
  ]);
});

describe('after an update of the code', () => {
  const next: Form = {
    ...cake,
    version: 8,
    steps: [cake.steps[0]!, { ...cake.steps[1]!, name: 'wicks' }, cake.steps[2]!, cake.steps[3]!],
  };
  const lane = { chatId: ANN, threadId: null, personId: ANN };
  const move = async (forms: Form[], updateId: number) => {
    const { id, turn } = await row();
    const step = { lane, updateId, person: (await findPerson(db, ANN))!, isProven: false };
    return takeTurn(depsOf(), forms, step, { kind: 'press', id, turn, word: '0' });
  };

  test('who is in the middle ends it as it was begun, while the version before is registered', async () => {
    await walk(['Small', 'Jane']);
    await move([next, cake], 950_000_001);
    expect(await row()).toMatchObject({ phase: 'acting', version: 7, action: { answers: { name: 'Jane' } } });
    await db.deleteFrom('guided').execute();
  });

  test('when it is not, they are told, and begin again with their answers kept', async () => {
    await walk(['Large', '12', 'Jane']);
    const old = await row();
    const moved = await move([next], 950_000_002);
    expect(moved).toMatchObject({ outcome: 'moved', ids: [old.id, expect.any(Number)] });
    const [before, after] = await db.selectFrom('guided').selectAll().where('id', '>=', old.id).orderBy('id').execute();
    expect(before).toMatchObject({
      phase: 'ended',
      screen: { text: expect.stringMatching(/begins again, with your answers kept/) },
    });
    expect(after).toMatchObject({ phase: 'asking', version: 8, screen: { step: 'wicks' }, answers: { size: 'large' } });
    await db.deleteFrom('guided').execute();
  });
});

test('a form speaks to Telegram only through its row: Telegram away, the answer is kept, and shown when it is back', async () => {
  await begin();
  telegram().fault({ kind: 'cut-before', method: 'editMessageText', chatId: ANN });
  await press('Large');
  await shows('How many candles?');
  await type('/cancel');
});

test('the inbox keeps nothing secret in a form: six digits are no answer', async () => {
  await walk(['Small']);
  telegram().say(ANN, ANN, '123456');
  await settle();
  expect(JSON.stringify(await db.selectFrom('guided').selectAll().execute())).not.toContain('123456');
  await type('/cancel');
});

test('every form has its own name, a version, and a confirmation at its end that costs at least R2', () => {
  for (const form of FORMS) {
    expect(form.steps.at(-1)!.name).toBe('confirm');
    expect(['R2', 'R3']).toContain(form.steps.at(-1)!.risk);
    expect(new Set(form.steps.map((step) => step.name)).size).toBe(form.steps.length);
  }
  expect(new Set(FORMS.map((form) => `${form.name}.v${form.version}`)).size).toBe(FORMS.length);
});
