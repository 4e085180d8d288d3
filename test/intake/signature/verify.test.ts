import { createHash, createHmac } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import Stripe from 'stripe';
import { describe, expect, test } from 'vitest';
import { prepareVerifier, type ReceivedWebhook, verifyWebhook } from '../../../src/intake/signature/verify.ts';
import { provider } from '../provider.ts';
import { providerOf, type SignatureVector, VECTORS, webhookOf } from '../signature-vectors.ts';

const NOW = new Date('2026-01-01T00:00:00Z');
const NOW_SECONDS = NOW.getTime() / 1000;
const BODY = Buffer.from('{"status":"success","amount":"9.99","user_id":"user123","transaction_id":"tx456"}');

const STANDARD_SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

function received(headers: ReceivedWebhook['headers'], body: Buffer = BODY, receivedAt = NOW): ReceivedWebhook {
  return { headers, body, receivedAt };
}

function hmacHex(secret: string, text: string | Buffer, algorithm = 'sha256'): string {
  return createHmac(algorithm, secret).update(text).digest('hex');
}

const DECIDED = VECTORS.filter((vector) => !vector.contested);
const VALID = DECIDED.filter((vector) => vector.valid);

describe('every case made by a provider’s own package gets its verdict', () => {
  test('the vectors are there: an empty list would prove nothing', () => {
    expect(DECIDED).toHaveLength(108);
    expect(VALID).toHaveLength(60);
  });

  test.each(DECIDED.map((vector) => [vector.id, vector] as const))('%s', (_id, vector) => {
    const verdict = verifyWebhook(providerOf(vector), webhookOf(vector));
    expect(verdict.valid).toBe(vector.valid);
  });

  test('the contested case, an empty body with a right signature, is refused like every empty body', () => {
    const contested = VECTORS.find((vector) => vector.id === 'svix/empty-body')!;
    const verdict = verifyWebhook(providerOf(contested), webhookOf(contested));
    expect(verdict).toMatchObject({ valid: false, cause: 'body_empty' });
  });
});

describe('one flipped bit makes a valid webhook invalid', () => {
  test.each(VALID.map((vector) => [vector.id, vector] as const))('%s', (_id, vector) => {
    const verdict = verifyWebhook(providerOf(vector), withOneBitFlipped(vector));
    expect(verdict.valid).toBe(false);
  });

  function withOneBitFlipped(vector: SignatureVector): ReceivedWebhook {
    const webhook = webhookOf(vector);
    if (vector.scheme === 'telegram') return { ...webhook, headers: flippedToken(vector) };
    const body = Buffer.from(webhook.body);
    // Adyen signs eight fields and not the bytes, so the bit is one of a signed field.
    const position = vector.scheme === 'adyen' ? body.indexOf('TestMerchant') : Math.floor(body.length / 2);
    body[position]! ^= 1;
    return { ...webhook, body };
  }

  function flippedToken(vector: SignatureVector): Record<string, string> {
    const name = 'x-telegram-bot-api-secret-token';
    const token = vector.headers[name]!;
    return { ...vector.headers, [name]: String.fromCharCode(token.charCodeAt(0) ^ 1) + token.slice(1) };
  }
});

describe('what a verdict tells', () => {
  test('a valid one names the secret by fingerprint and place, never by value', () => {
    const rotating = provider({ secrets: ['new', 'old'] });
    const verdict = verifyWebhook(rotating, received({ 'x-signature': hmacHex('old', BODY) }));
    expect(verdict).toEqual({
      valid: true,
      secretFingerprint: createHash('sha256').update('old').digest('hex').slice(0, 8),
      secretIndex: 1,
      signedId: null,
      unsignedId: null,
      signedAt: null,
    });
  });

  test('an id inside the signed template is signed, an id beside it is not', () => {
    const signed = provider({ hmac: { header: 'x-signature', signed: '{id}.{body}', idHeader: 'x-id' } });
    const covered = received({ 'x-signature': hmacHex('s3cret', `d-1.${BODY}`), 'x-id': 'd-1' });
    expect(verifyWebhook(signed, covered)).toMatchObject({ valid: true, signedId: 'd-1', unsignedId: null });
    const forged = received({ ...covered.headers, 'x-id': 'd-2' });
    expect(verifyWebhook(signed, forged)).toMatchObject({ valid: false });

    const github = provider({ scheme: 'github' });
    const beside = received({ 'x-hub-signature-256': `sha256=${hmacHex('s3cret', BODY)}`, 'x-github-delivery': 'd-1' });
    expect(verifyWebhook(github, beside)).toMatchObject({ valid: true, signedId: null, unsignedId: 'd-1' });
  });

  test('a late webhook is told from a forged one: its signature matches', () => {
    const stripe = provider({ scheme: 'stripe' });
    const late = received(stripeHeaders('s3cret', NOW_SECONDS - 301));
    expect(verifyWebhook(stripe, late)).toMatchObject({
      valid: false,
      cause: 'timestamp_too_old',
      signatureMatches: true,
      ageSeconds: 301,
      signedAt: new Date((NOW_SECONDS - 301) * 1000),
      secretFingerprint: createHash('sha256').update('s3cret').digest('hex').slice(0, 8),
    });
    const forged = received(stripeHeaders('other', NOW_SECONDS - 301));
    expect(verifyWebhook(stripe, forged)).toMatchObject({
      cause: 'mismatch_unexplained',
      signatureMatches: false,
      secretFingerprint: null,
    });
  });
});

