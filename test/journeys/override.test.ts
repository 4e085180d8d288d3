import { beforeAll, expect, test } from 'vitest';
import type { ChatMessage } from '../../sandbox/telegram/chat-message.ts';
import { labelsOf } from '../world/chat.ts';
import { eventually } from '../world/eventually.ts';
import { checkPromises } from '../world/promises.ts';
import { SEED } from '../world/webhooks.ts';
import { ANN, BEN, ENGINEERING_CHAT_ID, startWorld, TYPES_FASTER } from '../world/world.ts';

const world = await startWorld({ asksForCodes: true, budgets: TYPES_FASTER });
const { api, chat, database } = world;
const { product, telegram } = world.sandbox;
const paid = { ...SEED, user_id: 'refused-anna', transaction_id: 'tx-refused' };

beforeAll(async () => {
  for (const person of [ANN, BEN]) {
    telegram.startPrivate(person);
    await chat.ask('/enroll', { person, shows: /\b[A-Z2-7]{32}\b/ });
    await chat.ask(telegram.code(person), { person, shows: 'counts from now on' });
  }
});

/** The same code counts again: only for their authenticator a while has passed. */
const letCodesGrowOld = () =>
  database.pool.query("update second_factor set verified_at = verified_at - interval '6 minutes', last_step = 0");

const latest = (shows: RegExp, person = ANN): Promise<ChatMessage> =>
  eventually(() => {
    const message = telegram.messages(person).findLast((one) => one.from.isBot && !one.isDeleted);
    if (message && shows.test(message.text)) return message;
    throw new Error(`the latest message does not show ${shows}: ${message?.text}`);
  });
const type = async (text: string, shows: RegExp) => {
  telegram.say(ANN, ANN, text);
  return latest(shows);
};
const choose = async (button: string, shows: RegExp) => {
  const message = telegram.messages(ANN).findLast((one) => one.from.isBot && !one.isDeleted)!;
  await chat.press(message, button);
  return latest(shows);
};
const approval = (shows: RegExp) =>
  eventually(() => {
    const found = telegram.messages(ENGINEERING_CHAT_ID).find((one) => /^🛠 O-\d+/.test(one.text));
    if (found && shows.test(found.text)) return found;
    throw new Error(`no approval shows ${shows}: ${found?.text}`);
  });

let card: ChatMessage;

test('a refused webhook leaves a customer nobody has heard of', async () => {
  expect(await world.post(paid, { secret: 'a secret we do not know' })).toMatchObject({ status: 401 });
  card = await eventually(() => chat.cards().find(({ text }) => text.includes('acme: signature:')));
  expect(labelsOf(card)).toMatch(/Override/);
  expect(await api.features(paid.user_id)).toEqual([]);
});

test('an engineer asks for access by hand, step by step, with a code for this one act', async () => {
  const { answer } = telegram.press(ANN, card.chatId, card.messageId, 'Override');
  const url = ((await answer) as { url?: string }).url!;
  expect(url).toMatch(/\?start=o_\d+$/);
  telegram.startPrivate(ANN, new URL(url).searchParams.get('start')!);
  await latest(/1\/9[\s\S]*Which customer/);
  await type(paid.user_id, /2\/9[\s\S]*never heard of refused-anna/);
  await type('refused-ana', /That is another id/);
  await type(paid.user_id, /3\/9[\s\S]*Which feature/);
  await choose('premium', /4\/9[\s\S]*Until when/);
  await type('32d', /At most 31 days/);
  await choose('1 day', /5\/9[\s\S]*which payment/);
  await type('acme tx-refused', /6\/9[\s\S]*On which ticket/);
  await type(/T-\d+/.exec(card.text)![0], /7\/9[\s\S]*what reason/);
  await type('the webhook was refused, the customer waits', /8\/9[\s\S]*What shows/);
  await type('the receipt of acme', /9\/9[\s\S]*Then: refused-anna has premium until/);
  await letCodesGrowOld();
  await choose('Ask for it', /Then: refused-anna has premium until/);
  telegram.say(ANN, ANN, telegram.code(ANN));
  await latest(/O-1 is asked for. Somebody else must approve it/);
  expect(await api.features(paid.user_id)).toEqual([]);
});

test('in the engineering chat it waits for somebody else, and the customer is masked there', async () => {
  const message = await approval(/WAITS FOR A SECOND PERSON/);
  expect(message.text).toMatch(/re…a gets premium until/);
  expect(message.text).not.toContain(paid.user_id);
  expect(labelsOf(message)).toBe('✅ Approve ❌ Refuse');
  await letCodesGrowOld();
  expect(await chat.press(message, 'Approve', ANN)).toMatch(/needs a code/);
  await chat.ask(telegram.code(ANN), { shows: 'You have asked for it yourself' });
  expect(await api.features(paid.user_id)).toEqual([]);
});

test('somebody else approves exactly that, and the customer has it, in the ledger and in the product', async () => {
  await letCodesGrowOld();
  expect(await chat.press(await approval(/WAITS/), 'Approve', BEN)).toMatch(/needs a code/);
  await chat.ask(telegram.code(BEN), { person: BEN, shows: 'O-1 is carried out' });
  expect(await api.features(paid.user_id)).toMatchObject([
    { feature: 'premium', active: true, because: [{ type: 'granted', event: null }] },
  ]);
  await product.waitForFeature(paid.user_id, 'premium', true);
  const done = await approval(/CARRIED OUT · A DEBT[\s\S]*approved by Ben/);
  expect(labelsOf(done)).toBe('🧾 Payment confirmed ↩️ Take back');
  await chat.message(ANN, /O-1 is carried out: refused-anna has premium until .* please tell them yourself/);
});

test('it ends by itself, and goes on standing as a debt', async () => {
  await database.pool.query("update entitlement set until = clock_timestamp() where user_id = 'refused-anna'");
  expect(await api.has(paid.user_id)).toBe(false);
  const list = await chat.ask('/approvals', { person: BEN, shows: 'Debts' });
  expect(list.text).toMatch(/O-1 · refused-anna · premium · ends .* · acme tx-refused/);
});

test('once the provider tells of the payment, the debt is settled by itself', async () => {
  await world.post(paid);
  await eventually(() => api.has(paid.user_id));
  await approval(/CONFIRMED[\s\S]*confirmed by itself: a verified webhook says it was paid/);
  expect((await chat.ask('/approvals', { person: BEN, shows: 'no debt is open' })).text).toContain('Nothing waits');
});

test('whatever was given by hand, every promise holds', async () => {
  await eventually(async () => (await api.conservation()).waiting === 0);
  expect(await api.conservation()).toMatchObject({ balanced: true, dead: 0 });
  await checkPromises(database.db);
});
