import { beforeAll, describe, expect, test } from 'vitest';
import { labelsOf } from '../world/chat.ts';
import { eventually } from '../world/eventually.ts';
import { createFailingPayments } from '../world/failing-payment.ts';
import { checkPromises } from '../world/promises.ts';
import { ANN, BEN, CARA, ENGINEERING_CHAT_ID, startWorld, TYPES_FASTER } from '../world/world.ts';

const world = await startWorld({ budgets: TYPES_FASTER });
const { api, chat, post } = world;
const { product, telegram } = world.sandbox;
const fail = createFailingPayments(world);

const PAID = { status: 'success', amount: '9.99', user_id: 'paula@example.com', transaction_id: 'tx-9001' };
let stuck: { user_id: string; transaction_id: string };
let ticket: string;

beforeAll(async () => {
  telegram.startPrivate(ANN);
  await chat.message(ANN, 'Hello Ann');
  await post(PAID);
  stuck = await fail('stuck', 422);
  ticket = (await eventually(async () => (await api.payment('acme', 'tx-stuck'))?.ticket)).id;
  await chat.card(ticket);
  await eventually(() => api.has(PAID.user_id));
});

describe('an engineer in private', () => {
  test('/tx tells of a payment what the provider says, what the customer has, and what there is to do', async () => {
    const { text } = await chat.ask('/tx tx-9001');
    expect(text).toMatch(/acme says: ✅ paid · 9\.99 EUR/);
    expect(text).toMatch(
      /Customer paula@example\.com: 🔓 premium is active since .* with no end \(the product knows\)/,
    );
    expect(text).toMatch(/try 1, activation worked, HTTP 200/);
    expect(text).toMatch(/nothing to do, everything was applied/);
  });

  test('/tx of a payment that is stuck tells each try, its ticket and the command that mends it', async () => {
    const { text } = await chat.ask('/tx tx-stuck');
    expect(text).toMatch(/❌ gave up: it was refused/);
    expect(text).toMatch(/try 1, activation was refused, HTTP 422/);
    expect(text).toContain(`🎫 ${ticket} · P2 · open · nobody owns it`);
    expect(text).toContain('/retry tx-stuck');
  });

  test('/tx of a payment nobody knows says so', async () => {
    expect((await chat.ask('/tx tx-nowhere')).text).toMatch(/I know no payment tx-nowhere/);
  });

  test('/tickets lists what is open, and /ticket shows one with its payments', async () => {
    expect((await chat.ask('/tickets')).text).toMatch(
      new RegExp(`P2 ${ticket} · acme → activation: HTTP 422 · 1 failure`),
    );
    const shown = await chat.ask(`/ticket ${ticket}`);
    expect(shown.text).toMatch(/tx-stuck · acme · dead/);
    expect(labelsOf(shown)).toMatch(/Acknowledge/);
    expect((await chat.ask('/ticket T-9999')).text).toMatch(/no ticket T-9999/);
  });

  test('/help lists what this person can do here', async () => {
    const { text } = await chat.ask('/help');
    for (const command of ['/tickets', '/ticket', '/tx', '/retry', '/note']) expect(text).toContain(command);
  });

  test('/retry of a payment that needs none says so, and changes nothing', async () => {
    expect((await chat.ask('/retry tx-9001')).text).toMatch(/Nothing to retry/);
    expect((await api.payment('acme', 'tx-9001'))!.events[0]!.attempts).toHaveLength(1);
  });

  test('a command with a slip of the finger is answered with the one that was meant', async () => {
    expect((await chat.ask('/tickts')).text).toMatch(/Did you mean \/tickets/);
  });
});

describe('an engineer in the engineering chat', () => {
  test('/tx masks whose payment it is', async () => {
    const { text } = await chat.askGroup('/tx tx-9001');
    expect(text).toMatch(/premium is active/);
    expect(text).not.toContain('paula');
    expect(text).not.toContain('example.com');
  });

  test('/note under a card becomes a line of its ticket, under the writer’s name', async () => {
    const card = await chat.card(ticket);
    await chat.askGroup('/note called the product team', { person: BEN, replyTo: card.messageId });
    expect((await chat.card(ticket, 'called the product team')).text).toMatch(/Ben: called the product team/);
  });

  test('/retry leads into the private chat and changes nothing', async () => {
    const answer = await chat.askGroup('/retry tx-stuck');
    expect(answer.text).toMatch(/works in our private chat/);
    expect(answer.buttons.flat()[0]!.url).toMatch(/^https:\/\/t\.me\//);
    expect(await api.eventOf('acme', 'tx-stuck')).toMatchObject({ state: 'dead', attempts: [{ n: 1 }] });
  });
});

describe('a customer', () => {
  beforeAll(async () => {
    telegram.startPrivate(CARA);
    await chat.message(CARA, 'Hello Cara');
  });

  test.each([
    '/start',
    '/help',
    '/tx tx-9001',
    '/tickets',
    '/ticket T-1001',
    '/retry tx-stuck',
    '/note hello',
    'hello',
  ])('%s gets words for a customer, and nothing of the engineers’', async (text) => {
    const answer = await chat.ask(text, { person: CARA });
    expect(answer.text).toMatch(/support of the product/);
    expect(answer.text).not.toMatch(/T-\d+|paula|tx-|activation|HTTP|premium/);
    expect(answer.buttons).toEqual([]);
  });

  test('asks the same way for a payment that exists and one that does not', async () => {
    const [real, unreal] = [
      await chat.ask('/tx tx-9001', { person: CARA }),
      await chat.ask('/tx tx-nothing', { person: CARA }),
    ];
    expect(real.text).toBe(unreal.text);
  });

  test('has retried nothing', async () => {
    expect(await api.eventOf('acme', 'tx-stuck')).toMatchObject({ state: 'dead', attempts: [{ n: 1 }] });
  });
});

test('/retry in private tries a stuck payment again, and tells the real outcome until it is final', async () => {
  const confirm = async () => chat.press(await chat.ask('/retry tx-stuck', { shows: /would be tried again/ }), 'Retry');
  await confirm();
  await chat.message(ANN, /Retry by Ann: tx-stuck failed again: HTTP 422, no tries left/);
  product.work();
  await confirm();
  await chat.message(ANN, /Retry by Ann: tx-stuck applied ✓/);
  expect(await api.has(stuck.user_id)).toBe(true);
  expect((await api.payment('acme', 'tx-stuck'))!.ticket!.state).toBe('resolved');
});

test('every act and every attempt at one stands in the audit log, whoever it was', async () => {
  const rows = await world.database.db.selectFrom('audit').select(['actor', 'action', 'allowed']).execute();
  const told = rows.map(({ actor, action, allowed }) => `${actor} ${action} ${allowed}`);
  expect(told.filter((line) => line.includes(String(CARA)) && line.endsWith('true'))).toEqual([]);
  expect(told.some((line) => line.includes(String(CARA)) && line.includes('retry') && line.endsWith('false'))).toBe(
    true,
  );
  expect(told.some((line) => line.includes(String(ANN)) && line.includes('retry') && line.endsWith('true'))).toBe(true);
});

test('the engineering chat holds one card and answers, and no word of who paid', async () => {
  expect(chat.cards()).toHaveLength(1);
  const all = JSON.stringify(telegram.messages(ENGINEERING_CHAT_ID).filter(({ from }) => from.isBot));
  expect(all).not.toContain(stuck.user_id);
  expect(all).not.toContain(PAID.user_id);
});

test('whatever was asked, every promise holds', async () => {
  await eventually(async () => (await api.conservation()).waiting === 0);
  await checkPromises(world.database.db);
});