describe('the tolerance includes its edges on both sides', () => {
  test.each([
    [-300, true],
    [-301, false],
    [300, true],
    [301, false],
  ])('%i s of age: valid %s', (age, valid) => {
    const stripe = provider({ scheme: 'stripe' });
    expect(verifyWebhook(stripe, received(stripeHeaders('s3cret', NOW_SECONDS - age))).valid).toBe(valid);
    const standard = provider({ scheme: 'standard-webhooks', secrets: [STANDARD_SECRET] });
    expect(verifyWebhook(standard, received(standardHeaders(NOW_SECONDS - age))).valid).toBe(valid);
    const paddle = provider({ scheme: 'paddle' });
    const h1 = hmacHex('s3cret', `${NOW_SECONDS - age}:${BODY}`);
    expect(verifyWebhook(paddle, received({ 'paddle-signature': `ts=${NOW_SECONDS - age};h1=${h1}` })).valid).toBe(
      valid,
    );
  });

  test('fractions of a second are not counted against the sender', () => {
    const stripe = provider({ scheme: 'stripe' });
    const headers = stripeHeaders('s3cret', NOW_SECONDS - 300);
    const at = (ms: number) => received(headers, BODY, new Date(NOW.getTime() + ms));
    expect(verifyWebhook(stripe, at(999)).valid).toBe(true);
    expect(verifyWebhook(stripe, at(1000)).valid).toBe(false);
  });

  test('a timestamp in milliseconds is read as such when the recipe says so', () => {
    const hmac = { header: 'x-signature', signed: '{timestamp}.{body}', timestampHeader: 'x-time' };
    const sent = String(NOW.getTime() - 1000);
    const webhook = received({ 'x-signature': hmacHex('s3cret', `${sent}.${BODY}`), 'x-time': sent });
    expect(verifyWebhook(provider({ hmac: { ...hmac, timestampUnit: 'milliseconds' } }), webhook).valid).toBe(true);
    expect(verifyWebhook(provider({ hmac }), webhook)).toMatchObject({ valid: false, cause: 'timestamp_in_future' });
  });

  test.each(['', 'NaN', 'yesterday', '-1', '1e9', '1767225600.5', '1767225600 '])(
    'the timestamp %j is malformed',
    (t) => {
      const headers = { 'stripe-signature': `t=${t},v1=${hmacHex('s3cret', `${t}.${BODY}`)}` };
      expect(verifyWebhook(provider({ scheme: 'stripe' }), received(headers))).toMatchObject({
        valid: false,
        cause: 'timestamp_malformed',
      });
    },
  );
});

describe('an empty body is refused under every scheme, whatever signs it', () => {
  const url = 'https://pay.example.test/hook';
  const secretOf: Record<string, string> = {
    'standard-webhooks': STANDARD_SECRET,
    svix: STANDARD_SECRET,
    adyen: 'aa',
    'adyen-header': 'aa',
  };
  const schemes = ['hmac', 'stripe', 'standard-webhooks', 'svix', 'paddle', 'adyen', 'telegram', 'github', 'razorpay'];
  const presets = ['shopify', 'square', 'lemonsqueezy', 'coinbase-commerce', 'paystack', 'cryptopay', 'cloudpayments'];

  test.each([...schemes, ...presets, 'adyen-header'])('%s', (scheme) => {
    const config = provider({ scheme, secrets: [secretOf[scheme] ?? 's3cret'], notificationUrl: url });
    const headers = { 'x-signature': hmacHex('s3cret', ''), 'x-telegram-bot-api-secret-token': 's3cret' };
    expect(verifyWebhook(config, received(headers, Buffer.alloc(0)))).toMatchObject({
      valid: false,
      cause: 'body_empty',
    });
  });
});

