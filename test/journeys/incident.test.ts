import { beforeAll, describe, expect, test } from 'vitest';
import type { ChatMessage } from '../../sandbox/telegram/chat-message.ts';
import { labelsOf } from '../world/chat.ts';
import { eventually } from '../world/eventually.ts';
import { checkPromises } from '../world/promises.ts';
import { SEED } from '../world/webhooks.ts';
import { ANN, BEN, ENGINEERING_CHAT_ID, startWorld } from '../world/world.ts';

/** docs/incident.md, step by step under the same headings. Nobody types as fast as this. */
const world = await startWorld({ asksForCodes: true, budgets: { privateBurst: null, overallPerSecond: null } });
const { api, chat, database, post } = world;
const { product, telegram } = world.sandbox;

const CUSTOMERS = Array.from({ length: 21 }, (_, n) => `customer-${n + 1}`);
const payments = CUSTOMERS.map((user, n) => ({ ...SEED, user_id: user, transaction_id: `tx-${n + 1}` }));
const first = payments[0]!;
/** She has paid, and the provider’s webhook never came. */
const dora = { ...SEED, user_id: 'customer-dora', transaction_id: 'tx-lost' };
const TICKET = 'T-1001';

const inPrivate = (shows: string | RegExp, person = ANN) => chat.message(person, shows);
const inGroup = (shows: string | RegExp) => chat.message(ENGINEERING_CHAT_ID, shows);

/** The same code counts again: only for their authenticators a while has passed. */
const letCodesGrowOld = () =>
  database.pool.query("update second_factor set verified_at = verified_at - interval '6 minutes', last_step = 0");

const latest = (shows: RegExp, person = ANN): Promise<ChatMessage> =>
  eventually(() => {
    const message = telegram.messages(person).findLast((one) => one.from.isBot);
    if (message && shows.test(message.text)) return message;
    throw new Error(`the latest message does not show ${shows}: ${message?.text}`);
  });
const type = async (text: string, shows: RegExp) => {
  telegram.say(ANN, ANN, text);
  return latest(shows);
};
const choose = async (button: string, shows: RegExp) => {
  await chat.press(telegram.messages(ANN).findLast((one) => one.from.isBot)!, button);
  return latest(shows);
};
/** The ticket’s whole story as its file has it. */
const exported = async () => {
  const { document } = await chat.ask(`/export ${TICKET}`, { shows: 'its story' });
  expect(document).toMatchObject({ name: `${TICKET}.md` });
  return Buffer.from(telegram.world.files[document!.fileId]!.bytesBase64, 'base64').toString();
};

beforeAll(() => {
  telegram.startPrivate(ANN);
  telegram.startPrivate(BEN);
});

describe('Before your first shift', () => {
  test('who presses Start is told that retries will ask for a code', async () => {
    await inPrivate('/enroll sets it up');
  });

  test('who sets up an authenticator once can prove later who they are', async () => {
    for (const person of [ANN, BEN]) {
      await chat.ask('/enroll', { person, shows: /\b[A-Z2-7]{32}\b/ });
      await chat.ask(telegram.code(person), { person, shows: 'counts from now on' });
    }
    await letCodesGrowOld();
  });
});

describe('1. A card', () => {
  test('21 customers whom the product refuses are one card, which says how many wait and names none', async () => {
    for (const user of CUSTOMERS) product.misbehave({ kind: 'status', status: 422, user });
    for (const payment of payments) await post(payment);
    const card = await chat.card(TICKET, /^P1 · UNACKNOWLEDGED[\s\S]*20\+ payments · 20\+ people waiting/);
    expect(card.text).toContain('acme → activation: HTTP 422');
    expect(card.text).not.toContain('customer-');
    expect(labelsOf(card)).toMatch(/Acknowledge.*Inspect.*Retry….*Override/);
    expect(chat.cards()).toHaveLength(1);
  });
});

describe('2. The call', () => {
  test('whoever is on call is called in private, with the buttons to take it', async () => {
    for (const person of [ANN, BEN])
      expect(labelsOf(await inPrivate(`${TICKET} needs you`, person))).toMatch(/Acknowl/);
  });
});

describe('3. Take it', () => {
  test('who acknowledges owns the ticket, with a time to confirm and one to resolve it, and everybody hears of it', async () => {
    expect(await chat.press(await inPrivate(`P1 · ${TICKET} needs you`), 'Acknowledge')).toContain('is yours now');
    await chat.card(TICKET, /· ACKNOWLEDGED[\s\S]*owner Ann · confirm by \d\d:\d\d · resolve by \d\d:\d\d/);
    await inGroup(`${TICKET} acknowledged by Ann`);
  });

  test('who comes second is told who has it, and changes nothing', async () => {
    const card = await chat.card(TICKET);
    const { answer } = telegram.pressStale(BEN, ENGINEERING_CHAT_ID, card.messageId, 'Acknowledge');
    expect(await answer).toMatchObject({ text: expect.stringContaining('Acknowledged by Ann') });
  });
});

