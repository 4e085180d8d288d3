import { beforeAll, expect, test } from 'vitest';
import { eventually } from '../world/eventually.ts';
import { checkPromises } from '../world/promises.ts';
import { SEED } from '../world/webhooks.ts';
import { ANN, ENGINEERING_CHAT_ID, startWorld } from '../world/world.ts';

const world = await startWorld({
  env: {
    BREAKERS: JSON.stringify({ activation: { openMs: 1_000, minimumVolume: 5, probes: 2, closeAfter: 2 } }),
    RETRY_MAX_TRIES: '5',
  },
});
const { api, chat, post } = world;
const { product, telegram } = world.sandbox;
const WITHIN_MS = 40_000;

beforeAll(() => {
  telegram.startPrivate(ANN);
});

test('twenty customers pay while the product is down: nothing is given up, one card stands for the outage, and it ends by itself', async () => {
  product.misbehave({ kind: 'status', status: 503 });
  const names = Array.from({ length: 20 }, (_, n) => `customer-${n}`);
  await Promise.all(names.map((name) => post({ ...SEED, user_id: name, transaction_id: `tx-${name}` })));
  const open = await eventually(() =>
    chat.cards().find(({ text }) => /breaker activation (OPEN|HALF-OPEN)/.test(text)),
  );
  expect(open.text).toMatch(/^P1 · UNACKNOWLEDGED/);
  expect(await api.conservation()).toMatchObject({ dead: 0, waiting: 20 });
  product.work();
  for (const name of names) await eventually(() => api.has(name), WITHIN_MS);
  const ticket = /T-\d+/.exec(open.text)![0];
  await chat.card(ticket, /RESOLVED[\s\S]*CLOSED/, WITHIN_MS);
  expect(chat.cards()).toHaveLength(1);
  expect(telegram.messages(ENGINEERING_CHAT_ID).filter(({ from }) => from.isBot)).toHaveLength(1);
});

test('after the outage every promise holds', async () => {
  await eventually(async () => (await api.conservation()).waiting === 0, WITHIN_MS);
  expect(await api.conservation()).toMatchObject({ balanced: true, dead: 0 });
  await checkPromises(world.database.db);
});
