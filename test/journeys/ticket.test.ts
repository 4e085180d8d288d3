import { beforeAll, expect, test } from 'vitest';
import { labelsOf } from '../world/chat.ts';
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

test('a payment that fails becomes a card within a second, is inspected, retried from the card, and the customer has what was paid for', async () => {
  const paid = await fail('whole');
  const died = await eventually(async () => {
    const view = await api.payment('acme', paid.transaction_id);
    return view?.events[0]?.state === 'dead' && { view, at: performance.now() };
  });
  const card = await cardOf(paid.transaction_id);
  expect(performance.now() - died.at).toBeLessThan(1000);

  const [first, cause, impact] = card.text.split('\n');
  expect(first).toMatch(/^P2 · UNACKNOWLEDGED · T-\d+$/);
  expect(cause).toBe('acme → activation: HTTP 503');
  expect(impact).toMatch(/1 payment · 1 person waiting/);
  expect(card.text).not.toContain(paid.user_id);
  expect(labelsOf(card)).toMatch(/Acknowledge.*Inspect.*Retry/);
  expect(died.view).toMatchObject({
    entitlements: [{ feature: 'premium', active: true }],
    events: [{ state: 'dead', reason: 'transient_exhausted', tries: 2, attempts: [{ n: 1 }, { n: 2 }] }],
  });

  await chat.press(card, 'Inspect');
  const inspected = await chat.message(ANN, paid.transaction_id);
  expect(inspected.text).toContain(paid.user_id);
  expect(inspected.text.match(/try \d, activation failed for now, HTTP 503/g)).toHaveLength(2);

  product.work();
  expect(await chat.press(card, 'Retry')).toMatch(/Retry/);
  await chat.message(ENGINEERING_CHAT_ID, /Retry by Ann: T-\d+ applied ✓/);
  await product.waitForFeature(paid.user_id, 'premium', true);
  expect(await api.has(paid.user_id)).toBe(true);
  const after = await eventually(async () => {
    const view = await api.payment('acme', paid.transaction_id);
    return view?.ticket?.state === 'resolved' && view;
  });
  expect(after.events[0]).toMatchObject({
    state: 'applied',
    reason: null,
    attempts: [
      { n: 1, outcome: 'transient' },
      { n: 2, outcome: 'transient' },
      { n: 3, outcome: 'ok' },
    ],
  });
  const resolved = await cardOf(paid.transaction_id, 'RESOLVED');
  expect(resolved.messageId).toBe(card.messageId);
  expect(labelsOf(resolved)).toMatch(/Reopen/);
});

test('what the product refuses for good is not tried twice, and its card says so', async () => {
  const paid = await fail('refused', 422);
  const card = await cardOf(paid.transaction_id, 'HTTP 422');
  expect(await api.eventOf('acme', paid.transaction_id)).toMatchObject({ reason: 'permanent', attempts: [{ n: 1 }] });
  product.work();
  await chat.press(card, 'Retry');
  await cardOf(paid.transaction_id, 'RESOLVED');
});

test('a person of no role may press, and is told in words that nothing was done', async () => {
  const paid = await fail('stranger', 451);
  const card = await cardOf(paid.transaction_id, 'UNACKNOWLEDGED');
  const MALLORY = 6666;
  telegram.addPerson({ id: MALLORY, firstName: 'Mallory' });
  telegram.join(MALLORY, ENGINEERING_CHAT_ID);
  for (const button of ['Acknowledge', 'Retry', 'Inspect']) {
    expect(await chat.press(card, button, MALLORY)).toMatch(/only the payments team/);
  }
  expect((await api.payment('acme', paid.transaction_id))!.ticket).toMatchObject({ state: 'open', owner: null });
  expect(await api.eventOf('acme', paid.transaction_id)).toMatchObject({ state: 'dead', attempts: [{ n: 1 }] });
  product.work();
  await chat.press(card, 'Retry');
  await cardOf(paid.transaction_id, 'RESOLVED');
});

test('whatever was pressed, every promise holds', async () => {
  await eventually(async () => (await api.conservation()).waiting === 0);
  expect(await api.conservation()).toMatchObject({ balanced: true, dead: 0 });
  await checkPromises(world.database.db);
});