describe('4. Look', () => {
  test('Inspect tells in private what the group must not read: the customer, and what the product answered', async () => {
    await chat.press(await chat.card(TICKET), 'Inspect');
    const text = (await inPrivate(/🔍 T-1001/)).text;
    expect(text).toMatch(/customer-\d+/);
    expect(text).toMatch(/HTTP 422/);
    expect(text).toContain('and 20 more');
  });
});

describe('5. Say what you know', () => {
  test('a note said as a reply to the card stands on the card', async () => {
    const card = await chat.card(TICKET);
    await chat.askGroup('/note the new release refuses old plans; it is being rolled back', {
      replyTo: card.messageId,
      shows: `Written down on ${TICKET}`,
    });
    await chat.card(TICKET, 'it is being rolled back');
  });
});

describe('6. Try one, with a code', () => {
  test('a retry waits for the code of an authenticator, and tells what really came of it', async () => {
    await type(`/retry ${first.transaction_id}`, /needs a code/);
    await type(telegram.code(ANN), /1 webhook given up would be tried again/);
    expect((await api.eventOf('acme', first.transaction_id)).attempts).toHaveLength(1);
    await choose('Retry', /Retry by Ann: tx-1 failed again: HTTP 422/);
    expect(await api.eventOf('acme', first.transaction_id)).toMatchObject({
      state: 'dead',
      attempts: [{ n: 1 }, { n: 2 }],
    });
  });
});

describe('7. One customer by hand', () => {
  test('access is asked for step by step, and given to nobody until somebody else approves it', async () => {
    await type(`/override ${dora.user_id}`, /never heard of customer-dora/);
    await type(dora.user_id, /Which feature/);
    await choose('premium', /Until when/);
    await choose('1 day', /which payment/);
    await type(`acme ${dora.transaction_id}`, /On which ticket/);
    await type(TICKET, /what reason/);
    await type('her webhook has not come, and she waits', /What shows/);
    await type('paid, says the page of acme', /Then: customer-dora has premium until/);
    await letCodesGrowOld();
    await choose('Ask for it', /customer-dora/);
    telegram.say(ANN, ANN, telegram.code(ANN));
    await latest(/O-1 is asked for/);
    expect(await api.features(dora.user_id)).toEqual([]);
  });

  test('somebody else approves exactly that, and she has it, in the ledger and in the product', async () => {
    const approval = await inGroup(/^🛠 O-1 · WAITS FOR A SECOND PERSON/);
    expect(approval.text).not.toContain(dora.user_id);
    await chat.press(approval, 'Approve', BEN);
    await chat.ask(telegram.code(BEN), { person: BEN, shows: 'O-1 is carried out' });
    await product.waitForFeature(dora.user_id, 'premium', true);
    await inGroup(/O-1 · CARRIED OUT · A DEBT/);
  });
});

describe('8. Mended: retry the rest', () => {
  test('Retry… asks once with the exact number, and tells what really came of all of them', async () => {
    product.work();
    expect(await chat.press(await chat.card(TICKET), 'Retry')).toMatch(/confirm/);
    await chat.press(await inGroup(/21 payments would be tried again/), 'Retry 21');
    await inGroup(/Retry of 21 by Ann: 21 applied ✓/);
    for (const user of CUSTOMERS) await product.waitForFeature(user, 'premium', true);
  });
});

describe('9. Resolved', () => {
  test('when nothing on it waits any more the ticket resolves itself, and calls nobody', async () => {
    const card = await chat.card(TICKET, /· RESOLVED[\s\S]*by itself/);
    expect(labelsOf(card)).toMatch(/Reopen.*Inspect.*Timeline/);
    expect(chat.cards()).toHaveLength(1);
  });

  test('access given by hand stays a debt until the payment is known, and is then settled by itself', async () => {
    await chat.ask('/approvals', { shows: /Debts[\s\S]*O-1/ });
    await post(dora);
    await inGroup(/O-1 · CONFIRMED[\s\S]*confirmed by itself/);
  });
});

describe('10. Tell it', () => {
  test('Timeline has the whole story, who did what and when', async () => {
    await chat.press(await chat.card(TICKET), 'Timeline');
    const { text } = await inPrivate(/📜/);
    expect(text).toMatch(
      /opened[\s\S]*acknowledged by Ann[\s\S]*rolled back[\s\S]*retry of 1[\s\S]*O-1[\s\S]*retry of 21/,
    );
  });

  test('the exported file has it too, with who was called, and no customer', async () => {
    const file = await exported();
    expect(file).toMatch(/acknowledged by Ann/);
    expect(file).toMatch(/rolled back/);
    expect(file).toMatch(/Ann: .*in private/);
    expect(file).not.toContain('customer-');
  });
});

test('whatever was done on the way, every promise holds', async () => {
  await eventually(async () => (await api.conservation()).waiting === 0);
  expect(await api.conservation()).toMatchObject({ balanced: true, dead: 0 });
  await checkPromises(database.db);
});
