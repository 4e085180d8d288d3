import { expect, test } from 'vitest';
import { eventually } from '../world/eventually.ts';
import { checkPromises } from '../world/promises.ts';
import { SEED } from '../world/webhooks.ts';
import { startWorld } from '../world/world.ts';

const world = await startWorld();
const { api, post, sandbox } = world;

const PREMIUM = { feature: 'premium', active: true };
let n = 0;

/** A payment of a user nobody has heard of. */
function payment(over: Record<string, unknown> = {}) {
  n += 1;
  return { status: 'success', amount: '10.00', user_id: `payer${n}`, transaction_id: `pay${n}`, ...over };
}

async function settled(transactionId: string): Promise<void> {
  await eventually(async () => {
    const events = (await api.payment('acme', transactionId))?.events ?? [];
    return events.length > 0 && events.every(({ state }) => state === 'applied' || state === 'ignored');
  });
}

async function pay(over: Record<string, unknown> = {}) {
  const paid = payment(over);
  await post(paid);
  await settled(paid.transaction_id);
  expect(await api.has(paid.user_id)).toBe(true);
  return paid;
}

/** Says more of a payment, and waits until that is applied. */
async function tell(paid: { transaction_id: string; user_id?: string }, more: Record<string, unknown>): Promise<void> {
  const { transaction_id, user_id } = paid;
  expect((await post({ transaction_id, user_id, ...more })).status).toBe(200);
  await settled(transaction_id);
}

const isoIn = (ms: number) => new Date(Date.now() + ms).toISOString();
const HOUR = 3_600_000;

test('the seed’s payment is answered when it is written down, and unlocks what was paid for', async () => {
  const answer = await post(SEED);
  expect(answer).toMatchObject({ status: 200, body: { received: true, duplicate: false } });
  expect(answer.body.event).toMatch(/^acme\.\d+$/);

  await eventually(() => api.has('user123'));
  const [feature, ...others] = await api.features('user123');
  expect(others).toEqual([]);
  expect(feature).toMatchObject({ ...PREMIUM, until: null, revision: 1 });
  expect(feature!.because).toMatchObject([{ provider: 'acme', transactionId: 'tx456', event: answer.body.event }]);

  await settled('tx456');
  expect(await api.payment('acme', 'tx456')).toEqual({
    provider: 'acme',
    transactionId: 'tx456',
    status: 'succeeded',
    amountMinor: 999,
    currency: 'EUR',
    userId: 'user123',
    country: null,
    events: [
      {
        id: answer.body.event,
        dedupKey: expect.any(String),
        kind: 'payment_succeeded',
        state: 'applied',
        reason: null,
        late: false,
        conflicts: 0,
        receivedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
        tries: 0,
        nextTryAt: null,
        attempts: [
          {
            n: 1,
            startedAt: expect.stringMatching(/Z$/),
            durationMs: expect.any(Number),
            dependency: 'activation',
            outcome: 'ok',
            httpStatus: 200,
            error: null,
            delayMs: null,
          },
        ],
      },
    ],
    entitlements: [feature],
    ticket: null,
  });
});

test('the product is told the state once, signed, with an idempotency key that carries the revision', async () => {
  await sandbox.product.waitForFeature('user123', 'premium', true);
  const calls = sandbox.product.calls.filter((call) => call.user === 'user123');
  expect(calls).toHaveLength(1);
  expect(calls[0]!.headers).toMatchObject({
    'webhook-id': 'user123:premium:1',
    'idempotency-key': 'user123:premium:1',
  });
  expect(JSON.parse(calls[0]!.body)).toMatchObject({
    type: 'entitlement.changed',
    data: { userId: 'user123', feature: 'premium', active: true, until: null, revision: 1 },
  });
});

test('the same delivery again is the same event, and changes nothing', async () => {
  const again = await post(SEED);
  expect(again).toMatchObject({ status: 200, body: { received: true, duplicate: true } });
  expect(again.body.event).toBe((await api.eventOf('acme', 'tx456')).id);
  expect((await api.features('user123'))[0]!.revision).toBe(1);
});

test('a user nobody has paid for has nothing', async () => {
  expect(await api.features('nobody')).toEqual([]);
  expect(await api.payment('acme', 'no-such-payment')).toBeNull();
});

test('a partial refund keeps access, and the rest of the money refunded ends it', async () => {
  const paid = await pay();
  await tell(paid, { status: 'refunded', refund_id: 're1', refunded_amount: '4.00', partial: true });
  expect(await api.has(paid.user_id)).toBe(true);
  expect(await api.payment('acme', paid.transaction_id)).toMatchObject({ status: 'partially_refunded' });
  await tell(paid, { status: 'refunded', refund_id: 're2', refunded_amount: '6.00' });
  expect(await api.features(paid.user_id)).toMatchObject([{ feature: 'premium', active: false }]);
  await sandbox.product.waitForFeature(paid.user_id, 'premium', false);
});