describe('secrets and signatures', () => {
  test('any configured secret may match any signature of the header', () => {
    const right = hmacHex('second', `${NOW_SECONDS}.${BODY}`);
    const header = `t=${NOW_SECONDS},v1=${'0'.repeat(64)},v1=${right},v1=${'f'.repeat(64)}`;
    const rotating = provider({ scheme: 'stripe', secrets: ['first', 'second', 'third'] });
    expect(verifyWebhook(rotating, received({ 'stripe-signature': header }))).toMatchObject({
      valid: true,
      secretIndex: 1,
    });
    const without = provider({ scheme: 'stripe', secrets: ['first', 'third'] });
    expect(verifyWebhook(without, received({ 'stripe-signature': header })).valid).toBe(false);
  });

  test('a secret is used byte for byte: white space in it counts', () => {
    const spaced = provider({ secrets: [' s3cret\n'] });
    expect(verifyWebhook(spaced, received({ 'x-signature': hmacHex(' s3cret\n', BODY) })).valid).toBe(true);
    expect(verifyWebhook(spaced, received({ 'x-signature': hmacHex('s3cret', BODY) })).valid).toBe(false);
  });

  test.each([
    ['text', 'Zm9v', Buffer.from('Zm9v')],
    ['base64', 'Zm9v', Buffer.from('foo')],
    ['hex', '666f6f', Buffer.from('foo')],
    ['sha256', 'foo', createHash('sha256').update('foo').digest()],
  ])('the key form %s decides which bytes the secret is', (key, secret, bytes) => {
    const config = provider({ secrets: [secret], hmac: { header: 'x-signature', key } });
    const sign = (with_: Buffer) => createHmac('sha256', with_).update(BODY).digest('hex');
    expect(verifyWebhook(config, received({ 'x-signature': sign(bytes) })).valid).toBe(true);
    expect(verifyWebhook(config, received({ 'x-signature': sign(Buffer.from('bar')) })).valid).toBe(false);
  });

  test.each(['sha1', 'sha256', 'sha512'] as const)('%s in hex and in base64, each only as configured', (algorithm) => {
    const digest = createHmac(algorithm, 's3cret').update(BODY).digest();
    for (const [encoding, other] of [
      ['hex', 'base64'],
      ['base64', 'hex'],
    ] as const) {
      const config = provider({ hmac: { header: 'x-signature', algorithm, encoding } });
      expect(verifyWebhook(config, received({ 'x-signature': digest.toString(encoding) })).valid).toBe(true);
      expect(verifyWebhook(config, received({ 'x-signature': digest.toString(other) }))).toMatchObject({
        valid: false,
        cause: 'signature_malformed',
      });
    }
  });

  test('upper-case hex is taken from an operator’s own scheme and refused where the provider sends lower case', () => {
    const upper = hmacHex('s3cret', BODY).toUpperCase();
    expect(verifyWebhook(provider(), received({ 'x-signature': upper })).valid).toBe(true);
    expect(verifyWebhook(provider({ scheme: 'lemonsqueezy' }), received({ 'x-signature': upper })).valid).toBe(false);
  });

  test('dollar signs and braces of the body are bytes, never part of the template', () => {
    const body = Buffer.from('{"note":"$& $1 {timestamp} {body}"}');
    const config = provider({ hmac: { header: 'x-signature', signed: 'v0:{body}:{body}' } });
    const webhook = received({ 'x-signature': hmacHex('s3cret', `v0:${body}:${body}`) }, body);
    expect(verifyWebhook(config, webhook).valid).toBe(true);
  });

  test('bytes that are no UTF-8 and a byte order mark are verified as they came', () => {
    for (const body of [Buffer.from([0xff, 0xfe, 0x00, 0x80]), Buffer.from('\ufeff{}')]) {
      expect(verifyWebhook(provider(), received({ 'x-signature': hmacHex('s3cret', body) }, body)).valid).toBe(true);
    }
  });

  test('the URL is the configured one, whatever host the request names', () => {
    const square = provider({ scheme: 'square', notificationUrl: 'https://pay.example.test/hook' });
    const sign = (url: string) => createHmac('sha256', 's3cret').update(url).update(BODY).digest('base64');
    const header = 'x-square-hmacsha256-signature';
    const right = received({ [header]: sign('https://pay.example.test/hook'), host: 'evil.example' });
    expect(verifyWebhook(square, right).valid).toBe(true);
    const wrong = received({ [header]: sign('https://evil.example/hook'), host: 'evil.example' });
    expect(verifyWebhook(square, wrong).valid).toBe(false);
  });

  test('a prepared verifier and the one-off call agree', () => {
    const prepared = prepareVerifier(provider());
    expect(prepared(received({ 'x-signature': hmacHex('s3cret', BODY) })).valid).toBe(true);
    expect(prepared(received({ 'x-signature': hmacHex('s3cret', 'other') })).valid).toBe(false);
  });
});

