import { Api } from 'grammy';
import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { ensureBreaker } from '../../../src/breaker/breaker-store.ts';
import { completeSettings, DEFAULT_BREAKER } from '../../../src/breaker/settings.ts';
import { ticketName } from '../../../src/escalation/ticket-view.ts';
import { findPerson } from '../../../src/people/person-store.ts';
import { FORMS } from '../../../src/telegram/guided/forms.ts';
import { startForm } from '../../../src/telegram/guided/guided.ts';
import { ANN, createChatRoom } from '../chat-room.ts';

vi.setConfig({ testTimeout: 20_000 });

let aheadMs = 0;
const clock = { now: () => new Date(Date.now() + aheadMs) };
const chat = await createChatRoom({ clock });
const { db, open, ask, telegram, settle, last, labels } = chat;

/** `good` is pressed where a button has these words, else typed; of `bad` all are typed, and `why` is what the last is told. */
type Asked = { good: () => string; bad: [string, string, string]; why: RegExp };
/** It finds its answer itself: nobody is ever at it. */
const NEVER_ASKED = 'never asked';
type Row = Asked | typeof NEVER_ASKED;

const seeded = { transaction: '', ticket: '' };
const BREAKER = 'provider:walked';
const CUSTOMER = 'customer-7';
const TOO_LONG: Asked['bad'] = ['x'.repeat(501), 'y'.repeat(600), 'z'.repeat(700)];

/** One row for each step of each form. */
const ANSWERS: Record<string, Record<string, Row>> = {
  retry: {
    payment: {
      good: () => seeded.transaction,
      bad: ['nothing', 'acme nothing', '?!'],
      why: /I know no payment/,
    },
    confirm: { good: () => '🔁 Retry', bad: ['yes', '🔁 Retry', '0'], why: /Press “🔁 Retry”, or Cancel/ },
  },
  'retry-many': {
    ticket: { good: () => seeded.ticket, bad: ['soon', 'T-0', 'T-999999999'], why: /There is no such ticket/ },
    count: NEVER_ASKED,
    confirm: {
      good: () => '🔁 Retry them',
      bad: ['yes', '🔁 Retry them', '0'],
      why: /Press “🔁 Retry them”, or Cancel/,
    },
  },
  breaker: {
    breaker: {
      good: () => `${BREAKER}: closed`,
      bad: ['nowhere', `${BREAKER}: closed`, '0'],
      why: /There is no breaker 0/,
    },
    epoch: NEVER_ASKED,
    order: {
      good: () => '⛔ Trip: call nothing',
      bad: ['open', 'trip it', '0'],
      why: /told to trip, release, reset or hold/,
    },
    reason: { good: () => 'the product is being moved', bad: TOO_LONG, why: /At most 300 characters/ },
    until: { good: () => '30m', bad: ['soon', '0m', '31d'], why: /A trip lasts 30 days at most/ },
    confirm: { good: () => '🔌 Do it', bad: ['yes', '🔌 Do it', '0'], why: /Press “🔌 Do it”, or Cancel/ },
  },
  override: {
    customer: {
      good: () => CUSTOMER,
      // An id is measured in bytes: this one has 128 letters.
      bad: ['4242 4242 4242 4242', 'x'.repeat(256), 'ü'.repeat(128)],
      why: /too long for an id/,
    },
    again: { good: () => CUSTOMER, bad: ['customer-8', 'Customer-7', 'yes'], why: /another id than before/ },
    feature: { good: () => 'premium', bad: ['gold', 'PREMIUM', '0'], why: /No plan has a feature 0/ },
    until: { good: () => '7 days', bad: ['soon', '2020-01-01', '32d'], why: /At most 31 days/ },
    payment: {
      good: () => 'No payment is known',
      bad: ['nothing', 'Acme tx456', `acme ${'x'.repeat(256)}`],
      why: /too long for an id/,
    },
    ticket: { good: () => 'No ticket', bad: ['none', 'T-0', 'T-999999999'], why: /There is no such ticket/ },
    reason: { good: () => 'the webhook was refused', bad: TOO_LONG, why: /At most 500 characters/ },
    evidence: { good: () => 'Nothing beside the reason', bad: TOO_LONG, why: /At most 500 characters/ },
    confirm: { good: () => '🛠 Ask for it', bad: ['yes', '🛠 Ask for it', '0'], why: /Press “🛠 Ask for it”, or Cancel/ },
  },
};

const rowOf = (form: string, step: string): Row => {
  const row = ANSWERS[form]?.[step];
  if (!row) throw new Error(`no answers are known for ${form}, ${step}`);
  return row;
};
const STEPS = FORMS.flatMap((form) => form.steps.map((step) => ({ form: form.name, step: step.name })));
const isAsked = ({ form, step }: { form: string; step: string }) => ANSWERS[form]?.[step] !== NEVER_ASKED;

const type = async (text: string) => {
  telegram().say(ANN, ANN, text);
  await settle();
};
const press = async (button: string) => {
  const answer = await telegram().press(ANN, ANN, last().messageId, button).answer;
  await settle();
  return answer.kind === 'answered' ? answer.text : 'EXPIRED';
};
const guided = () => db.selectFrom('guided').selectAll().orderBy('id', 'desc').executeTakeFirstOrThrow();

