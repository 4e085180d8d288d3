import { describe, expect, test } from 'vitest';
import { acknowledgement, FORMAT_NAMES, PRESET_NAMES } from '../../src/intake/presets.ts';
import { ProviderConfigError, parseProviders } from '../../src/intake/provider-config.ts';

const ACME = { name: 'acme', scheme: 'hmac', secrets: ['s3cret'], hmac: { header: 'X-Signature' } };
const STANDARD_SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

function mistakesIn(...entries: unknown[]): string[] {
  try {
    parseProviders(entries);
  } catch (error) {
    if (error instanceof ProviderConfigError) return error.mistakes;
    throw error;
  }
  return [];
}

describe('a provider as an operator writes it', () => {
  test('defaults are filled in and header names are lower case', () => {
    expect(parseProviders([ACME])).toEqual({
      providers: [
        {
          name: 'acme',
          scheme: 'hmac',
          format: 'generic',
          secrets: ['s3cret'],
          toleranceSeconds: 300,
          lateGraceSeconds: 86_400,
          amountUnit: 'major',
          hmac: { header: 'x-signature' },
        },
      ],
      warnings: [],
    });
  });

  test('the two providers of the design’s example are accepted as they stand', () => {
    const { providers, warnings } = parseProviders([
      {
        ...ACME,
        format: 'generic',
        currency: 'EUR',
        amountUnit: 'major',
        hmac: { header: 'x-signature', algorithm: 'sha256', encoding: 'hex', signed: '{body}' },
      },
      {
        name: 'stripe',
        scheme: 'stripe',
        format: 'stripe',
        secrets: ['whsec_new', 'whsec_old'],
        toleranceSeconds: 300,
        lateGraceSeconds: 86400,
        api: { baseUrl: 'https://api.stripe.com', key: 'sk_live_x' },
      },
    ]);
    expect(providers.map((provider) => provider.name)).toEqual(['acme', 'stripe']);
    expect(warnings).toEqual([]);
  });

  test('status words are found in any case', () => {
    const { providers } = parseProviders([{ ...ACME, statuses: { SETTLED: 'paid' } }]);
    expect(providers[0]!.statuses).toEqual({ settled: 'paid' });
  });

  test('a payment provider’s preset brings its format, a format that is named wins, others speak generic', () => {
    const formatOf = (given: object) =>
      parseProviders([{ name: 'p', secrets: ['aa'], notificationUrl: 'https://x.example/', ...given }]).providers[0]!
        .format;
    const own = PRESET_NAMES.filter((name) => (FORMAT_NAMES as readonly string[]).includes(name));
    expect(own).toHaveLength(8);
    for (const scheme of [...own, 'adyen', 'telegram']) expect(formatOf({ scheme })).toBe(scheme);
    for (const scheme of ['github', 'adyen-header', 'paddle']) expect(formatOf({ scheme })).toBe('generic');
    expect(formatOf({ scheme: 'razorpay', format: 'generic' })).toBe('generic');
  });
});