describe('headers', () => {
  test('standard-webhooks and svix each take both families of names', () => {
    const svixHeaders = Object.fromEntries(
      Object.entries(standardHeaders(NOW_SECONDS)).map(([name, value]) => [name.replace('webhook-', 'Svix-'), value]),
    );
    for (const scheme of ['standard-webhooks', 'svix']) {
      const config = provider({ scheme, secrets: [STANDARD_SECRET] });
      expect(verifyWebhook(config, received(svixHeaders))).toMatchObject({ valid: true, signedId: 'msg_1' });
      expect(verifyWebhook(config, received(standardHeaders(NOW_SECONDS)))).toMatchObject({ valid: true });
    }
  });

  test.each([
    ['standard-webhooks', {}, 'header_missing:webhook-id'],
    ['svix', {}, 'header_missing:svix-id'],
    ['standard-webhooks', { 'svix-id': 'a' }, 'header_missing:svix-timestamp'],
    ['standard-webhooks', { 'webhook-id': 'a', 'webhook-timestamp': '1' }, 'header_missing:webhook-signature'],
    ['stripe', { 'stripe-signature': 'v1=00' }, 'signature_header_malformed'],
    ['stripe', { 'stripe-signature': 't=1767225600' }, 'signature_header_malformed'],
    ['stripe', { 'stripe-signature': 't=1767225600,v0=00' }, 'no_known_scheme'],
    ['stripe', { 'stripe-signature': 't=1767225600,v1=00' }, 'signature_malformed'],
    ['paddle', {}, 'signature_header_missing'],
    ['github', { 'x-hub-signature-256': 'ab'.repeat(32) }, 'signature_malformed'],
    ['telegram', { 'x-telegram-bot-api-secret-token': 'other' }, 'wrong_secret'],
    ['adyen', {}, 'body_unreadable'],
  ])('%s with %j is refused as %s', (scheme, headers, cause) => {
    const secrets = [{ adyen: 'aa', 'standard-webhooks': STANDARD_SECRET, svix: STANDARD_SECRET }[scheme] ?? 's3cret'];
    const verdict = verifyWebhook(provider({ scheme, secrets }), received(headers));
    expect(verdict).toMatchObject({ valid: false, cause, signatureMatches: false });
  });

  test('an entry of another version does not hide the right one', () => {
    const headers = standardHeaders(NOW_SECONDS);
    const config = provider({ scheme: 'standard-webhooks', secrets: [STANDARD_SECRET] });
    const many = { ...headers, 'webhook-signature': `v1a,AAAA v2,AAAA ${headers['webhook-signature']}` };
    expect(verifyWebhook(config, received(many)).valid).toBe(true);
    const none = { ...headers, 'webhook-signature': headers['webhook-signature'].replace('v1,', 'v1a,') };
    expect(verifyWebhook(config, received(none))).toMatchObject({ cause: 'no_known_scheme' });
  });

  test('several lines of one header are one list', () => {
    const config = provider({ hmac: { header: 'x-signature', prefix: 'v1=' } });
    const lines = [`v1=${'0'.repeat(64)}`, `v1=${hmacHex('s3cret', BODY)}`];
    expect(verifyWebhook(config, received({ 'x-signature': lines })).valid).toBe(true);
  });
});

