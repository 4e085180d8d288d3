import { createHmac } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import Stripe from 'stripe';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../sandbox/main.ts';
import { startWebhookSink, type WebhookSink } from './webhook-sink.ts';

const SECRET = 'a secret of words';
const WHSEC = `whsec_${Buffer.from('twenty-four bytes at least').toString('base64')}`;

let sink: WebhookSink;
let sandbox: Sandbox;

beforeEach(async () => {
  sink = await startWebhookSink();
  sandbox = await startSandbox({ port: 0, webhookUrl: sink.url, providerSecret: SECRET });
  sandbox.provider.set({ retryDelaysMs: [1, 1] });
});
afterEach(async () => {
  await sandbox.close();
  await sink.close();
});

const bodies = () => sink.received.map(({ text }) => JSON.parse(text) as Record<string, unknown>);

describe('a payment', () => {
  test('is told in the generic format, from an address in its country', async () => {
    const order = { user: 'u1', amount: '9.99', currency: 'EUR', transaction: 'tx1', eventId: 'e1', country: 'FR' };
    await sandbox.provider.pay(order);
    expect(bodies()[0]).toEqual({
      event_id: 'e1',
      event: 'payment.success',
      created_at: expect.stringMatching(/^\d{4}-.*Z$/),
      transaction_id: 'tx1',
      user_id: 'u1',
      status: 'success',
      amount: '9.99',
      currency: 'EUR',
      country: 'FR',
    });
    expect(sink.received[0]?.headers['x-forwarded-for']).toBe('212.27.48.10');
    expect(sandbox.provider.findPayment('tx1')).toMatchObject({ user: 'u1', status: 'success' });
  });

  test('is refunded in parts, and refunded when all of it went back', async () => {
    await sandbox.provider.pay({ transaction: 'tx1', amount: '10.00' });
    await sandbox.provider.refund('tx1', { amount: '4.00' });
    expect(sandbox.provider.findPayment('tx1')?.status).toBe('success');
    await sandbox.provider.refund('tx1', { amount: '6.00' });
    expect(sandbox.provider.findPayment('tx1')?.status).toBe('refunded');
    expect(bodies().map(({ status, refunded_amount, partial }) => [status, refunded_amount, partial])).toEqual([
      ['success', undefined, undefined],
      ['refunded', '4.00', true],
      ['refunded', '6.00', false],
    ]);
  });

  test('is disputed, won back, and its subscription cancelled', async () => {
    await sandbox.provider.pay({ transaction: 'tx1', subscription: 'sub1' });
    await sandbox.provider.dispute('tx1');
    await sandbox.provider.dispute('tx1', 'won');
    await sandbox.provider.cancel('tx1', { cancelAt: '2027-01-01T00:00:00Z' });
    expect(bodies().map(({ status }) => status)).toEqual(['success', 'disputed', 'dispute_won', 'canceled']);
    expect(bodies()[1]?.dispute_id).toBe(bodies()[2]?.dispute_id);
    expect(bodies()[3]).toMatchObject({ subscription_id: 'sub1', cancel_at: '2027-01-01T00:00:00Z' });
  });

  test('that never was cannot be refunded', () => {
    expect(() => sandbox.provider.refund('tx404')).toThrow('knows no payment tx404');
  });
});

describe('a signature', () => {
  test('is the HMAC-SHA256 of the body in hex', async () => {
    await sandbox.provider.pay();
    const { body, headers } = sink.received[0]!;
    expect(headers['x-signature']).toBe(createHmac('sha256', SECRET).update(body).digest('hex'));
  });

  test('satisfies the Standard Webhooks package, and a wrong one does not', async () => {
    sandbox.provider.set({ scheme: 'standard-webhooks', secret: WHSEC });
    await sandbox.provider.pay({ eventId: 'e1' });
    await sandbox.provider.pay({}, { signature: 'wrong' });
    const [right, wrong] = sink.received;
    expect(new Webhook(WHSEC).verify(right!.text, right!.headers)).toMatchObject({ event_id: 'e1' });
    expect(() => new Webhook(WHSEC).verify(wrong!.text, wrong!.headers)).toThrow('No matching signature');
  });

  test('satisfies the Stripe package in the Stripe scheme, which has the Stripe format', async () => {
    sandbox.provider.set({ scheme: 'stripe', secret: 'whsec_x' });
    await sandbox.provider.pay({ user: 'u1', amount: '19.99', currency: 'USD', transaction: 'pi_1' });
    await sandbox.provider.refund('pi_1', { amount: '5.00' });
    const events = sink.received.map(({ body, headers }) =>
      Stripe.webhooks.constructEvent(body, headers['stripe-signature']!, 'whsec_x'),
    );
    expect(events[0]).toMatchObject({
      type: 'payment_intent.succeeded',
      data: { object: { id: 'pi_1', amount: 1999, currency: 'usd', metadata: { user_id: 'u1' } } },
    });
    expect(events[1]).toMatchObject({
      type: 'charge.refunded',
      data: { object: { payment_intent: 'pi_1', amount: 1999, amount_refunded: 500, refunded: false } },
    });
  });

  test('of a late webhook is old, and one that is missing is not there', async () => {
    sandbox.provider.set({ scheme: 'standard-webhooks', secret: WHSEC });
    await sandbox.provider.pay({}, { lateSeconds: 600 });
    await sandbox.provider.pay({}, { signature: 'missing' });
    const [late, missing] = sink.received;
    expect(() => new Webhook(WHSEC).verify(late!.text, late!.headers)).toThrow('too old');
    expect(missing!.headers['webhook-signature']).toBeUndefined();
  });
});

