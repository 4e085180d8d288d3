import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { provider } from '../provider.ts';
import { onlyEvent, parse } from './parse.ts';
import { adyen, PROVIDER_SAMPLES } from './provider-samples.ts';

test.each(PROVIDER_SAMPLES.map((each) => [each.format, each.what, each] as const))(
  '%s: %s',
  (format, _what, { body, headers, means }) => {
    expect(onlyEvent(provider({ format }), body, { headers: headers ?? {} })).toMatchObject(means);
  },
);

function sampleOf(format: string, what: string) {
  return PROVIDER_SAMPLES.find((each) => each.format === format && each.what === what)!;
}

describe('an unsigned header may only repeat what the signed body says', () => {
  const order = sampleOf('shopify', 'orders/paid').body;
  const refund = sampleOf('shopify', 'refunds/create').body;
  const product = sampleOf('shopify', 'anything else of the shop').body;

  test.each([
    ['an order under a refund’s topic', order, 'refunds/create'],
    ['an order hidden under another topic', order, 'products/update'],
    ['a refund under an order’s topic', refund, 'orders/paid'],
    ['anything under an order’s topic', product, 'orders/paid'],
  ])('shopify: %s', (_what, body, topic) => {
    const parsed = parse(provider({ format: 'shopify' }), body, { headers: { 'X-Shopify-Topic': topic } });
    expect(parsed).toMatchObject({ outcome: 'malformed', message: expect.stringContaining('x-shopify-topic') });
  });

  test('shopify: no topic at all leaves the body its word', () => {
    expect(onlyEvent(provider({ format: 'shopify' }), order).kind).toBe('payment_succeeded');
  });

  test('lemonsqueezy: another event name than the body’s', () => {
    const { body } = sampleOf('lemonsqueezy', 'order_created');
    const parsed = parse(provider({ format: 'lemonsqueezy' }), body, { headers: { 'x-event-name': 'order_refunded' } });
    expect(parsed).toMatchObject({ outcome: 'malformed', message: expect.stringContaining('x-event-name') });
  });
});

test.each(['razorpay', 'shopify'] as const)('%s: the id of the unsigned header is bound to the bytes', (format) => {
  const { body } = PROVIDER_SAMPLES.find((each) => each.format === format)!;
  const bytes = typeof body === 'string' ? body : JSON.stringify(body);
  const hash = createHash('sha256').update(bytes).digest('hex');
  expect(onlyEvent(provider({ format }), body, { unsignedId: 'ev_1' }).dedupKey).toBe(`ev_1:${hash}`);
  expect(onlyEvent(provider({ format }), body).dedupKey).toBe(`sha256:${hash}`);
});

describe('adyen', () => {
  const config = provider({ format: 'adyen' });

  test('each item of a batch is an event of its own', () => {
    const parsed = parse(config, adyen({ eventCode: 'AUTHORISATION' }, { eventCode: 'REFUND', pspReference: 'psp_2' }));
    expect(parsed).toMatchObject({
      outcome: 'events',
      events: [{ dedupKey: 'AUTHORISATION:psp_1:true' }, { dedupKey: 'REFUND:psp_2:true' }],
    });
  });

  test('one item that cannot be read makes the batch malformed: half of it applied would be worse', () => {
    const parsed = parse(config, adyen({ eventCode: 'AUTHORISATION' }, { eventCode: null }));
    expect(parsed).toMatchObject({ outcome: 'malformed' });
  });

  test('the unsigned date is no part of the key, so a captured item cannot come back as another event', () => {
    const again = adyen({ eventCode: 'AUTHORISATION', eventDate: '2026-02-02T00:00:00+00:00' });
    expect(onlyEvent(config, again).dedupKey).toBe('AUTHORISATION:psp_1:true');
  });

  test('the unsigned shopper is the user only when the operator says so', () => {
    const body = adyen({ eventCode: 'AUTHORISATION' });
    expect(onlyEvent(config, body).userId).toBe('u_42');
    const trusting = provider({ format: 'adyen', fields: { userId: 'additionalData.shopperReference' } });
    expect(onlyEvent(trusting, body).userId).toBe('shopper');
  });

  test('a notification without items is malformed', () => {
    expect(parse(config, adyen())).toMatchObject({ outcome: 'malformed' });
    expect(parse(config, {})).toMatchObject({ outcome: 'malformed' });
  });
});

test('lemonsqueezy: each update of an order is an event of its own', () => {
  const config = provider({ format: 'lemonsqueezy' });
  const at = (updated_at: string) => {
    const { data, meta } = structuredClone(sampleOf('lemonsqueezy', 'order_created').body) as {
      data: { attributes: object };
      meta: object;
    };
    return onlyEvent(config, { meta, data: { ...data, attributes: { ...data.attributes, updated_at } } }).dedupKey;
  };
  expect(at('2026-01-01T00:00:00Z')).not.toBe(at('2026-01-02T00:00:00Z'));
});
