import { beforeAll, expect, test } from 'vitest';
import { eventually } from '../world/eventually.ts';
import { createFailingPayments } from '../world/failing-payment.ts';
import { checkPromises } from '../world/promises.ts';
import { ANN, ENGINEERING_CHAT_ID, startWorld } from '../world/world.ts';

const world = await startWorld();
const { api, chat } = world;
const { product, telegram } = world.sandbox;
const fail = createFailingPayments(world);

beforeAll(() => {
  telegram.startPrivate(ANN);
});

const cardOf = (transactionId: string, shows?: string | RegExp) => chat.cardOfPayment('acme', transactionId, shows);

test('a retry of several payments asks once, runs at the second press, and tells the real outcome', async () => {
  const paid = [await fail('many1', 400), await fail('many2', 400), await fail('many3', 400)];
  await eventually(async () => (await api.payment('acme', 'tx-many1'))?.ticket?.failures === 3);
  const card = await cardOf(paid[0]!.transaction_id);
  expect(await chat.press(card, 'Retry')).toMatch(/confirm/);
  const question = await chat.message(ENGINEERING_CHAT_ID, /3 payments would be tried again/);
  expect((await api.conservation()).dead).toBe(3);

  product.work('customer-many1');
  product.work('customer-many2');
  await chat.press(question, 'Retry 3');
  await chat.message(ENGINEERING_CHAT_ID, /Retry of 3 by Ann: 2 applied, 1 failed.*HTTP 400/);
  expect(await api.has('customer-many1')).toBe(true);
  expect((await api.payment('acme', 'tx-many1'))!.ticket).toMatchObject({ state: 'open' });

  product.work();
  await chat.press(await cardOf('tx-many3', 'UNACKNOWLEDGED'), 'Retry');
  await cardOf('tx-many3', 'RESOLVED');
});

test('whatever was pressed, every promise holds', async () => {
  await eventually(async () => (await api.conservation()).waiting === 0);
  expect(await api.conservation()).toMatchObject({ balanced: true, dead: 0 });
  await checkPromises(world.database.db);
});