describe('on the way', () => {
  test('duplicates are identical to the byte', async () => {
    const { deliveries } = await sandbox.provider.pay({}, { copies: 5 });
    expect(deliveries).toHaveLength(5);
    expect(new Set(sink.received.map(({ text }) => text)).size).toBe(1);
  });

  test('what is held back is overtaken', async () => {
    await sandbox.provider.pay({ transaction: 'tx1' }, { hold: true });
    await sandbox.provider.refund('tx1', { hold: true });
    expect(sink.received).toHaveLength(0);
    await sandbox.provider.release();
    expect(bodies().map(({ status }) => status)).toEqual(['refunded', 'success']);
  });

  test('a malformed body is rightly signed nonsense', async () => {
    await sandbox.provider.pay({}, { malformed: true });
    const { body, text, headers } = sink.received[0]!;
    expect(() => JSON.parse(text)).toThrow();
    expect(headers['x-signature']).toBe(createHmac('sha256', SECRET).update(body).digest('hex'));
  });

  test('what is not answered with 2xx comes again, the same, until it is', async () => {
    sink.answers.push(503, 500);
    const { eventId } = await sandbox.provider.pay();
    await sandbox.provider.settled();
    expect(sink.received).toHaveLength(3);
    expect(new Set(sink.received.map(({ text }) => text)).size).toBe(1);
    const tries = sandbox.provider.deliveries.filter((delivery) => delivery.eventId === eventId);
    expect(tries.map(({ tryNumber, outcome }) => [tryNumber, outcome.kind === 'answered' && outcome.status])).toEqual([
      [1, 503],
      [2, 500],
      [3, 200],
    ]);
  });

  test('it gives up after its last try, and can be asked to send again', async () => {
    sink.answers.push(500, 500, 500);
    const { eventId } = await sandbox.provider.pay();
    await sandbox.provider.settled();
    expect(sink.received).toHaveLength(3);
    await sandbox.provider.resend(eventId);
    expect(sink.received[3]?.text).toBe(sink.received[0]?.text);
  });

  test('a service that is not there is a failed delivery, not an error', async () => {
    sandbox.provider.set({ webhookUrl: 'http://127.0.0.1:1/', retryDelaysMs: [] });
    const { deliveries } = await sandbox.provider.pay();
    expect(deliveries[0]?.outcome).toMatchObject({ kind: 'failed' });
  });
});

describe('over HTTP', () => {
  const post = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(`${sandbox.url}${path}`, { method: 'POST', ...init });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };

  test('one curl makes the product refuse once, and tells what happens and where to look', async () => {
    const { status, body } = await post('/provider/payments?user=anna&amount=9.99&product=refuses');
    expect(status).toBe(201);
    expect(body).toMatchObject({ payment: { user: 'anna', amount: '9.99' }, look: sandbox.url });
    expect(String(body.whatHappens)).toContain('ticket');
    expect(
      sandbox.product.misbehaviours.map(({ misbehaviour, remaining }) => ({ ...misbehaviour, remaining })),
    ).toEqual([{ user: 'anna', kind: 'status', status: 422, times: 1, remaining: 1 }]);
    expect(bodies()[0]).toMatchObject({ user_id: 'anna', amount: '9.99', currency: 'EUR' });
  });

  test.each([
    ['a query', '/provider/payments?user=q&amount=1&currency=jpy', {}],
    ['a form', '/provider/payments', { body: new URLSearchParams({ user: 'q', amount: '1', currency: 'jpy' }) }],
    [
      'JSON',
      '/provider/payments',
      {
        body: JSON.stringify({ user: 'q', amount: '1', currency: 'jpy' }),
        headers: { 'content-type': 'application/json' },
      },
    ],
  ])('%s is understood', async (_, path, init) => {
    await post(path, init);
    expect(bodies()[0]).toMatchObject({ user_id: 'q', amount: '1', currency: 'JPY' });
  });

  test('fail=503 lasts until the product is told to work', async () => {
    await post('/provider/payments?user=bob&fail=503');
    expect(sandbox.product.misbehaviours).toHaveLength(1);
    await post('/product/works?user=bob');
    expect(sandbox.product.misbehaviours).toHaveLength(0);
  });

  test('what it does not understand is said, and nothing is sent', async () => {
    const answer = await post('/provider/payments?amount=lots');
    expect(answer).toMatchObject({ status: 400, body: { message: 'amount must be a number like 9.99, not "lots"' } });
    expect(sink.received).toHaveLength(0);
  });

  test('payments, events and refunds can be read and made', async () => {
    await post('/provider/payments?transaction=tx1&eventId=e1');
    await post('/provider/payments/tx1/refund');
    const read = async (path: string) => (await fetch(`${sandbox.url}${path}`)).json();
    expect(await read('/provider/payments')).toMatchObject({ payments: [{ transaction: 'tx1', status: 'refunded' }] });
    expect(await read('/provider/events/e1')).toMatchObject({ event_id: 'e1', status: 'success' });
    expect((await fetch(`${sandbox.url}/provider/payments/tx404`)).status).toBe(404);
  });

  test('a page of another site cannot steer it', async () => {
    const foreign = await post('/provider/payments', { headers: { origin: 'https://evil.example' } });
    expect(foreign.status).toBe(403);
    expect(sink.received).toHaveLength(0);
    expect((await post('/provider/payments', { headers: { origin: sandbox.url } })).status).toBe(201);
  });
});
