import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ChatMessage } from '../../sandbox/telegram/chat-message.ts';
import { API_TOKEN } from '../world/api.ts';
import { eventually } from '../world/eventually.ts';
import { checkPromises } from '../world/promises.ts';
import { SEED } from '../world/webhooks.ts';
import { ANN, BEN, CARA, ENGINEERING_CHAT_ID, startWorld } from '../world/world.ts';

/** Nobody types as fast as this test does. */
const world = await startWorld({ asksForCodes: true, budgets: { privateBurst: null, overallPerSecond: null } });
const { api, chat, database } = world;
const { telegram } = world.sandbox;
const SAM = 2002;
const paid = { ...SEED, user_id: 'user-of-cara', transaction_id: 'tx-cara' };

beforeAll(async () => {
  telegram.addPerson({ id: SAM, firstName: 'Sam' });
  for (const person of [ANN, BEN]) {
    telegram.startPrivate(person);
    await chat.ask('/enroll', { person, shows: /\b[A-Z2-7]{32}\b/ });
    await chat.ask(telegram.code(person), { person, shows: 'counts from now on' });
  }
});

/** Neither who somebody is to the product nor the link by which they came stands where others read. */
const tokens: string[] = [];
afterAll(() => {
  const others = telegram.messages(ENGINEERING_CHAT_ID).map(({ text }) => text);
  for (const secret of [paid.user_id, ...tokens])
    expect([world.service.logs(), ...others].join('\n')).not.toContain(secret);
});

/** The same code counts again: only for their authenticator a while has passed. */
const letCodesGrowOld = () =>
  database.pool.query("update second_factor set verified_at = verified_at - interval '6 minutes', last_step = 0");

const askForLink = async (userId: string, service: { url: string } = world.service): Promise<string> => {
  const response = await fetch(`${service.url}/api/customer-links`, {
    method: 'POST',
    headers: { authorization: `Bearer ${API_TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ userId }),
  });
  expect(response.status).toBe(200);
  const { url } = (await response.json()) as { url: string };
  expect(new URL(url).pathname).toBe(`/${telegram.bot.username}`);
  const payload = new URL(url).searchParams.get('start')!;
  tokens.push(payload.slice(2));
  return payload;
};

const latest = (person: number, shows: RegExp): Promise<ChatMessage> =>
  eventually(() => {
    const message = telegram.messages(person).findLast((one) => one.from.isBot && !one.isDeleted);
    if (message && shows.test(message.text)) return message;
    throw new Error(`the latest message does not show ${shows}: ${message?.text}`);
  });
const type = (text: string, shows: RegExp) => {
  telegram.say(ANN, ANN, text);
  return latest(ANN, shows);
};
const choose = async (button: string, shows: RegExp) => {
  await chat.press(telegram.messages(ANN).findLast((one) => one.from.isBot && !one.isDeleted)!, button);
  return latest(ANN, shows);
};
const approval = (shows: RegExp) =>
  eventually(() => {
    const found = telegram.messages(ENGINEERING_CHAT_ID).findLast((one) => /^🛠 O-\d+/.test(one.text));
    if (found && shows.test(found.text)) return found;
    throw new Error(`no approval shows ${shows}: ${found?.text}`);
  });
const heard = (person: number) => telegram.messages(person).flatMap(({ from, text }) => (from.isBot ? [text] : []));

test('a customer opens the link of the product, and a stranger with the same link gets nothing', async () => {
  const payload = await askForLink(paid.user_id);
  telegram.startPrivate(CARA, payload);
  await latest(CARA, /From now on I can tell you here what becomes of your payments/);
  telegram.startPrivate(SAM, payload);
  await latest(SAM, /This link does not work/);
});

test('a process that only answers the API knows what the bot is called', async () => {
  const replica = await world.startReplica({ RUN: 'api' });
  telegram.startPrivate(SAM, await askForLink('user-of-sam', replica));
  await latest(SAM, /From now on I can tell you here/);
});

test('two engineers give her access by hand, and she is told in plain words', async () => {
  await type(`/override ${paid.user_id}`, /never heard of user-of-cara/);
  await type(paid.user_id, /3\/9[\s\S]*Which feature/);
  await choose('premium', /4\/9[\s\S]*Until when/);
  await choose('1 day', /5\/9[\s\S]*which payment/);
  await type('acme tx-cara', /6\/9[\s\S]*On which ticket/);
  await choose('No ticket', /7\/9[\s\S]*what reason/);
  await type('the provider lost the webhook', /8\/9[\s\S]*What shows/);
  await type('the receipt of acme', /9\/9[\s\S]*Then: user-of-cara has premium until/);
  await letCodesGrowOld();
  await choose('Ask for it', /Then: user-of-cara has premium until/);
  telegram.say(ANN, ANN, telegram.code(ANN));
  await latest(ANN, /O-1 is asked for/);
  expect(heard(CARA)).toHaveLength(1);
  await letCodesGrowOld();
  await chat.press(await approval(/WAITS/), 'Approve', BEN);
  await chat.ask(telegram.code(BEN), { person: BEN, shows: 'O-1 is carried out' });
  const { text } = await latest(CARA, /premium is active for you until .* UTC: it was given by hand while/);
  expect(text).not.toMatch(/O-1|Ann|Ben|override|tx-cara|user-of-cara/);
  await chat.message(ANN, /O-1 is carried out: .* The customer is told in private/);
});

test('it is taken back, and she is told that too', async () => {
  await letCodesGrowOld();
  await chat.press(await approval(/A DEBT/), 'Take back', BEN);
  await chat.ask(telegram.code(BEN), { person: BEN, shows: /O-1/ });
  await latest(CARA, /premium, which was given to you by hand, has ended: no payment for it was found/);
  expect(await api.has(paid.user_id)).toBe(false);
});

test('/forget ends it; and the stranger never heard a word', async () => {
  await chat.ask('/forget', { person: CARA, shows: 'Forgotten' });
  const { rows } = await database.pool.query('select * from customer_chat');
  expect(rows).toMatchObject([{ user_id: 'user-of-sam' }]);
  expect(heard(SAM)).toHaveLength(2);
});

test('whatever was told, no token is kept, and every promise holds', async () => {
  const { rows } = await database.pool.query(
    `select payload::text as kept from telegram_update union all select body::text from notice
      union all select (target || detail::text) from audit`,
  );
  for (const token of tokens) expect(JSON.stringify(rows)).not.toContain(token);
  await checkPromises(database.db);
});
