import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../world/eventually.ts';
import { createFailingPayments } from '../world/failing-payment.ts';
import { checkPromises } from '../world/promises.ts';
import { ANN, BEN, startWorld, TYPES_FASTER } from '../world/world.ts';

const world = await startWorld({ asksForCodes: true, budgets: TYPES_FASTER });
const { api, chat, database } = world;
const { product, telegram } = world.sandbox;
const fail = createFailingPayments(world);

const CUSTOMER = 'known-to-nobody';

const letCodesGrowOld = () =>
  database.pool.query("update second_factor set verified_at = verified_at - interval '6 minutes', last_step = 0");
const latest = () => telegram.messages(ANN).findLast((one) => one.from.isBot && !one.isDeleted)!;
const shows = (pattern: RegExp) =>
  eventually(() => {
    if (pattern.test(latest().text)) return latest();
    throw new Error(`the latest message does not show ${pattern}: ${latest().text}`);
  }, 60_000);

/**
 * Two replicas run. The moment what Ann did stands in the inbox, the older one, which most likely has it in hand, is killed: nothing may be
 * lost or done twice, and the other goes on.
 */
async function killed(act: () => unknown): Promise<void> {
  const holders = await listHolders();
  const second = await world.startReplica();
  const before = await countUpdates();
  await act();
  await eventually(async () => (await countUpdates()) > before, 60_000, 1);
  await world.service.kill('SIGKILL');
  await letLeasesRunOut(holders);
  world.service = second;
}

const listHolders = async (): Promise<string[]> =>
  (await database.pool.query('select distinct holder from lease')).rows.map(({ holder }) => holder);

/** What the killed one held as poller and sender; how long its heir would wait for that is no matter of forms. */
const letLeasesRunOut = (holders: string[]) =>
  database.pool.query('update lease set expires_at = clock_timestamp() where holder = any($1)', [holders]);

const countUpdates = async () =>
  Number((await database.pool.query('select count(*) as n from telegram_update')).rows[0].n);

beforeAll(async () => {
  for (const person of [ANN, BEN]) {
    telegram.startPrivate(person);
    await chat.ask('/enroll', { person, shows: /\b[A-Z2-7]{32}\b/ });
    await chat.ask(telegram.code(person), { person, shows: 'counts from now on' });
  }
});

/** What the killed one had answered or deleted already, its heir tries once more, and is told so. */
const TWICE = /query is too old|message to delete not found/;

afterAll(() => {
  const { refusals } = telegram;
  refusals.splice(0, refusals.length, ...refusals.filter(({ description }) => !TWICE.test(description)));
});

type Step = { says: string } | { presses: string };

/** Each step of an override, and what is shown after it. */
const STEPS: [string, Step, RegExp][] = [
  ['the beginning', { says: '/override' }, /1\/9[\s\S]*Which customer/],
  ['the customer', { says: CUSTOMER }, /2\/9[\s\S]*once more/],
  ['the customer again', { says: CUSTOMER }, /3\/9[\s\S]*Which feature/],
  ['the feature', { presses: 'premium' }, /4\/9[\s\S]*Until when/],
  ['the end', { presses: '7 days' }, /5\/9[\s\S]*which payment/],
  ['the payment', { says: 'acme tx-killed' }, /6\/9[\s\S]*which ticket/],
  ['the ticket', { presses: 'No ticket' }, /7\/9[\s\S]*what reason/],
  ['the reason', { says: 'kill -9' }, /8\/9[\s\S]*What shows/],
  ['the evidence', { presses: 'Nothing beside' }, /9\/9[\s\S]*Then: known-to-nobody has premium/],
];

test.each(STEPS)(
  'killed at %s, the form goes on where it was on another replica',
  async (_, step, after) => {
    await killed(() =>
      'says' in step ? telegram.say(ANN, ANN, step.says) : telegram.press(ANN, ANN, latest().messageId, step.presses),
    );
    await shows(after);
    expect(await api.features(CUSTOMER)).toEqual([]);
  },
  120_000,
);

test('killed at the code, what it confirms is asked for once', async () => {
  await letCodesGrowOld();
  telegram.press(ANN, ANN, latest().messageId, 'Ask for it');
  await eventually(async () => (await database.pool.query('select 1 from pending_act')).rows.length === 1, 60_000);
  await killed(() => telegram.say(ANN, ANN, telegram.code(ANN)));
  await shows(/O-1 is asked for/);
  const { rows } = await database.pool.query('select state from override');
  expect(rows).toEqual([{ state: 'requested' }]);
}, 120_000);

test('killed as it is approved, it is carried out once', async () => {
  await letCodesGrowOld();
  telegram.say(BEN, BEN, '/approvals');
  const waiting = await chat.message(BEN, 'Wait for a second person', 60_000);
  telegram.press(BEN, BEN, waiting.messageId, 'Approve');
  await eventually(async () => (await database.pool.query('select 1 from pending_act')).rows.length === 1, 60_000);
  await killed(() => telegram.say(BEN, BEN, telegram.code(BEN)));
  await eventually(() => api.has(CUSTOMER), 60_000);
  expect(await api.features(CUSTOMER)).toMatchObject([{ active: true, revision: 1 }]);
  await product.waitForFeature(CUSTOMER, 'premium', true);
}, 120_000);

test('killed as a retry of many is confirmed, each of them is tried and none is lost', async () => {
  for (let n = 0; n < 7; n += 1) await fail(`many${n}`, 400);
  const ticket = await eventually(async () => {
    const found = (await api.payment('acme', 'tx-many0'))?.ticket;
    return found?.failures === 7 && found;
  }, 60_000);
  product.work();
  await database.pool.query('update second_factor set verified_at = clock_timestamp()');
  // The heir of a killed poller takes over when its lease has run out.
  telegram.say(ANN, ANN, `/retry ${ticket!.id}`);
  const asked = await chat.message(ANN, /7 payments would be tried again/, 60_000);
  await killed(() => telegram.press(ANN, ANN, asked.messageId, 'Retry them'));
  await chat.message(ANN, /Retry of 7 on T-\d+ by Ann: 7 applied ✓/, 60_000);
  for (let n = 0; n < 7; n += 1) expect((await api.eventOf('acme', `tx-many${n}`)).attempts).toHaveLength(2);
}, 120_000);

test('whatever was killed, every promise holds', async () => {
  await eventually(async () => (await api.conservation()).waiting === 0, 60_000);
  expect(await api.conservation()).toMatchObject({ balanced: true, dead: 0 });
  await checkPromises(database.db);
});