/** Begun with nothing known, so that everything is asked. */
let updates = 960_000_000;
const begin = async (form: string) => {
  updates += 1;
  const api = new Api(telegram().token, { apiRoot: chat.room.sandbox.url });
  const deps = { ...chat.settings(), clock, wake: () => {} };
  const person = (await findPerson(db, ANN))!;
  const sender = { kind: 'human', id: ANN, firstName: 'Ann', username: null } as const;
  const bot = { username: telegram().bot.username! };
  const request = { updateId: updates, sender, person, scope: 'private', isProven: false, bot } as const;
  const place = { chat: { id: ANN, type: 'private', first_name: 'Ann' } } as const;
  await startForm({ deps, api, forms: FORMS }, request, place, { form, given: {} });
};
const giveGood = async ({ good }: Asked) => {
  const answer = good();
  await (labels().includes(answer) ? press(answer) : type(answer));
};
/** Answers well until this step is asked. */
const walkTo = async (form: string, step: string, other: Record<string, Asked['good']> = {}) => {
  await begin(form);
  for (const { name } of FORMS.find((one) => one.name === form)!.steps) {
    const row = rowOf(form, name);
    if (row === NEVER_ASKED) continue;
    expect(await guided()).toMatchObject({ form, phase: 'asking', screen: { step: name } });
    if (name === step) return;
    await giveGood({ ...row, good: other[name] ?? row.good });
  }
};

/** All that a form could change. */
const TOUCHED = [
  'event',
  'redrive',
  'staged_redrive',
  'override',
  'entitlement',
  'breaker',
  'breaker_command',
  'breaker_transition',
  'ticket',
  'ticket_act',
  'ticket_log',
  'notice',
] as const;
const look = async () =>
  Object.fromEntries(
    await Promise.all(TOUCHED.map(async (table) => [table, await db.selectFrom(table).selectAll().execute()] as const)),
  );
let before: Awaited<ReturnType<typeof look>>;
const countNew = (table: (typeof TOUCHED)[number], now: typeof before) => now[table]!.length - before[table]!.length;

const expectEnded = async (words: RegExp) => {
  expect(last().text).toMatch(words);
  expect(labels()).toEqual([]);
  expect(await guided()).toMatchObject({ phase: 'ended', state: null, answers: {}, action: null });
  expect(await look()).toEqual(before);
};

let isSeeded = false;
beforeAll(async () => {
  await ensureBreaker(db, BREAKER, completeSettings(DEFAULT_BREAKER, 10_000));
  const { transactions } = await chat.seedTicket(1);
  const many = await chat.seedTicket(3);
  Object.assign(seeded, { transaction: transactions[0], ticket: ticketName(many.ticketId) });
});
beforeEach(async () => {
  if (!isSeeded) await open(ANN);
  isSeeded = true;
  before = await look();
});

test('every step of every form has its answers here, and every answer its step', () => {
  const rows = Object.entries(ANSWERS).flatMap(([form, steps]) => Object.keys(steps).map((step) => ({ form, step })));
  expect(rows).toEqual(STEPS);
});

describe.each(STEPS.filter(isAsked))('$form, at $step', ({ form, step }) => {
  test('/cancel ends it and changes nothing', async () => {
    await walkTo(form, step);
    await type('/cancel');
    await expectEnded(/✖ Cancelled\. Nothing was changed\./);
  });

  test('three typed answers that it cannot take end it with the reason, and change nothing', async () => {
    await walkTo(form, step);
    const { bad, why } = rowOf(form, step) as Asked;
    for (const answer of bad.slice(0, 2)) {
      await type(answer);
      expect(last().text, answer).toMatch(/⚠ /);
      expect(await guided()).toMatchObject({ phase: 'asking', screen: { step } });
    }
    await type(bad[2]);
    await expectEnded(/✖ Ended after three answers that I could not take\. The last: [\s\S]* Nothing was changed\./);
    expect(last().text).toMatch(why);
  });
});

describe('breaker, at until, of a hold, which has bounds of its own', () => {
  const hold = { order: () => '✊ Hold closed: call whatever happens' };

  test('/cancel ends it and changes nothing', async () => {
    await walkTo('breaker', 'until', hold);
    await type('/cancel');
    await expectEnded(/✖ Cancelled\. Nothing was changed\./);
  });

  test('three ends that it cannot take end it with the reason, and change nothing', async () => {
    await walkTo('breaker', 'until', hold);
    for (const end of ['-', '0m', '2h']) await type(end);
    await expectEnded(/Ended after three answers[\s\S]*A hold lasts an hour at most\. Nothing was changed\./);
  });
});

describe('the same answers, confirmed, do it', () => {
  test.each([
    ['retry', '🔁 Retry', 'redrive', /Retrying tx/],
    ['retry-many', '🔁 Retry them', 'staged_redrive', /3 payments are being tried again/],
    ['breaker', '🔌 Do it', 'breaker_command', /provider:walked: forced_open/],
  ] as const)('%s', async (form, button, table, words) => {
    await walkTo(form, 'confirm');
    await press(button);
    expect(last().text).toMatch(words);
    expect(countNew(table, await look())).toBe(1);
  });

  describe('override, which waits for a code', () => {
    const STEP_MS = 30_000;
    const typeCode = async () => {
      await type(telegram().code(ANN, Math.round(aheadMs / STEP_MS)));
      aheadMs += 60_000;
    };

    beforeEach(async () => {
      await db.deleteFrom('second_factor').where('person_id', '=', ANN).execute();
      await ask(ANN, ANN, '/enroll');
      await typeCode();
      await walkTo('override', 'confirm');
      expect(await press('🛠 Ask for it')).toMatch(/needs a code/);
    });

    test('/cancel while it waits ends it: the code that comes then does nothing', async () => {
      await type('/cancel');
      await expectEnded(/✖ Cancelled\. Nothing was changed\./);
      await typeCode();
      expect(await look()).toEqual(before);
    });

    test('with the code it is asked for', async () => {
      await typeCode();
      expect(last().text).toMatch(/O-\d+ is asked for/);
      expect(countNew('override', await look())).toBe(1);
    });
  });
});