test('a refund without an amount is all of it', async () => {
  const paid = await pay();
  await tell(paid, { status: 'refunded' });
  expect(await api.has(paid.user_id)).toBe(false);
  expect(await api.payment('acme', paid.transaction_id)).toMatchObject({ status: 'refunded' });
});

test('a refund that comes before its payment is applied at once, and the payment then unlocks nothing', async () => {
  const paid = payment();
  await tell(paid, { status: 'refunded' });
  await post(paid);
  await settled(paid.transaction_id);
  expect(await api.has(paid.user_id)).toBe(false);
  expect(await api.payment('acme', paid.transaction_id)).toMatchObject({ status: 'refunded' });
});

test('an opened dispute ends access, and one that is won gives it back', async () => {
  const paid = await pay();
  await tell(paid, { status: 'disputed', dispute_id: 'dp1' });
  expect(await api.has(paid.user_id)).toBe(false);
  await tell(paid, { status: 'dispute_won', dispute_id: 'dp1' });
  expect(await api.has(paid.user_id)).toBe(true);
});

test('a lost dispute ends access for good', async () => {
  const paid = await pay();
  await tell(paid, { status: 'disputed', dispute_id: 'dp1' });
  await tell(paid, { status: 'dispute_lost', dispute_id: 'dp1' });
  expect(await api.has(paid.user_id)).toBe(false);
  expect(await api.payment('acme', paid.transaction_id)).toMatchObject({ status: 'dispute_lost' });
});

test('a cancellation for later leaves access until then', async () => {
  const paid = await pay({ subscription_id: 'sub_later' });
  const cancelAt = isoIn(HOUR);
  await post({ status: 'canceled', subscription_id: 'sub_later', user_id: paid.user_id, cancel_at: cancelAt });
  const [feature] = await eventually(async () => {
    const features = await api.features(paid.user_id);
    return features[0]!.until !== null && features;
  });
  expect(feature).toMatchObject({ active: true, until: cancelAt });
});

test('a cancellation without a time is now', async () => {
  const paid = await pay({ subscription_id: 'sub_now' });
  await post({ status: 'canceled', subscription_id: 'sub_now' });
  await eventually(async () => !(await api.has(paid.user_id)));
});

test('a period bounds what was paid for, and its renewal extends it', async () => {
  const [first, second] = [isoIn(HOUR), isoIn(2 * HOUR)];
  const paid = await pay({ subscription_id: 'sub_monthly', period_end: first });
  expect(await api.features(paid.user_id)).toMatchObject([{ active: true, until: first }]);
  await pay({ ...paid, transaction_id: 'renewal1', period_start: first, period_end: second });
  expect(await api.features(paid.user_id)).toMatchObject([{ active: true, until: second }]);
});

test('a period that is over gives nothing, and stays listed', async () => {
  const paid = payment({ created_at: isoIn(-2 * HOUR), period_end: isoIn(-HOUR) });
  await post(paid);
  await settled(paid.transaction_id);
  expect(await api.features(paid.user_id)).toMatchObject([{ feature: 'premium', active: false }]);
});

test('a payment whose user is told later waits without losing a try, and is applied when the user is known', async () => {
  const { user_id, ...nameless } = payment();
  await post(nameless);
  const waiting = await eventually(async () => {
    const event = await api.eventOf('acme', nameless.transaction_id);
    return event.state === 'retrying' && event;
  });
  expect(waiting).toMatchObject({ tries: 0, attempts: [{ outcome: 'handed_back', dependency: 'ledger' }] });
  await post({ ...nameless, user_id });
  await eventually(() => api.has(user_id));
  await settled(nameless.transaction_id);
});

test('a status nobody knows is stored, ignored and answered with success', async () => {
  const odd = payment({ status: 'authorisation_hold' });
  expect((await post(odd)).status).toBe(200);
  await settled(odd.transaction_id);
  expect(await api.eventOf('acme', odd.transaction_id)).toMatchObject({ state: 'ignored', attempts: [] });
  expect(await api.features(odd.user_id)).toEqual([]);
});

test('a payment that has not come through yet unlocks nothing until it has', async () => {
  const slow = payment();
  await tell(slow, { status: 'pending', amount: slow.amount });
  expect(await api.has(slow.user_id)).toBe(false);
  expect(await api.payment('acme', slow.transaction_id)).toMatchObject({ status: 'pending' });
  await post(slow);
  await eventually(() => api.has(slow.user_id));
});

test('whatever has happened, every promise holds', async () => {
  await eventually(async () => (await api.conservation()).waiting === 0);
  expect(await api.conservation()).toMatchObject({ balanced: true, dead: 0, refused: 0 });
  await checkPromises(world.database.db);
});
