import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { API_TOKEN } from '../world/api.ts';
import { eventually } from '../world/eventually.ts';
import { findSecrets } from '../world/secrets.ts';
import { ACME_SECRET, SEED } from '../world/webhooks.ts';
import {
  ACTIVATION_SECRET,
  ANN,
  CARA,
  ENGINEERING_CHAT_ID,
  SECRET_KEY,
  startWorld,
  TYPES_FASTER,
} from '../world/world.ts';

const IN_ANSWER = 'answered@example.com';
const IN_WEBHOOK = 'buyer@example.com';
const IN_MALFORMED = 'unreadable@example.com';
const IN_REFUSED = 'refused@example.com';
const IN_CHAT = 'typed@example.com';
const AS_USER = 'user.name@example.com';
const CARD = '4242 4242 4242 4242';
const OTHER_CARD = '5555555555554444';
const CODE = '493817';
const FOREIGN_TOKEN = '7654321:AAExampleTokenOfSomebodyElsesBot-1234';
const FOREIGN_SECRET = `whsec_${Buffer.from('somebody else’s signing secret').toString('base64')}`;
const BEARER = 'eyJhbGciOiJIUzI1NiJ9.somebodys-session';

/** A product that tells too much when it refuses. */
const product = createServer((_request, response) => {
  response.statusCode = 422;
  response.end(
    JSON.stringify({
      error: `${IN_ANSWER} pays with ${CARD}, or ${OTHER_CARD}; Authorization: Bearer ${BEARER}; ${FOREIGN_TOKEN} ${FOREIGN_SECRET}`,
    }),
  );
});
await new Promise<void>((resolve) => product.listen(0, '127.0.0.1', resolve));
afterAll(() => {
  product.close();
  product.closeAllConnections();
});
const { port } = product.address() as AddressInfo;

const world = await startWorld({
  env: { ACTIVATION_URL: `http://127.0.0.1:${port}/?key=in-the-activation-url`, LOG_LEVEL: 'trace' },
  budgets: TYPES_FASTER,
});
const { api, chat, post } = world;
const { telegram } = world.sandbox;

const OWN = [telegram.token, API_TOKEN, ACME_SECRET, ACTIVATION_SECRET, SECRET_KEY, 'in-the-activation-url'];

/** Where a user id may stand, whatever it is: the product asks by it. */
const USER_COLUMNS = ['event', 'payment', 'subscription', 'fact', 'customer', 'entitlement'].map(
  (table) => `${table}.user_id`,
);

beforeAll(async () => {
  telegram.startPrivate(ANN);
  await chat.message(ANN, 'Hello Ann');
});

test('a run full of secrets, addresses and card numbers happens', async () => {
  const told = { note: `${IN_WEBHOOK} paid with ${CARD}`, description: OTHER_CARD, customer: { email: IN_WEBHOOK } };
  await post({ ...SEED, user_id: AS_USER, transaction_id: 'tx-told', ...told });
  await post(`{"status": "success", "email": "${IN_MALFORMED}", "card": "${CARD}"`);
  await post({ ...SEED, amount: `${IN_MALFORMED} ${CARD}` });
  await post({ ...SEED, note: IN_REFUSED, card: CARD }, { secret: 'not-the-secret' });
  await post({ ...SEED, note: IN_REFUSED }, { headers: { 'x-signature': `${IN_REFUSED} ${FOREIGN_SECRET}` } });
  await api.get('/api/conservation', `${API_TOKEN}-mistyped`);
  await api.get(`/api/entitlements/${encodeURIComponent(AS_USER)}`);

  const { ticket } = await eventually(async () => {
    const view = await api.payment('acme', 'tx-told');
    return view?.ticket && view;
  });
  const card = await chat.card(ticket!.id);
  await chat.press(card, 'Inspect');
  await chat.message(ANN, 'tx-told');
  const masked = `customer ${IN_CHAT} says card ${CARD} or ${OTHER_CARD}, token ${FOREIGN_TOKEN}`;
  await chat.askGroup(`/note ${masked}`, { replyTo: card.messageId });
  await chat.askGroup(`/tx ${IN_CHAT}`);
  await chat.ask(`/tx ${OTHER_CARD}`);
  await chat.ask(`/retry ${IN_CHAT}`);
  await chat.ask(`/unknown ${masked}`);
  await chat.ask(CODE);
  telegram.startPrivate(CARA);
  await chat.message(CARA, 'Hello Cara');
  await chat.ask(masked, { person: CARA });
  await chat.ask(CODE, { person: CARA });
  telegram.say(ANN, ENGINEERING_CHAT_ID, masked);

  telegram.fault({ kind: 'cut-before', times: 6 });
  await chat.ask('/tickets', { shows: 'open ticket' });
  await chat.press(await chat.card(ticket!.id), 'Retry');
  await chat.message(ENGINEERING_CHAT_ID, /Retry by Ann: .*failed again: HTTP 422/, 20_000);
  await eventually(async () => {
    const { rows } = await world.database.pool.query(`select 1 from telegram_update where state = 'pending'`);
    return rows.length === 0;
  }, 20_000);
}, 90_000);

test('none of our own secrets is in the database, the log or the engineering chat', async () => {
  expect(await findSecrets(world, OWN)).toEqual([]);
});

test('no code, card number, address or foreign secret is in the database’s text, the log or the engineering chat', async () => {
  const personal = [IN_ANSWER, IN_WEBHOOK, IN_MALFORMED, IN_REFUSED, IN_CHAT];
  const cards = [CARD, CARD.replaceAll(' ', ''), OTHER_CARD];
  const secrets = [...personal, ...cards, CODE, FOREIGN_TOKEN, FOREIGN_SECRET, BEARER];
  expect(await findSecrets(world, secrets)).toEqual([]);
});

test('an address that is a user’s id stands in the columns of user ids alone', async () => {
  expect(await findSecrets(world, [AS_USER], { allowed: USER_COLUMNS })).toEqual([]);
  expect((await api.payment('acme', 'tx-told'))!.userId).toBe(AS_USER);
});

test('the search finds what is there', async () => {
  const places = (await findSecrets(world, [AS_USER, 'tx-told'])).map(({ where }) => where);
  expect(places).toEqual(expect.arrayContaining(['event.user_id', 'event.transaction_id', 'the engineering chat']));
  expect(await findSecrets(world, ['"level":"info"'])).toEqual([{ where: 'the log', secret: '"level":"info"' }]);
});