describe('a mistake stops the start and says what it is', () => {
  test.each([
    ['no secrets', { secrets: undefined }, 'has no secret: webhooks are never accepted unsigned'],
    ['an empty list of secrets', { secrets: [] }, 'has no secret: webhooks are never accepted unsigned'],
    ['an empty secret', { secrets: [''] }, 'secrets.0: must not be empty: webhooks are never accepted unsigned'],
    ['a misspelt key', { secretes: ['x'] }, 'unknown key secretes'],
    ['a misspelt key inside hmac', { hmac: { header: 'x', algoritm: 'sha1' } }, 'hmac: unknown key algoritm'],
    ['an unknown field', { fields: { userld: 'a' } }, 'fields: unknown key userld'],
    ['a path with a gap', { fields: { userId: 'a..b' } }, 'fields.userId: must be a path like data.customer.id'],
    ['an unknown template word', { hmac: { header: 'x', signed: '{body}{nonce}' } }, '{nonce} is none of'],
    ['a template without the body', { hmac: { header: 'x', signed: 'fixed' } }, 'must contain {body}'],
    ['a timestamp without its header', { hmac: { header: 'x', signed: '{timestamp}{body}' } }, 'hmac.timestampHeader'],
    ['an id without its header', { hmac: { header: 'x', signed: '{id}{body}' } }, 'hmac.idHeader'],
    [
      'a URL in the template and none given',
      { hmac: { header: 'x', signed: '{url}{body}' } },
      'notificationUrl: required',
    ],
    ['hmac missing', { hmac: undefined }, 'hmac: required by the scheme hmac'],
    ['a name with a slash', { name: 'a/b' }, 'name: must be 1–64'],
    ['a tolerance of nothing', { toleranceSeconds: 0 }, 'toleranceSeconds: must be positive'],
    ['a key that is no hex', { secrets: ['xyz'], hmac: { header: 'x', key: 'hex' } }, 'secrets.0: must be hex digits'],
    ['a status mapped to nothing known', { statuses: { done: 'ok' } }, 'statuses.done'],
    ['an unknown scheme', { scheme: 'strpe' }, 'scheme: '],
  ])('%s', (_what, change, said) => {
    expect(mistakesIn({ ...ACME, ...change }).join('\n')).toContain(`provider ${'name' in change ? 'a/b' : 'acme'}: `);
    expect(mistakesIn({ ...ACME, ...change }).join('\n')).toContain(said);
  });

  test.each([
    ['standard-webhooks', 'whsec_this is no base64!', 'must be whsec_ followed by base64'],
    ['svix', `${STANDARD_SECRET} `, 'must be whsec_ followed by base64'],
    ['adyen', 'not-hex-at-all', 'must be hex digits'],
    ['adyen-header', 'abc', 'must be hex digits'],
    ['telegram', 'has space', 'must be 1–256'],
  ])('a secret that cannot be one of %s is refused without being shown', (scheme, secret, said) => {
    const mistakes = mistakesIn({ name: 'p', scheme, secrets: [secret] }).join('\n');
    expect(mistakes).toContain(`provider p: secrets.0: ${said}`);
    expect(mistakes).not.toContain(secret.trim());
  });

  test('well-formed secrets of the same schemes are accepted', () => {
    const secrets = {
      'standard-webhooks': STANDARD_SECRET,
      svix: STANDARD_SECRET.slice(6),
      adyen: '4A',
      telegram: 'a_-1',
    };
    const entries = Object.entries(secrets).map(([scheme, secret]) => ({ name: scheme, scheme, secrets: [secret] }));
    expect(mistakesIn(...entries)).toEqual([]);
  });

  test('every mistake of every provider is told at once', () => {
    const mistakes = mistakesIn(
      { ...ACME, secrets: [], surprise: 1, hmac: { header: 'x', signed: '{url}{body}' } },
      { ...ACME, toleranceSeconds: -1 },
      { scheme: 'square', secrets: ['k'] },
      'acme',
    );
    expect(mistakes).toEqual([
      'provider acme: has no secret: webhooks are never accepted unsigned',
      'provider acme: unknown key surprise',
      'provider acme: notificationUrl: required, because the URL is part of what is signed',
      'provider acme: toleranceSeconds: must be positive',
      expect.stringMatching(/^provider #3: name: /),
      'provider #3: notificationUrl: required, because the URL is part of what is signed',
      expect.stringMatching(/^provider #4: /),
      'provider acme: the name is used more than once',
    ]);
  });

  test('hmac beside another scheme is a mistake, since it would be ignored', () => {
    expect(mistakesIn({ ...ACME, scheme: 'github' })).toEqual([
      'provider acme: hmac: belongs to the scheme hmac, not to github',
    ]);
  });

  test('only the generic format lets its facts be moved; user, plan and country may be moved everywhere', () => {
    const stripe = { name: 's', scheme: 'stripe', format: 'stripe', secrets: ['x'] };
    expect(mistakesIn({ ...stripe, fields: { userId: 'data.object.customer' } })).toEqual([]);
    expect(mistakesIn({ ...stripe, fields: { amount: 'data.object.amount' } })).toEqual([
      'provider s: fields.amount: only the generic format lets this be moved, not stripe',
    ]);
  });

  test('something that is no list is refused in one line', () => {
    expect(() => parseProviders({ name: 'acme' })).toThrow('PROVIDERS must be a JSON array of providers');
  });
});

describe('what looks odd but may be meant is a warning', () => {
  test.each([
    ['white space around a secret', { ...ACME, secrets: [' x'] }, 'begins or ends with white space'],
    ['stripe read as generic', { name: 'acme', scheme: 'stripe', secrets: ['x'] }, 'did you mean "format":"stripe"?'],
    [
      'a timestamp nobody signs',
      { ...ACME, hmac: { header: 'x', timestampHeader: 'x-time' } },
      'leaves {timestamp} out',
    ],
  ])('%s', (_what, entry, said) => {
    const { warnings } = parseProviders([entry]);
    expect(warnings).toEqual([expect.stringContaining('provider acme: ')]);
    expect(warnings[0]).toContain(said);
  });
});

describe('the provider’s required answer', () => {
  test.each([
    ['cloudpayments', { code: 0 }],
    ['adyen', '[accepted]'],
    ['github', null],
  ])('%s', (scheme, body) => {
    const { providers } = parseProviders([{ name: 'p', scheme, secrets: ['aa'] }]);
    expect(acknowledgement(providers[0]!)).toEqual(body);
  });
});
