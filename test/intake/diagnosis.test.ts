import { createHmac } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Diagnosis, diagnoseRefusal, explainRefusal, PROBED_BYTES_MAX } from '../../src/intake/diagnosis.ts';
import type { ProviderConfig } from '../../src/intake/provider-config.ts';
import { type ReceivedWebhook, type RefusalCause, verifyWebhook } from '../../src/intake/signature/verify.ts';
import { provider } from './provider.ts';
import { providerOf, VECTORS, webhookOf } from './signature-vectors.ts';

function diagnose(config: ProviderConfig, webhook: ReceivedWebhook, otherSecrets: string[] = []): Diagnosis {
  const verdict = verifyWebhook(config, webhook);
  if (verdict.valid) throw new Error('there is nothing to diagnose: the webhook is valid');
  return diagnoseRefusal(config, webhook, verdict, otherSecrets);
}

const HAVING_DIAGNOSIS = VECTORS.filter((vector) => vector.diagnosis && !vector.contested);

describe('the cases made by the providers’ own packages', () => {
  // A forgery, a changed amount or id, or a sender with another template of its own: from the bytes alone these are one
  // and the same thing. Only the provider's record of the event tells them apart.
  const NOT_NAMEABLE = [
    'standard-webhooks/tampered-body',
    'svix/tampered-body',
    'paddle/dot-instead-of-colon',
    'adyen/tampered-amount',
    'adyen/tampered-success',
    'square/tampered-body',
    'cloudpayments/tampered-amount',
    'cryptopay/tampered-amount',
  ];

  test.each(HAVING_DIAGNOSIS.map((vector) => [vector.id, vector] as const))('%s is named', (id, vector) => {
    const { cause } = diagnose(providerOf(vector), webhookOf(vector), vector.signedWith ? [vector.signedWith] : []);
    expect(cause).toBe(NOT_NAMEABLE.includes(id) ? 'mismatch_unexplained' : vector.diagnosis);
  });

  test('40 of 48 are named, and the other 8 are all changed bodies', () => {
    expect(HAVING_DIAGNOSIS).toHaveLength(48);
    const unnamed = HAVING_DIAGNOSIS.filter((vector) => NOT_NAMEABLE.includes(vector.id));
    expect(unnamed.map((vector) => vector.diagnosis)).toEqual(Array(8).fill('body_modified'));
  });

  test('a wrong secret is named only when it is known; otherwise it is a mismatch like any other', () => {
    for (const vector of HAVING_DIAGNOSIS.filter((each) => each.diagnosis === 'wrong_secret')) {
      expect(diagnose(providerOf(vector), webhookOf(vector)).cause).toBe('mismatch_unexplained');
    }
  });
});

const NOW = new Date('2026-01-01T00:00:00Z');
const TEXT =
  '{"id":"evt_1","name":"Zoë Müller","url":"https:\\/\\/x.example","amount":1.50,"list":[],"big":12345678901234567890}';
const ACME = provider();

function signed(original: string | Buffer, over: Partial<ReceivedWebhook> = {}, secret: string | Buffer = 's3cret') {
  const headers = { 'x-signature': createHmac('sha256', secret).update(original).digest('hex') };
  return { headers: { ...headers, ...over.headers }, body: over.body ?? Buffer.from(original), receivedAt: NOW };
}

