import { beforeAll, expect, test } from 'vitest';
import type { ChatMessage } from '../../sandbox/telegram/chat-message.ts';
import { startCaller } from '../world/caller.ts';
import { labelsOf } from '../world/chat.ts';
import { eventually } from '../world/eventually.ts';
import { checkPromises } from '../world/promises.ts';
import { SEED } from '../world/webhooks.ts';
import { ANN, BEN, ENGINEERING_CHAT_ID, startWorld, TYPES_FASTER } from '../world/world.ts';

const SETTINGS = { openMs: 2_000, windowMs: 2_000, minimumVolume: 5, probes: 2, closeAfter: 2 };
const world = await startWorld({
  env: { BREAKERS: JSON.stringify({ activation: SETTINGS }) },
  budgets: TYPES_FASTER,
});
const { api, chat, post } = world;
const { product, telegram } = world.sandbox;
/** A card that nobody acted on is edited every eleven seconds at most. */
const WITHIN_MS = 30_000;

beforeAll(async () => {
  for (const person of [ANN, BEN]) telegram.startPrivate(person);
  await startCaller(world, SETTINGS);
});

type Told = { name: string; state: string; epoch: number; openUntil: string | null; waiting: number };

async function breaker(): Promise<Told> {
  const { body } = await api.get('/api/breakers');
  return (body as { breakers: Told[] }).breakers.find(({ name }) => name === 'activation')!;
}

const stateIs = (state: string) => eventually(async () => (await breaker()).state === state, WITHIN_MS);
const breakerCards = () => chat.cards().filter(({ text }) => text.includes('breaker activation'));
const ticketOf = ({ text }: ChatMessage) => /T-\d+/.exec(text)![0];

/** Presses a button that needs a reason, and gives it. */
async function order(card: ChatMessage, button: string, reason: string, person = ANN): Promise<string> {
  expect(await chat.press(card, button, person)).toMatch(/reason/);
  const asked = await eventually(() =>
    telegram.messages(ENGINEERING_CHAT_ID).findLast(({ text }) => /for what reason/.test(text)),
  );
  const said = await chat.askGroup(reason, { person, replyTo: asked.messageId, shows: /^activation: / });
  return said.text;
}

let ticket = '';

test('the product goes down with people waiting: one P1 card says that the breaker is open, and the failures before it are on it', async () => {
  product.misbehave({ kind: 'status', status: 503 });
  for (const name of ['one', 'two', 'three'])
    await post({ ...SEED, user_id: `customer-${name}`, transaction_id: `tx-${name}` });
  const card = await eventually(() => breakerCards()[0], WITHIN_MS);
  ticket = ticketOf(card);
  const shown = await chat.card(ticket, /^P1 · UNACKNOWLEDGED/, WITHIN_MS);
  expect(shown.text).toMatch(/breaker activation (OPEN|HALF-OPEN)/);
  expect(shown.text).toMatch(/why: (\d+ of \d+ calls failed|a probe failed)/);
  expect(labelsOf(shown)).toMatch(/Reset.*Hold 10 min.*Trip/);
  await eventually(() => {
    const others = chat.cards().filter(({ text }) => !text.includes(ticket));
    return others.every(({ text }) => text.includes('RESOLVED') && text.includes(`merged into ${ticket}`));
  }, WITHIN_MS);
});

test('the process stays ready, and names the breaker', async () => {
  await chat.ask('/breaker trip activation we look into it', { shows: /^activation: forced_open/ });
  const { status, body } = await api.get('/readyz', null);
  expect(status).toBe(200);
  expect(body).toMatchObject({ ready: true, parts: { breakers: 'activation: forced_open' } });
});

test('everybody can read how it is, and the story has who tripped it and why', async () => {
  const card = await chat.card(ticket, 'breaker activation OPEN (forced)', WITHIN_MS);
  expect(card.text).toMatch(/why: tripped by Ann: “we look into it”/);
  const { text } = await chat.askGroup('/breaker', { person: BEN });
  expect(text).toMatch(/activation: forced open\n.*no end\n.*tripped by Ann/);
});

test('a button drawn before is told what is true, and changes nothing', async () => {
  const { epoch } = await breaker();
  const card = await chat.card(ticket);
  const { answer } = telegram.pressStale(BEN, ENGINEERING_CHAT_ID, card.messageId, 'Reset');
  expect(await answer).toMatchObject({ kind: 'answered', text: expect.stringMatching(/now forced open, by Ann/) });
  expect((await breaker()).epoch).toBe(epoch);
});

test('held closed it is called although it fails, and does not open', async () => {
  const card = await chat.card(ticket, 'OPEN (forced)');
  expect(labelsOf(card)).toMatch(/Release: probe first.*Reset.*Hold/);
  expect(await order(card, 'Hold 10 min', 'it must be called', BEN)).toMatch(/^activation: forced_closed\n.*until/);
  const held = await chat.card(ticket, 'breaker activation HELD CLOSED', WITHIN_MS);
  expect(await order(held, 'Trip', 'that was no good idea')).toMatch(/^activation: forced_open/);
});

test('the product works again: released, it probes first, closes by itself, and the card resolves with what was on it', async () => {
  product.work();
  const card = await chat.card(ticket, /OPEN \(forced\)[\s\S]*that was no good idea/, WITHIN_MS);
  expect(await order(card, 'Release', 'the product is back', BEN)).toMatch(/^activation: half_open\n.*by Ben/);
  await stateIs('closed');
  // Whatever had used up its tries is tried again by itself, so there is nothing for anybody to press.
  const resolved = await chat.card(ticket, 'RESOLVED', WITHIN_MS);
  expect(resolved.text).toContain('breaker activation CLOSED');
  expect(labelsOf(resolved)).not.toMatch(/Trip|Hold/);
  await eventually(() => api.has('customer-three'));
});

test('an outage that comes back is the same card, and the word under it is one message', async () => {
  product.misbehave({ kind: 'status', status: 503 });
  await stateIs('open');
  await chat.card(ticket, 'UNACKNOWLEDGED', WITHIN_MS);
  product.work();
  await stateIs('closed');
  await chat.card(ticket, 'RESOLVED', WITHIN_MS);
  expect(breakerCards()).toHaveLength(1);
  expect(telegram.messages(ENGINEERING_CHAT_ID).filter(({ text }) => /is open again/.test(text))).toHaveLength(1);
});

test('every order and every attempt at one stands in the audit log', async () => {
  const rows = await world.database.db.selectFrom('audit').select(['actor', 'action', 'allowed']).execute();
  const told = rows.map(({ actor, action, allowed }) => `${actor} ${action} ${allowed}`);
  for (const line of [`${ANN} /breaker true`, `${BEN} press:reset true`, `${BEN} breaker:release true`])
    expect(told).toContain(`telegram:${line}`);
});

test('whatever was ordered, every promise holds', async () => {
  await eventually(async () => (await api.conservation()).waiting === 0);
  expect(await api.conservation()).toMatchObject({ balanced: true, dead: 0 });
  await checkPromises(world.database.db);
});
