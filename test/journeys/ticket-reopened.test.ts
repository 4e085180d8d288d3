import { beforeAll, expect, test } from 'vitest';
import { eventually } from '../world/eventually.ts';
import { createFailingPayments } from '../world/failing-payment.ts';
import { checkPromises } from '../world/promises.ts';
import { ANN, startWorld } from '../world/world.ts';

const world = await startWorld();
const { api, chat } = world;
const { product, telegram } = world.sandbox;
const fail = createFailingPayments(world);

beforeAll(() => {
  telegram.startPrivate(ANN);
});

const cardOf = (transactionId: string, shows?: string | RegExp) => chat.cardOfPayment('acme', transactionId, shows);

test('a failure of a cause that seemed mended two hours ago or less opens its ticket again, on the same card', async () => {
  const mended = await fail('mended', 422);
  const first = await cardOf(mended.transaction_id, 'UNACKNOWLEDGED');
  product.work();
  await chat.press(first, 'Retry');
  await cardOf(mended.transaction_id, 'RESOLVED');
  const before = (await api.payment('acme', mended.transaction_id))!.ticket!;
  const paid = await fail('again', 422);
  // Six edits a minute: one that nobody pressed for may have to wait for its turn.
  const card = await chat.card(before.id, /^P2 · UNACKNOWLEDGED/, 15_000);
  expect(card.messageId).toBe(first.messageId);
  expect(card.text).toContain('2 payments');
  expect((await api.payment('acme', paid.transaction_id))?.ticket?.id).toBe(before.id);
  product.work();
  await chat.press(card, 'Retry');
  await cardOf(paid.transaction_id, 'RESOLVED');
});

test('whatever was pressed, every promise holds', async () => {
  await eventually(async () => (await api.conservation()).waiting === 0);
  expect(await api.conservation()).toMatchObject({ balanced: true, dead: 0 });
  await checkPromises(world.database.db);
});