describe('what happened on the way is named by the variant that verifies', () => {
  const pretty = JSON.stringify(JSON.parse('{"a":{"b":[1,{"c":[]}],"d":{}}}'), null, 2);
  const compact = '{"a":{"b":[1,{"c":[]}],"d":{}}}';
  test.each<[string, string | Buffer, Buffer, RefusalCause]>([
    ['compact became pretty', compact, Buffer.from(pretty), 'body_reserialized'],
    ['pretty became compact', pretty, Buffer.from(compact), 'body_reserialized'],
    ['python’s spaces', '{"a": 1, "b": [1, 2]}', Buffer.from('{"a":1,"b":[1,2]}'), 'body_reserialized'],
    ['slashes lost their escapes', TEXT, Buffer.from(TEXT.replaceAll('\\/', '/')), 'body_reserialized'],
    ['unicode was escaped', '{"n":"Zoë 🦊"}', Buffer.from('{"n":"Zo\\u00eb \\ud83e\\udd8a"}'), 'body_reserialized'],
    ['unicode was unescaped', '{"n":"Zo\\u00eb"}', Buffer.from('{"n":"Zoë"}'), 'body_reserialized'],
    ['a newline was appended', TEXT, Buffer.from(`${TEXT}\n`), 'whitespace_changed'],
    ['a newline was cut off', `${TEXT}\n`, Buffer.from(TEXT), 'whitespace_changed'],
    ['CRLF became LF', '{\r\n}\r\n', Buffer.from('{\n}\n'), 'whitespace_changed'],
    ['latin1 was taken for UTF-8', TEXT, Buffer.from(Buffer.from(TEXT).toString('latin1')), 'charset_reencoded'],
    ['UTF-8 was written as latin1', TEXT, Buffer.from(TEXT, 'latin1'), 'charset_reencoded'],
    ['windows-1252 was taken for UTF-8', '{"p":"5 €"}', Buffer.from('{"p":"5 â‚¬"}'), 'charset_reencoded'],
    ['composed became decomposed', '{"n":"Zo\u00eb"}', Buffer.from('{"n":"Zoe\u0308"}'), 'charset_reencoded'],
    ['a byte order mark was put in front', TEXT, Buffer.from(`\ufeff${TEXT}`), 'bom'],
    ['a byte order mark was taken off', `\ufeff${TEXT}`, Buffer.from(TEXT), 'bom'],
    ['base64 by a gateway', TEXT, Buffer.from(Buffer.from(TEXT).toString('base64')), 'body_base64'],
    ['gzip by a proxy', TEXT, gzipSync(TEXT), 'content_encoding'],
    ['cut short', TEXT, Buffer.from(TEXT.slice(0, 40)), 'body_truncated'],
    ['a character cut at a chunk border', TEXT, Buffer.from(TEXT.replace('ë', '\ufffd\ufffd')), 'charset_reencoded'],
    ['the amount was changed', TEXT, Buffer.from(TEXT.replace('1.50', '9.50')), 'mismatch_unexplained'],
  ])('%s', (_what, original, body, cause) => {
    expect(diagnose(ACME, signed(original, { body })).cause).toBe(cause);
  });

  test('fewer bytes than Content-Length says', () => {
    const webhook = signed('anything', { body: Buffer.from('any'), headers: { 'content-length': '8' } });
    expect(diagnose(ACME, webhook)).toMatchObject({
      cause: 'body_truncated',
      detail: 'Content-Length says 8, 3 bytes came',
    });
    const whole = signed('anything', { body: Buffer.from('anythinG'), headers: { 'content-length': '8' } });
    expect(diagnose(ACME, whole).cause).toBe('mismatch_unexplained');
  });
});

describe('what is wrong with the secret', () => {
  const hmac = { header: 'x-signature' };
  test.each<[string, Record<string, unknown>, string | Buffer, RefusalCause]>([
    ['white space that the provider has not', { secrets: ['s3cret\n'] }, 's3cret', 'secret_whitespace'],
    ['white space that the provider has', { secrets: ['s3cret'] }, 's3cret\n', 'secret_whitespace'],
    ['the sender decodes, we do not', { secrets: ['whsec_Zm9v'] }, 'foo', 'secret_not_base64_decoded'],
    [
      'we decode, the sender does not',
      { secrets: ['Zm9v'], hmac: { ...hmac, key: 'base64' } },
      'Zm9v',
      'secret_not_base64_decoded',
    ],
    ['a label in front', { secrets: ['v1,whsec_abc'] }, 'abc', 'secret_wrong_kind'],
    ['an API key', { secrets: ['sk_live_1'] }, 'whsec_unknown', 'secret_wrong_kind'],
    ['another one altogether', { secrets: ['s3cret'] }, 'unknown', 'mismatch_unexplained'],
  ])('%s', (_what, config, secret, cause) => {
    expect(diagnose(provider(config), signed(TEXT, {}, secret)).cause).toBe(cause);
  });

  test('another key form is told, so that one setting ends it', () => {
    const webhook = signed(TEXT, {}, Buffer.from('aabb', 'hex'));
    expect(diagnose(provider({ secrets: ['aabb'] }), webhook)).toMatchObject({
      detail: 'matches when hmac.key is hex',
    });
  });

  test('a secret of another provider is recognised, of any scheme', () => {
    expect(diagnose(ACME, signed(TEXT, {}, 'theirs'), ['x', 'theirs']).cause).toBe('wrong_secret');
    const telegram = provider({ scheme: 'telegram', secrets: ['ours'] });
    const webhook = {
      headers: { 'x-telegram-bot-api-secret-token': 'theirs' },
      body: Buffer.from('{}'),
      receivedAt: NOW,
    };
    expect(diagnose(telegram, webhook, ['theirs']).detail).toContain('another provider');
    const adyen = VECTORS.find((vector) => vector.id === 'adyen/published-example')!;
    const config = provider({ scheme: 'adyen', secrets: ['aa'] });
    expect(diagnose(config, webhookOf(adyen), ['not hex', adyen.secret]).cause).toBe('wrong_secret');
  });
});

test('a sender with another template of its own is told apart in the detail', () => {
  const paddle = VECTORS.find((vector) => vector.id === 'paddle/dot-instead-of-colon')!;
  expect(diagnose(providerOf(paddle), webhookOf(paddle)).detail).toBe(
    'the sender signs {timestamp}.{body}, we expect {timestamp}:{body}',
  );
});

