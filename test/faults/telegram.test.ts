import { setTimeout as wait } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../world/eventually.ts';
import { createFailingPayments } from '../world/failing-payment.ts';
import { startLoad } from '../world/load.ts';
import { checkPromises } from '../world/promises.ts';
import { ANN, BEN, ENGINEERING_CHAT_ID, startWorld, TYPES_FASTER } from '../world/world.ts';

const DOWN_MS = 20_000;
/** Tries are at most ten seconds apart, and a card is drawn within one. */
const BACK_WITHIN_MS = 11_500;

describe('Telegram down', async () => {
  const world = await startWorld();
  const { api, chat, sandbox } = world;
  const fail = createFailingPayments(world);
  let tickets: string[];

  test('intake and delivery go on as before', async () => {
    sandbox.telegram.down();
    const load = startLoad(() => world.service, { prefix: 'dark', connections: 4, pauseMs: 40 });
    await fail('unseen1', 422);
    await fail('unseen2', 503);
    await wait(DOWN_MS); // the fault itself lasts this long
    const answers = await load.stop();
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    expect(Math.max(...answers.map(({ tookMs }) => tookMs))).toBeLessThan(1_000);
    await eventually(async () => (await api.conservation()).waiting === 0);
    expect(await api.conservation()).toMatchObject({ applied: answers.length, dead: 2 });
    tickets = await Promise.all(
      ['tx-unseen1', 'tx-unseen2'].map(async (id) => (await api.payment('acme', id))!.ticket!.id),
    );
    expect(new Set(tickets).size).toBe(2);
    expect((await fetch(`${world.service.url}/readyz`)).status).toBe(200);
  }, 60_000);

  test('when it is back the cards catch up by themselves, one each, and can be acted on', async () => {
    sandbox.telegram.up();
    const backAt = performance.now();
    for (const ticket of tickets) await chat.card(ticket, 'UNACKNOWLEDGED', BACK_WITHIN_MS);
    expect(performance.now() - backAt).toBeLessThan(BACK_WITHIN_MS);
    sandbox.product.work();
    for (const ticket of tickets) await chat.press(await chat.card(ticket), 'Retry');
    for (const ticket of tickets) await chat.card(ticket, 'RESOLVED', 20_000);
    await checkPromises(world.database.db);
  }, 60_000);

  test('a card whose sending was stored before the connection broke stands there once', async () => {
    sandbox.telegram.fault({ method: 'sendMessage', chatId: ENGINEERING_CHAT_ID, kind: 'cut-after-store' });
    await fail('doubtful', 410);
    const ticket = (await eventually(async () => (await api.payment('acme', 'tx-doubtful'))?.ticket)).id;
    await chat.card(ticket, 'UNACKNOWLEDGED');
    sandbox.product.work();
    await chat.press(await chat.card(ticket), 'Retry');
    await chat.card(ticket, 'RESOLVED', 20_000);
  }, 60_000);
});

describe('an update whose handler throws', async () => {
  // Refused for a reason nobody knows, every time: what the handler makes of it is an exception.
  const ODD = { kind: 'error', code: 400, description: 'Bad Request: the moon is in the wrong house' } as const;
  const world = await startWorld({ budgets: TYPES_FASTER });
  const { chat, sandbox } = world;
  const { telegram } = sandbox;

  beforeAll(async () => {
    for (const person of [ANN, BEN]) {
      telegram.startPrivate(person);
      await chat.message(person, 'Hello');
    }
  });

  test('is given up after five failures with a ticket, and its lane goes on', async () => {
    const fault = telegram.fault({ ...ODD, method: 'sendMessage', chatId: ANN, times: 5 });
    telegram.say(ANN, ANN, '/tickets');
    telegram.say(ANN, ANN, '/tx no-such-payment');
    const answer = await chat.message(ANN, 'I know no payment no-such-payment', 30_000);
    expect(answer.chatId).toBe(ANN);
    expect(fault.remaining).toBe(0);
    const card = await eventually(() => chat.cards().find(({ text }) => text.includes('telegram')));
    expect(card.text).toMatch(/^P4 · UNACKNOWLEDGED · T-\d+\ntelegram: update: message/);
  }, 60_000);

  test('holds up nobody else', async () => {
    telegram.fault({ ...ODD, method: 'sendMessage', chatId: ANN, times: 5 });
    telegram.say(ANN, ANN, '/help');
    const askedAt = performance.now();
    expect((await chat.ask('/help', { person: BEN })).chatId).toBe(BEN);
    expect(performance.now() - askedAt).toBeLessThan(1_500);
  }, 30_000);

  test('is answered when the failure was one of a few', async () => {
    await eventually(async () => {
      const left = await world.database.db
        .selectFrom('telegram_update')
        .select('update_id')
        .where('state', '=', 'pending')
        .execute();
      return left.length === 0;
    }, 30_000);
    telegram.fault({ ...ODD, method: 'sendMessage', chatId: ANN, times: 2 });
    expect((await chat.ask('/tx unlucky')).text).toMatch(/I know no payment unlucky/);
  }, 30_000);

  test('and every promise holds', () => checkPromises(world.database.db));
});
