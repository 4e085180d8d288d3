import { createHmac } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { Webhook } from 'standardwebhooks';
import Stripe from 'stripe';
import { describe, expect, test } from 'vitest';
import { eventually } from '../world/eventually.ts';
import { checkPromises } from '../world/promises.ts';
import { acme, postBytes, SEED, signAcme } from '../world/webhooks.ts';
import { startWorld } from '../world/world.ts';

const NEW = 'whsec_the-newer-one-of-two';
const OLD = 'whsec_the-older-one-of-two';
const STANDARD = `whsec_${Buffer.from('a standard webhooks secret').toString('base64')}`;
const TIMED = 'timed-signing-secret';
const UNSIGNED_ID = 'unsigned-id-signing-secret';

const world = await startWorld({
  providers: [
    acme(),
    { name: 'stripe', scheme: 'stripe', format: 'stripe', secrets: [NEW, OLD] },
    { name: 'standard', scheme: 'standard-webhooks', secrets: [STANDARD], currency: 'EUR' },
    {
      name: 'timed',
      scheme: 'hmac',
      secrets: [TIMED],
      currency: 'EUR',
      hmac: { header: 'x-timed', signed: '{timestamp}.{body}', timestampHeader: 'x-timed-at' },
    },
    { name: 'forge', scheme: 'github', secrets: [UNSIGNED_ID], currency: 'EUR' },
  ],
});
const { api, post } = world;
const stripe = new Stripe('sk_test_no_call_is_ever_made');
const urlOf = (provider: string) => `${world.service.url}/webhooks/${provider}`;
const nowSeconds = () => Math.floor(Date.now() / 1000);

let n = 0;
function payment(over: Record<string, unknown> = {}) {
  n += 1;
  return { ...SEED, user_id: `signer${n}`, transaction_id: `sig${n}`, ...over };
}

const applied = (provider: string, transactionId: string) =>
  eventually(async () => {
    const event = await api.eventOf(provider, transactionId);
    return event.state === 'applied' && event;
  });

function stripeEvent(over: Record<string, unknown> = {}) {
  n += 1;
  return {
    id: `evt_${n}`,
    object: 'event',
    type: 'payment_intent.succeeded',
    created: nowSeconds(),
    data: {
      object: {
        id: `pi_${n}`,
        object: 'payment_intent',
        amount: 1999,
        amount_received: 1999,
        currency: 'usd',
        status: 'succeeded',
        metadata: { user_id: `striped${n}` },
        ...over,
      },
    },
  };
}

function postStripe(event: object, options: { secret?: string; timestamp?: number } = {}) {
  const payload = JSON.stringify(event);
  const header = stripe.webhooks.generateTestHeaderString({
    payload,
    secret: options.secret ?? NEW,
    timestamp: options.timestamp ?? nowSeconds(),
  });
  return postBytes(urlOf('stripe'), payload, { 'stripe-signature': header });
}

/** The package itself cannot be brought to sign such a time. */
function postStripeAtNoTime(event: object) {
  const body = JSON.stringify(event);
  const signature = createHmac('sha256', NEW).update(`NaN.${body}`).digest('hex');
  return postBytes(urlOf('stripe'), body, { 'stripe-signature': `t=NaN,v1=${signature}` });
}

function postStandard(payload: object, over: { id?: string; at?: Date; headers?: Record<string, string> } = {}) {
  const body = JSON.stringify(payload);
  const { id = `msg_${n}`, at = new Date() } = over;
  const signature = new Webhook(STANDARD).sign(id, at, body);
  const seconds = String(Math.floor(at.getTime() / 1000));
  const headers = { 'webhook-id': id, 'webhook-timestamp': seconds, 'webhook-signature': signature };
  return postBytes(urlOf('standard'), body, { ...headers, ...over.headers });
}

function postTimed(payload: object, timestamp: string | null) {
  const body = JSON.stringify(payload);
  const signature = createHmac('sha256', TIMED).update(`${timestamp}.${body}`).digest('hex');
  return postBytes(urlOf('timed'), body, {
    'x-timed': signature,
    ...(timestamp === null ? {} : { 'x-timed-at': timestamp }),
  });
}

/** Five minutes are allowed, and the way to the service takes its time; to the second it is in the unit tests of the schemes. */
const TOO_EARLY = 300 + 30;

const REFUSED = { status: 401, body: { error: 'unauthorized' } };

describe('signatures made by the providers’ own packages are right', () => {
  test('Stripe’s, under every configured secret', async () => {
    for (const secret of [NEW, OLD]) {
      const event = stripeEvent();
      expect((await postStripe(event, { secret })).status).toBe(200);
      await applied('stripe', event.data.object.id);
      expect(await api.payment('stripe', event.data.object.id)).toMatchObject({ amountMinor: 1999, currency: 'USD' });
      expect(await api.has(event.data.object.metadata!.user_id)).toBe(true);
    }
  });

  test('Standard Webhooks’', async () => {
    const paid = payment();
    expect((await postStandard(paid)).status).toBe(200);
    await applied('standard', paid.transaction_id);
    expect(await api.has(paid.user_id)).toBe(true);
  });

  test('and a compressed body is verified as it came, and read inflated', async () => {
    const paid = payment();
    const body = gzipSync(JSON.stringify(paid));
    expect((await post(body, { headers: { 'content-encoding': 'gzip' } })).status).toBe(200);
    await applied('acme', paid.transaction_id);
  });
});