test.each([
  ['http instead of https', 'http://pay.example.test/hook'],
  ['a slash at the end', 'https://pay.example.test/hook/'],
  ['www in front', 'https://www.pay.example.test/hook'],
])('a URL configured with %s is a URL mismatch', (_what, notificationUrl) => {
  const signature = createHmac('sha256', 's3cret').update(`https://pay.example.test/hook${TEXT}`).digest('base64');
  const webhook = { headers: { 'x-square-hmacsha256-signature': signature }, body: Buffer.from(TEXT), receivedAt: NOW };
  const { cause, detail } = diagnose(provider({ scheme: 'square', notificationUrl }), webhook);
  expect({ cause, detail }).toEqual({
    cause: 'url_mismatch',
    detail: 'the provider signs https://pay.example.test/hook',
  });
  const other = provider({ scheme: 'square', notificationUrl: 'https://other.example.test/hook' });
  expect(diagnose(other, webhook).cause).toBe('mismatch_unexplained');
});

test.each([
  ['upper-case hex', 'lemonsqueezy', 'x-signature', (hex: string) => hex.toUpperCase(), 'signature_wrong_encoding'],
  [
    'base64 for hex',
    'lemonsqueezy',
    'x-signature',
    (hex: string) => Buffer.from(hex, 'hex').toString('base64'),
    'signature_wrong_encoding',
  ],
  ['a missing prefix', 'github', 'x-hub-signature-256', (hex: string) => hex, 'signature_malformed'],
  ['a cut one', 'lemonsqueezy', 'x-signature', (hex: string) => hex.slice(0, 40), 'signature_malformed'],
])('a signature with %s', (_what, scheme, header, write, cause) => {
  const hex = createHmac('sha256', 's3cret').update(TEXT).digest('hex');
  const webhook = { headers: { [header]: write(hex) }, body: Buffer.from(TEXT), receivedAt: NOW };
  expect(diagnose(provider({ scheme }), webhook).cause).toBe(cause);
});

test('a body over the limit is not probed, one of the limit is', () => {
  const original = Buffer.alloc(PROBED_BYTES_MAX - 1, 'a');
  const longer = Buffer.concat([original, Buffer.from('\n')]);
  expect(diagnose(ACME, signed(original, { body: longer }))).toMatchObject({ cause: 'whitespace_changed' });
  const tooLong = Buffer.concat([original, Buffer.from('\r\n')]);
  expect(diagnose(ACME, signed(original, { body: tooLong }))).toMatchObject({
    cause: 'mismatch_unexplained',
    probes: 0,
  });
});

test('a diagnosis is never an acceptance: the verdict stays invalid after it', () => {
  const webhook = signed(TEXT, { body: Buffer.from(`${TEXT}\n`) });
  diagnose(ACME, webhook);
  expect(verifyWebhook(ACME, webhook).valid).toBe(false);
});

test('no bytes and no headers make it throw', () => {
  const header = fc.oneof(fc.string(), fc.constant('ab'.repeat(32)));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), header, fc.string(), (bytes, signature, encoding) => {
      const headers = { 'x-signature': signature, 'content-encoding': encoding };
      const webhook = { headers, body: Buffer.from(bytes), receivedAt: NOW };
      expect(diagnose(ACME, webhook, ['other', '']).cause).not.toBe('');
    }),
  );
});

describe('no crafted body makes looking for a cause dear', () => {
  const half = PROBED_BYTES_MAX / 2;
  test.each([
    ['brackets inside each other', `${'['.repeat(half)}${']'.repeat(half)}`],
    ['brackets beside each other, at some depth', `${'['.repeat(900)}${'[],'.repeat(half / 2)}[]${']'.repeat(900)}`],
    ['quotes that are never closed', `{${'\\"'.repeat(half - 1)}`],
    ['backslashes', `{"${'\\'.repeat(PROBED_BYTES_MAX - 2)}`],
    ['one long word', 'a'.repeat(PROBED_BYTES_MAX)],
    ['one long string', `"${'a'.repeat(PROBED_BYTES_MAX - 2)}"`],
    ['many quotes in one string', `"${'\\"'.repeat(half - 2)}"`],
  ])('%s', (_what, text) => {
    const body = Buffer.from(text);
    expect(body.length).toBeLessThanOrEqual(PROBED_BYTES_MAX);
    const started = performance.now();
    diagnose(provider({ secrets: ['one', 'two'] }), signed('something else', { body }), ['three']);
    // The quadratic forms of this took seconds, the indented ones gigabytes; this takes some tens of milliseconds.
    expect(performance.now() - started).toBeLessThan(1500);
  });
});

test('every cause has words for an engineer, ending in what to do', () => {
  const named = new Set(HAVING_DIAGNOSIS.map((vector) => vector.diagnosis!));
  const plain = [...named].filter((cause) => cause !== 'body_modified' && !cause.startsWith('header_missing:'));
  expect(plain.length).toBeGreaterThan(15);
  for (const cause of plain) {
    const words = explainRefusal(cause as RefusalCause);
    expect(words).toMatch(/^[A-Z].+\. .+\.$/);
    expect(words).not.toContain('The header  ');
  }
  expect(explainRefusal('header_missing:webhook-id')).toContain('webhook-id');
});
