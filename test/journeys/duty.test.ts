import { beforeAll, expect, test } from 'vitest';
import { labelsOf } from '../world/chat.ts';
import { createFailingPayments } from '../world/failing-payment.ts';
import { checkPromises } from '../world/promises.ts';
import { ANN, ENGINEERING_CHAT_ID, startWorld, TYPES_FASTER } from '../world/world.ts';

const world = await startWorld({ budgets: TYPES_FASTER });
const { api, chat } = world;
const { telegram } = world.sandbox;
const fail = createFailingPayments(world);

beforeAll(() => {
  telegram.startPrivate(ANN);
});

test('a payment that fails calls whoever can be reached in private; the card calls the others', async () => {
  const paid = await fail('called', 410);
  const card = await chat.cardOfPayment('acme', paid.transaction_id, 'UNACKNOWLEDGED');
  expect(card.text).toMatch(/owner – · escalates to level 2 at \d\d:\d\d · resolve by \d\d:\d\d/);
  const { id } = (await api.payment('acme', paid.transaction_id))!.ticket!;
  const page = await chat.message(ANN, `${id} needs you`);
  expect(labelsOf(page)).toBe('👀 Acknowledge 🔍 Inspect');
});

test('who acknowledges from the call has the ticket, and everybody hears of it', async () => {
  const { id } = (await api.payment('acme', 'tx-called'))!.ticket!;
  const page = await chat.message(ANN, `${id} needs you`);
  expect(await chat.press(page, 'Acknowledge')).toBe(`👀 ${id} is yours now.`);
  await chat.card(id, /owner Ann · confirm by \d\d:\d\d · resolve by \d\d:\d\d/);
  await chat.message(ENGINEERING_CHAT_ID, `👀 ${id} acknowledged by Ann`);
});

test('who asks for the next level has it called: in the group, by name, whoever cannot be reached in private', async () => {
  const paid = await fail('escalated', 418);
  const card = await chat.cardOfPayment('acme', paid.transaction_id, 'UNACKNOWLEDGED');
  await chat.press(card, 'Escalate');
  const inGroup = await chat.message(ENGINEERING_CHAT_ID, 'you are called');
  expect(inGroup.text).toContain((await api.payment('acme', paid.transaction_id))!.ticket!.id);
  expect(inGroup.text).not.toContain('Ann');
});

test('its whole story comes as a file, with who was called', async () => {
  const { id } = (await api.payment('acme', 'tx-called'))!.ticket!;
  const answer = await chat.ask(`/export ${id}`, { shows: 'its story' });
  expect(answer.document).toMatchObject({ name: `${id}.md` });
  const text = Buffer.from(telegram.world.files[answer.document!.fileId]!.bytesBase64, 'base64').toString();
  expect(text).toMatch(/acknowledged by Ann/);
  expect(text).toMatch(/Ann: opened, in private/);
});

test('and every promise holds', async () => {
  await checkPromises(world.database.db);
});
