import { beforeAll, expect, test } from 'vitest';
import { eventually } from '../world/eventually.ts';
import { createFailingPayments } from '../world/failing-payment.ts';
import { checkPromises } from '../world/promises.ts';
import { ANN, BEN, CARA, ENGINEERING_CHAT_ID, startWorld, TYPES_FASTER } from '../world/world.ts';

const world = await startWorld({
  asksForCodes: true,
  budgets: TYPES_FASTER,
  env: { ADMIN_IDS: String(BEN) },
});
const { api, chat, database } = world;
const { product, telegram } = world.sandbox;
const fail = createFailingPayments(world);

beforeAll(() => {
  telegram.startPrivate(ANN);
  telegram.startPrivate(BEN);
});

const stateOf = async (transactionId: string) => (await api.eventOf('acme', transactionId)).state;
const retried = (ticket: string) => chat.message(ENGINEERING_CHAT_ID, new RegExp(`Retry by Ann: ${ticket} applied ✓`));

/** Each with a status of its own: another cause, and so a card of its own. */
async function failingCard(name: string, status: number) {
  const paid = await fail(name, status);
  const card = await chat.cardOfPayment('acme', paid.transaction_id, / · UNACKNOWLEDGED · /);
  return { paid, card, ticket: /T-\d+/.exec(card.text)![0] };
}

/** Six minutes pass, for her authenticator only: what her last code proved is over, and its successor is on its way. */
async function letCodesGrowOld(): Promise<void> {
  await database.pool.query("update second_factor set verified_at = verified_at - interval '6 minutes', last_step = 0");
}

test('a retry without a second factor is not done and leads to /enroll; with it, it is', async () => {
  const { paid, card, ticket } = await failingCard('first', 503);
  product.work();
  expect(await chat.press(card, 'Retry')).toContain('/enroll');
  expect(await stateOf(paid.transaction_id)).toBe('dead');

  const picture = await chat.ask('/enroll', { shows: /\b[A-Z2-7]{32}\b/ });
  await chat.ask(telegram.code(ANN), { shows: 'counts from now on' });
  expect(telegram.message(ANN, picture.messageId).isDeleted).toBe(true);
  expect(await chat.press(card, 'Retry')).toContain('Retrying 1 payment');
  await retried(ticket);
  await checkPromises(database.db);
});

test('a press in the group that needs a code says so, and runs after it was typed in private', async () => {
  const { paid, card, ticket } = await failingCard('second', 500);
  product.work();
  await letCodesGrowOld();
  expect(await chat.press(card, 'Retry')).toContain('send the six digits your authenticator shows to me in private');
  await chat.message(ANN, 'waits for your code');
  expect(await stateOf(paid.transaction_id)).toBe('dead');
  await chat.ask(telegram.code(ANN), { shows: 'Retrying 1 payment' });
  await retried(ticket);
  expect(await api.has(paid.user_id)).toBe(true);
});

test('an order to a breaker waits for its code too', async () => {
  await letCodesGrowOld();
  await chat.ask('/breaker hold activation 5m looking at it', { shows: 'needs a code' });
  await chat.ask(telegram.code(ANN), { shows: 'activation: forced_closed' });
  await chat.ask('/breaker reset activation done', { shows: 'activation: ' });
});

test('frozen, nobody changes anything and payments go on', async () => {
  const { card } = await failingCard('third', 502);
  product.work();
  await chat.ask('/freeze the ledger is being looked at', { person: BEN, shows: 'Frozen' });
  await chat.message(ENGINEERING_CHAT_ID, 'Ben has frozen what people may change');
  expect(await chat.press(card, 'Acknowledge')).toMatch(/Frozen by Ben since/);
  const paid = { status: 'success', amount: '9.99', user_id: 'customer-frozen', transaction_id: 'tx-frozen' };
  await world.post(paid);
  await eventually(() => api.has('customer-frozen'));
  await eventually(async () => (await stateOf('tx-frozen')) === 'applied');
});

test('a customer’s press and code do nothing', async () => {
  const { paid, card } = await failingCard('fourth', 504);
  telegram.startPrivate(CARA);
  telegram.join(CARA, ENGINEERING_CHAT_ID);
  expect(await chat.press(card, 'Retry', CARA)).toContain('only the payments team');
  await chat.ask('123456', { person: CARA, shows: 'can’t read messages' });
  expect(await stateOf(paid.transaction_id)).toBe('dead');
  await checkPromises(database.db);
});

test('no secret and no code stands in the log or in a row', async () => {
  const { rows } = await database.pool.query('select payload::text from telegram_update where payload is not null');
  const kept = `${world.service.logs()} ${JSON.stringify(rows)}`;
  expect(kept).not.toMatch(/\b[A-Z2-7]{32}\b/);
  expect(kept).not.toContain(telegram.code(ANN));
});
