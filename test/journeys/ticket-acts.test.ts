import { beforeAll, expect, test } from 'vitest';
import { labelsOf } from '../world/chat.ts';
import { eventually } from '../world/eventually.ts';
import { createFailingPayments } from '../world/failing-payment.ts';
import { checkPromises } from '../world/promises.ts';
import { ANN, BEN, ENGINEERING_CHAT_ID, startWorld } from '../world/world.ts';

const world = await startWorld();
const { api, chat } = world;
const { product, telegram } = world.sandbox;
const fail = createFailingPayments(world);

beforeAll(() => {
  telegram.startPrivate(ANN);
});

const cardOf = (transactionId: string, shows?: string | RegExp) => chat.cardOfPayment('acme', transactionId, shows);

test('of two engineers who acknowledge at once one owns it, and the other is told who', async () => {
  const paid = await fail('owned', 410);
  const card = await cardOf(paid.transaction_id, 'UNACKNOWLEDGED');
  const answers = await Promise.all([chat.press(card, 'Acknowledge', ANN), chat.press(card, 'Acknowledge', BEN)]);
  const owner = (await api.payment('acme', 'tx-owned'))!.ticket!.owner!;
  expect(['Ann', 'Ben']).toContain(owner);
  expect(answers.filter((answer) => answer.includes('yours'))).toHaveLength(1);
  expect(answers.filter((answer) => answer.includes(`Acknowledged by ${owner}`))).toHaveLength(1);
  const shown = await cardOf('tx-owned', /· ACKNOWLEDGED/);
  expect(shown.text).toContain(`owner ${owner}`);
  expect(labelsOf(shown)).toMatch(/Resolve/);
});

test('a button of a card that has changed meanwhile acts on nothing and tells what is true now', async () => {
  const card = await cardOf('tx-owned', /· ACKNOWLEDGED/);
  const { answer } = telegram.pressStale(BEN, ENGINEERING_CHAT_ID, card.messageId, 'Acknowledge');
  expect(await answer).toMatchObject({ kind: 'answered', text: expect.stringMatching(/Acknowledged by (Ann|Ben)/) });
  expect((await api.payment('acme', 'tx-owned'))!.ticket).toMatchObject({ state: 'acknowledged' });
});

test('resolving settles what was not retried, and reopening brings it back', async () => {
  const card = await cardOf('tx-owned', /· ACKNOWLEDGED/);
  expect(await chat.press(card, 'Resolve')).toMatch(/resolved.*1 settled without a retry/);
  const resolved = await cardOf('tx-owned', 'RESOLVED');
  expect((await api.payment('acme', 'tx-owned'))!.ticket!.state).toBe('resolved');
  expect(await api.eventOf('acme', 'tx-owned')).toMatchObject({ state: 'dead' });

  expect(await chat.press(resolved, 'Reopen')).toMatch(/open again/);
  const open = await cardOf('tx-owned', 'UNACKNOWLEDGED');
  product.work();
  await chat.press(open, 'Retry');
  await cardOf('tx-owned', 'RESOLVED');
  expect(await api.has('customer-owned')).toBe(true);
});

test('whatever was pressed, every promise holds', async () => {
  await eventually(async () => (await api.conservation()).waiting === 0);
  expect(await api.conservation()).toMatchObject({ balanced: true, dead: 0 });
  await checkPromises(world.database.db);
});