describe('what is wrongly signed gets one bare answer and takes no effect', () => {
  test.each([
    ['with another secret', () => post(payment(), { secret: 'somebody-else’s' })],
    ['without a signature', () => postBytes(urlOf('acme'), JSON.stringify(payment()), {})],
    ['with a signature that is no signature', () => post(payment(), { headers: { 'x-signature': 'zzz' } })],
    ['over other bytes', () => postBytes(urlOf('acme'), JSON.stringify(payment()), signAcme('other bytes'))],
    ['with a secret of another provider', () => post(payment(), { secret: TIMED })],
    ['by an old header on a new body', () => postStandard(payment(), { headers: { 'webhook-id': 'another' } })],
    ['with a time that is no number', () => postTimed(payment(), 'NaN')],
    ['with a time that is empty', () => postTimed(payment(), '')],
    ['without its time', () => postTimed(payment(), null)],
    ['too far in our future', () => postTimed(payment(), String(nowSeconds() + TOO_EARLY))],
    ['25 hours ago', () => postTimed(payment(), String(nowSeconds() - 25 * 3600))],
    ['by Stripe, with a time that is no number', () => postStripeAtNoTime(stripeEvent())],
    ['by Stripe, too far in our future', () => postStripe(stripeEvent(), { timestamp: nowSeconds() + TOO_EARLY })],
    ['by Stripe, 25 hours ago', () => postStripe(stripeEvent(), { timestamp: nowSeconds() - 25 * 3600 })],
  ])('%s', async (_title, send) => {
    const before = await api.conservation();
    const answer = await send();
    expect(answer).toMatchObject(REFUSED);
    expect(Object.keys(answer.body)).toEqual(['error']);
    const after = await api.conservation();
    expect(after).toEqual({ ...before, received: before.received + 1, refused: before.refused + 1 });
    expect(await api.features(`signer${n}`)).toEqual([]);
  });
});

describe('late is not lost', () => {
  test('301 seconds old: stored, marked late, and applied', async () => {
    const paid = payment();
    expect((await postTimed(paid, String(nowSeconds() - 301))).status).toBe(200);
    expect(await applied('timed', paid.transaction_id)).toMatchObject({ late: true });
    expect(await api.has(paid.user_id)).toBe(true);
  });

  test('Stripe’s that is 23 hours old, too', async () => {
    const event = stripeEvent();
    await postStripe(event, { timestamp: nowSeconds() - 23 * 3600 });
    expect(await applied('stripe', event.data.object.id)).toMatchObject({ late: true });
  });

  test('what is in time is not marked late', async () => {
    const paid = payment();
    await postTimed(paid, String(nowSeconds() - 240));
    expect(await applied('timed', paid.transaction_id)).toMatchObject({ late: false });
  });

  test('a wrong signature is not excused by being old', async () => {
    const body = JSON.stringify(payment());
    const headers = { 'x-timed': 'f'.repeat(64), 'x-timed-at': String(nowSeconds() - 301) };
    expect(await postBytes(urlOf('timed'), body, headers)).toMatchObject(REFUSED);
  });
});

describe('an id that nobody signed names no event alone', () => {
  const postForge = (payload: object, delivery: string, signature?: string) => {
    const body = JSON.stringify(payload);
    const right = `sha256=${createHmac('sha256', UNSIGNED_ID).update(body).digest('hex')}`;
    return postBytes(urlOf('forge'), body, {
      'x-hub-signature-256': signature ?? right,
      'x-github-delivery': delivery,
    });
  };

  test('an id forged ahead of the genuine event does not take its place', async () => {
    const paid = payment();
    expect(await postForge({ status: 'failed' }, 'delivery-1', `sha256=${'0'.repeat(64)}`)).toMatchObject(REFUSED);
    expect(await postForge(paid, 'delivery-1')).toMatchObject({ status: 200, body: { duplicate: false } });
    await applied('forge', paid.transaction_id);
  });

  test('a captured body under an id of another event poisons neither', async () => {
    const [captured, genuine] = [payment(), payment()];
    await postForge(captured, 'delivery-2');
    await applied('forge', captured.transaction_id);
    expect(await postForge(captured, 'delivery-3')).toMatchObject({ status: 200 });
    expect(await postForge(genuine, 'delivery-3')).toMatchObject({ status: 200, body: { duplicate: false } });
    await applied('forge', genuine.transaction_id);
    expect((await api.features(captured.user_id))[0]!.revision).toBe(1);
    expect(await api.has(genuine.user_id)).toBe(true);
  });
});

describe('a signed id with other bytes is a conflict', () => {
  test('answered as the first event’s duplicate, counted on it, ticketed, and never applied', async () => {
    const paid = payment();
    const first = await postStandard(paid, { id: 'msg_conflict' });
    await applied('standard', paid.transaction_id);
    const other = await postStandard({ ...paid, user_id: 'thief' }, { id: 'msg_conflict' });
    expect(other).toMatchObject({ status: 200, body: { event: first.body.event, duplicate: true } });
    const view = await eventually(async () => {
      const found = await api.payment('standard', paid.transaction_id);
      return found?.ticket && found;
    });
    expect(view).toMatchObject({ events: [{ conflicts: 1, state: 'applied' }], ticket: { severity: 'P3' } });
    expect(await api.features('thief')).toEqual([]);
  });

  test('the same bytes again are no conflict', async () => {
    const paid = payment();
    const at = new Date();
    await postStandard(paid, { id: 'msg_same', at });
    const again = await postStandard(paid, { id: 'msg_same', at });
    expect(again.body.duplicate).toBe(true);
    expect(await api.eventOf('standard', paid.transaction_id)).toMatchObject({ conflicts: 0 });
  });
});

test('whatever was sent, every promise holds', async () => {
  await eventually(async () => (await api.conservation()).waiting === 0);
  await checkPromises(world.database.db);
});
