import { expect, test } from 'vitest';
import { labelsOf } from '../world/chat.ts';
import { eventually } from '../world/eventually.ts';
import { checkPromises } from '../world/promises.ts';
import { ACME_SECRET, acme, SEED } from '../world/webhooks.ts';
import { ANN, startWorld } from '../world/world.ts';

const NEWER = 'the-secret-acme-has-changed-to';
const world = await startWorld();
const { api, chat, post } = world;

const payments = ['one', 'two', 'three'].map((name) => ({ ...SEED, user_id: `early-${name}`, transaction_id: name }));

test('webhooks refused for a secret we do not know are one card, which says what to do', async () => {
  for (const paid of payments) {
    expect(await post(paid, { secret: NEWER })).toMatchObject({ status: 401, body: { error: 'unauthorized' } });
  }
  const card = await eventually(() => chat.cards().find(({ text }) => text.includes('acme: signature:')));
  expect(card.text).toMatch(/^P3 · UNACKNOWLEDGED · T-\d+\nacme: signature: mismatch_unexplained/);
  expect(card.text).toMatch(/check the signing secret of acme/);
  expect(labelsOf(card)).toMatch(/Verify again/);
  expect(chat.cards()).toHaveLength(1);
});

test('verifying them again by the same secrets takes nothing in', async () => {
  const [card] = chat.cards();
  expect(await chat.press(card!, 'Verify again')).toMatch(
    /0 of 3 are right now; 3 still refused \(mismatch_unexplained 3\)/,
  );
  expect(await api.payment('acme', 'one')).toBeNull();
});

test('after the second secret was added, Verify again takes in what was refused, and the customers have what was paid for', async () => {
  await world.restart({ PROVIDERS: JSON.stringify([acme({ secrets: [NEWER, ACME_SECRET] })]) });
  const [card] = chat.cards();
  expect(await chat.press(card!, 'Verify again')).toMatch(/All 3 are right now and have been taken in/);
  for (const { user_id, transaction_id } of payments) {
    await eventually(() => api.has(user_id));
    expect(await eventually(() => api.eventOf('acme', transaction_id))).toMatchObject({ late: false });
  }
  await eventually(() => /RESOLVED/.test(chat.cards()[0]!.text), 15_000);
});

test('pressed again there is nothing left to verify, and nothing happens twice', async () => {
  const [card] = chat.cards();
  const { received, stored } = await api.conservation();
  const { answer } = world.sandbox.telegram.pressStale(ANN, card!.chatId, card!.messageId, 'Verify again');
  expect(await answer).toMatchObject({ kind: 'answered', text: expect.stringMatching(/Resolved|Nothing is left/) });
  expect(await api.conservation()).toMatchObject({ received, stored });
});

test('the provider’s own repetition of a webhook that was taken in is a duplicate', async () => {
  const again = await post(payments[0]!, { secret: NEWER });
  expect(again).toMatchObject({ status: 200, body: { duplicate: true } });
  expect((await api.features('early-one'))[0]!.revision).toBe(1);
});

test('whatever was verified, every promise holds', async () => {
  await eventually(async () => (await api.conservation()).waiting === 0);
  expect(await api.conservation()).toMatchObject({ refused: 3, stored: 3, balanced: true });
  await checkPromises(world.database.db);
});