describe('adyen signs each item', () => {
  const published = VECTORS.find((vector) => vector.id === 'adyen/published-example')!;
  const twoItems = VECTORS.find((vector) => vector.id === 'adyen/batch-of-two')!;
  const verdictOf = (change: (items: Record<string, unknown>[]) => unknown[]) => {
    const notification = JSON.parse(twoItems.rawBody);
    notification.notificationItems = change(notification.notificationItems);
    const body = Buffer.from(JSON.stringify(notification));
    return verifyWebhook(providerOf(twoItems), { ...webhookOf(twoItems), body });
  };

  test('one genuine item does not vouch for a forged neighbour', () => {
    expect(verdictOf((items) => items)).toMatchObject({ valid: true });
    const forged = verdictOf(([first, second]) => {
      const item = second!.NotificationRequestItem as Record<string, unknown>;
      return [first, { NotificationRequestItem: { ...item, amount: { value: 1, currency: 'EUR' } } }];
    });
    expect(forged).toMatchObject({ valid: false, cause: 'mismatch_unexplained' });
    const unsigned = verdictOf(([first, second]) => {
      const item = second!.NotificationRequestItem as Record<string, unknown>;
      return [first, { NotificationRequestItem: { ...item, additionalData: {} } }];
    });
    expect(unsigned).toMatchObject({ valid: false, cause: 'signature_missing' });
  });

  test('an empty list verifies nothing, and nothing is not a success', () => {
    expect(verdictOf(() => [])).toMatchObject({ valid: false, cause: 'body_unreadable' });
  });

  test('a deep object in a signed field is refused and exhausts no stack', () => {
    const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;
    const body = Buffer.from(published.rawBody.replace('"7914073381342284"', deep));
    expect(verifyWebhook(providerOf(published), { ...webhookOf(published), body }).valid).toBe(false);
  });
});

describe('the providers’ own packages and ours agree in both directions', () => {
  const stripe = new Stripe('sk_test_none');
  const text = BODY.toString();
  const tampered = Buffer.from(text.replace('user123', 'user124'));

  test('what stripe signs we accept, and its tampered twin neither accepts', () => {
    const config = provider({ scheme: 'stripe', secrets: ['whsec_abc'] });
    const header = stripe.webhooks.generateTestHeaderString({
      payload: text,
      secret: 'whsec_abc',
      timestamp: NOW_SECONDS,
    });
    const headers = { 'stripe-signature': header };
    expect(verifyWebhook(config, received(headers)).valid).toBe(true);
    expect(verifyWebhook(config, received(headers, tampered)).valid).toBe(false);
    expect(() => stripe.webhooks.constructEvent(tampered, header, 'whsec_abc')).toThrow();
  });

  test('what we compute as stripe’s signature stripe accepts', () => {
    const now = Math.floor(Date.now() / 1000);
    const header = stripeHeaders('whsec_abc', now)['stripe-signature'];
    expect(stripe.webhooks.constructEvent(BODY, header, 'whsec_abc')).toMatchObject({ status: 'success' });
    expect(
      verifyWebhook(
        provider({ scheme: 'stripe', secrets: ['whsec_abc'] }),
        received({ 'stripe-signature': header }, BODY, new Date(now * 1000)),
      ).valid,
    ).toBe(true);
    expect(() => stripe.webhooks.constructEvent(tampered, header, 'whsec_abc')).toThrow();
  });

  test('what standardwebhooks signs we accept, and its tampered twin neither accepts', () => {
    const theirs = new Webhook(STANDARD_SECRET);
    const now = new Date();
    const signature = theirs.sign('msg_1', now, text);
    const headers = {
      'webhook-id': 'msg_1',
      'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
      'webhook-signature': signature,
    };
    const config = provider({ scheme: 'standard-webhooks', secrets: [STANDARD_SECRET] });
    expect(verifyWebhook(config, received(headers, BODY, now)).valid).toBe(true);
    expect(verifyWebhook(config, received(headers, tampered, now)).valid).toBe(false);
    expect(() => theirs.verify(tampered.toString(), headers)).toThrow();
  });

  test('what we compute as a standard signature standardwebhooks accepts', () => {
    const headers = standardHeaders(Math.floor(Date.now() / 1000));
    expect(new Webhook(STANDARD_SECRET).verify(text, headers)).toMatchObject({ status: 'success' });
  });
});

function stripeHeaders(secret: string, timestamp: number): { 'stripe-signature': string } {
  return { 'stripe-signature': `t=${timestamp},v1=${hmacHex(secret, `${timestamp}.${BODY}`)}` };
}

function standardHeaders(timestamp: number) {
  const digest = createHmac('sha256', Buffer.alloc(32, 7)).update(`msg_1.${timestamp}.${BODY}`).digest('base64');
  return { 'webhook-id': 'msg_1', 'webhook-timestamp': String(timestamp), 'webhook-signature': `v1,${digest}` };
}
