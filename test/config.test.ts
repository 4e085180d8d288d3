import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { DEFAULT_BREAKER } from '../src/breaker/settings.ts';
import { ConfigError, readConfig, VARIABLES, withLocalSecrets } from '../src/config.ts';

const key = (byte: number) => Buffer.alloc(32, byte).toString('base64');

const production = {
  NODE_ENV: 'production',
  DATABASE_URL: 'postgres://app:s3cret@db.internal/breakwater',
  API_TOKEN: 'a-long-enough-token',
  SECRET_KEY: key(1),
  PROVIDERS: '[{"name":"acme","scheme":"hmac","secrets":["s1"],"hmac":{"header":"x-signature"}}]',
  BOT_TOKEN: '123456:ABC-def_ghi',
  ENGINEERING_CHAT_ID: '-1001234567890',
};

/** The mistakes of an environment, none when it is accepted. */
function mistakesOf(environment: Record<string, string | undefined>): string[] {
  try {
    readConfig(environment);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes;
    throw error;
  }
}

test('nothing is required to start: everything has a default or is made on this machine', () => {
  expect(readConfig({})).toMatchObject({
    production: false,
    port: 3000,
    host: '127.0.0.1',
    databaseUrl: null,
    botToken: null,
  });
});

test('a complete production environment is accepted', () => {
  expect(readConfig(production)).toMatchObject({
    production: true,
    host: '0.0.0.0',
    engineeringChatId: -1001234567890,
    providers: [{ name: 'acme', scheme: 'hmac' }],
    parts: ['intake', 'api', 'worker', 'telegram', 'dashboard', 'schedule'],
  });
});

test('.env.example lists exactly the variables of the schema, in its order, with a comment above each', () => {
  const lines = readFileSync(new URL('../.env.example', import.meta.url), 'utf8').split('\n');
  const named = lines.flatMap((line) => /^([A-Z_]+)=/.exec(line)?.[1] ?? []);
  expect(named).toEqual(VARIABLES);
  const paragraphs = lines.join('\n').split('\n\n');
  expect(paragraphs.filter((paragraph) => !paragraph.startsWith('# '))).toEqual([]);
});

test('.env.example as it stands is a valid configuration, and says the defaults', () => {
  const text = readFileSync(new URL('../.env.example', import.meta.url), 'utf8');
  const example = Object.fromEntries([...text.matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name, value]));
  expect(readConfig(example)).toEqual(readConfig({}));
});

test('every mistake is reported at once, one line each, naming its variable', () => {
  const lines = mistakesOf({
    PORT: 'many',
    RUN: 'worker,cook',
    ADMIN_IDS: '1,me',
    LEASE_MS: '0',
    LOG_LEVEL: 'loud',
    PLANS: '{',
  });
  expect(lines.map((line) => line.split(':')[0])).toEqual([
    'PORT',
    'PLANS',
    'ADMIN_IDS',
    'LEASE_MS',
    'RUN',
    'LOG_LEVEL',
  ]);
  expect(lines[0]).toBe('PORT: must be a whole number from 0 to 65535 (is "many")');
});

describe('the value of a secret is never shown', () => {
  test.each([
    ['DATABASE_URL', 'mysql://root:hunter2@db'],
    ['API_TOKEN', 'hunter2 hunter2'],
    ['SECRET_KEY', 'hunter2'],
    ['BOT_TOKEN', 'hunter2'],
    ['TELEGRAM_WEBHOOK_SECRET', 'hunter2!'],
    ['ACTIVATION_SECRET', 'hunter2'],
    ['ACTIVATION_URL', 'ftp://me:hunter2@product'],
    ['PROVIDERS', '[{"name":"acme","secrets":["hunter2"]'],
    ['PROVIDERS', '[{"name":"acme","scheme":"stripes","secrets":["hunter2"]}]'],
    ['PROVIDERS', 'hunter2'],
  ])('%s', (name, value) => {
    const lines = mistakesOf({ [name]: value });
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.join()).not.toContain('hunter2');
    expect(lines[0]).toMatch(`${name}: `);
  });
});

describe('production refuses to start', () => {
  test.each(['DATABASE_URL', 'API_TOKEN', 'SECRET_KEY', 'PROVIDERS', 'BOT_TOKEN', 'ENGINEERING_CHAT_ID'])(
    'without %s',
    (name) => {
      expect(mistakesOf({ ...production, [name]: '' }).map((line) => line.split(':')[0])).toEqual([name]);
    },
  );

  test('without ACTIVATION_SECRET when there is an ACTIVATION_URL', () => {
    const url = { ACTIVATION_URL: 'https://product.example/hook' };
    expect(mistakesOf({ ...production, ...url })).toEqual([expect.stringMatching(/^ACTIVATION_SECRET: is missing/)]);
    expect(mistakesOf({ ...production, ...url, ACTIVATION_SECRET: 'whsec_c2VjcmV0' })).toEqual([]);
  });

  test.each([
    ['TELEGRAM_API_ROOT', 'http://telegram.internal:8081'],
    ['ACTIVATION_URL', 'http://product.internal/hook'],
    ['ACTIVATION_URL', 'http://127.0.0.1.evil.example/hook'],
  ])('with %s in plain http to another machine (%s)', (name, url) => {
    expect(mistakesOf({ ...production, ACTIVATION_SECRET: 'whsec_c2VjcmV0', [name]: url })).toEqual([
      expect.stringMatching(`^${name}: must begin with https://`),
    ]);
  });

  test.each(['http://127.0.0.1:4000', 'http://localhost:4000', 'http://[::1]:4000', 'https://anywhere.example'])(
    'but not with %s',
    (url) => {
      const urls = { TELEGRAM_API_ROOT: url, ACTIVATION_URL: url, ACTIVATION_SECRET: 'whsec_c2VjcmV0' };
      expect(mistakesOf({ ...production, ...urls })).toEqual([]);
    },
  );
});

test('a process that runs neither intake nor telegram needs neither providers nor a bot in production', () => {
  const { PROVIDERS: _, BOT_TOKEN: __, ENGINEERING_CHAT_ID: ___, ...rest } = production;
  expect(mistakesOf({ ...rest, RUN: 'worker,api' })).toEqual([]);
  expect(mistakesOf({ ...rest, RUN: 'telegram' })).toHaveLength(2);
});

test('with a public address the webhook’s secret is mandatory where telegram runs, and only there', () => {
  const set = { PUBLIC_URL: 'https://pay.example' };
  expect(mistakesOf(set)).toEqual([expect.stringMatching(/^TELEGRAM_WEBHOOK_SECRET: is missing/)]);
  expect(mistakesOf({ ...set, TELEGRAM_WEBHOOK_SECRET: 's3cret' })).toEqual([]);
  expect(mistakesOf({ ...set, RUN: 'intake' })).toEqual([]);
});

test('a real bot needs the chat its cards go to, also outside production', () => {
  expect(mistakesOf({ BOT_TOKEN: '1:abc' })).toEqual([expect.stringMatching(/^ENGINEERING_CHAT_ID: is missing/)]);
  expect(mistakesOf({ BOT_TOKEN: '1:abc', ENGINEERING_CHAT_ID: 'here' })).toEqual([
    'ENGINEERING_CHAT_ID: must be one number, like -1001234567890 (is "here")',
  ]);
});

test('a lease must outlast a call to the product; both may be as short as a second, in production too', () => {
  const times = (leaseMs: string, timeoutMs: string) => ({ LEASE_MS: leaseMs, ACTIVATION_TIMEOUT_MS: timeoutMs });
  expect(mistakesOf({ ...production, ...times('1001', '1000') })).toEqual([]);
  expect(mistakesOf({ ...production, ...times('1000', '500') })).toEqual([]);
  expect(mistakesOf(times('1000', '1000'))).toEqual([
    expect.stringMatching(/^LEASE_MS: must be more than ACTIVATION_TIMEOUT_MS/),
  ]);
});

test('the times and numbers of the retry schedule are settings', () => {
  const set = { RETRY_BASE_MS: '10', RETRY_MAX_TRIES: '2', RETRY_CAP_MS: '50', ACTIVATION_CONCURRENCY: '7' };
  expect(readConfig({ ...production, ...set })).toMatchObject({
    retryBaseMs: 10,
    retryMaxTries: 2,
    retryCapMs: 50,
    activationConcurrency: 7,
  });
});

test('an empty variable is one that is not set, and an unknown one is ignored', () => {
  expect(readConfig({ PORT: '', DATABASE_URL: '  ', COLORTERM: 'truecolor' })).toEqual(readConfig({}));
});

describe('BREAKERS', () => {
  const breakers = (value: unknown) => ({ BREAKERS: JSON.stringify(value) });

  test('is merged over the defaults key by key', () => {
    const set = breakers({ activation: { openMs: 500 }, 'provider:acme': { probes: 5 }, 'payout:ton': {} });
    expect(readConfig(set).breakers).toEqual({
      activation: { ...DEFAULT_BREAKER, openMs: 500 },
      'provider:acme': { ...DEFAULT_BREAKER, probes: 5 },
      'payout:ton': { ...DEFAULT_BREAKER, minimumVolume: 5 },
    });
    expect(readConfig({}).breakers).toEqual({ activation: DEFAULT_BREAKER });
  });

  test.each([
    [{ failureRatio: 0 }, 'failureRatio'],
    [{ failureRatio: 1.01 }, 'failureRatio'],
    [{ minimumVolume: 0 }, 'minimumVolume'],
    [{ minimumVolume: 1.5 }, 'minimumVolume'],
    [{ openMs: 0 }, 'openMs'],
    [{ windowMs: -1 }, 'windowMs'],
    [{ windowMs: '10' }, 'windowMs'],
    [{ closeAfter: 4 }, 'closeAfter'],
    [{ probes: 2 }, 'closeAfter'],
    [{ opnMs: 1 }, 'opnMs'],
    [{ openMs: 1.5 }, 'openMs'],
    [{ openMsMax: 59_999 }, 'openMsMax'],
    [{ leaseMs: 10_000 }, 'leaseMs'],
    [{ failuresInRow: 0 }, 'failuresInRow'],
  ])('refuses %j', (settings, named) => {
    expect(mistakesOf(breakers({ activation: settings }))).toEqual([
      expect.stringMatching(`^BREAKERS: activation\\.${named}`),
    ]);
  });

  test.each([
    { failureRatio: 1 },
    { minimumVolume: 1 },
    { probes: 1, closeAfter: 1 },
    { openMs: 1 },
    { openMsMax: 60_000 },
    { leaseMs: 10_001 },
    { failuresInRow: 8 },
  ])('takes %j', (settings) => {
    expect(mistakesOf(breakers({ activation: settings }))).toEqual([]);
  });

  test('compares a lease with the time-out of the call it is for', () => {
    const set = breakers({ activation: { leaseMs: 2_000 }, 'provider:acme': { leaseMs: 10_000 } });
    expect(mistakesOf({ ...set, ACTIVATION_TIMEOUT_MS: '1000' })).toEqual([
      'BREAKERS: provider:acme.leaseMs: must be more than the time-out of a call (10000), or a probe loses its lease during its call',
    ]);
    expect(mistakesOf({ ...set, ACTIVATION_TIMEOUT_MS: '2000' })).toHaveLength(2);
  });

  test.each([[[]], ['x'], [{ activaton: {} }], [{ activation: 5 }]])('refuses %j', (value) => {
    expect(mistakesOf(breakers(value))).toHaveLength(1);
  });
});

test('a plan grants a feature or a list of features', () => {
  const plans = { basic: 'premium', pro: ['premium', 'export'], donation: [] };
  expect(readConfig({ PLANS: JSON.stringify(plans) }).plans).toEqual({
    basic: ['premium'],
    pro: ['premium', 'export'],
    donation: [],
  });
  for (const wrong of ['["premium"]', '{"pro":5}', '{"pro":[""]}'])
    expect(mistakesOf({ PLANS: wrong })).toHaveLength(1);
});

test('keys are 32 bytes each, newest first; any other length is refused', () => {
  expect(readConfig({ SECRET_KEY: `${key(2)}, ${key(1)}` }).secretKeys).toEqual([
    Buffer.alloc(32, 2),
    Buffer.alloc(32, 1),
  ]);
  for (const wrong of [Buffer.alloc(31).toString('base64'), `${key(1)},short`, ',']) {
    expect(mistakesOf({ SECRET_KEY: wrong })).toHaveLength(1);
  }
});

test('the parts to run come in the order of the pipeline, each once', () => {
  expect(readConfig({ RUN: 'worker, intake,worker' }).parts).toEqual(['intake', 'worker']);
  expect(mistakesOf({ RUN: ',' })).toHaveLength(1);
});

test.each([
  ['true', true],
  ['false', false],
  ['2', 2],
  ['10.0.0.0/8, ::1', ['10.0.0.0/8', '::1']],
])('TRUST_PROXY %s is %j', (text, trust) => expect(readConfig({ TRUST_PROXY: text }).trustProxy).toEqual(trust));

test.each(['yes', '10.0.0.0/33', 'proxy.internal', '1.2.3.4/8/8', '-1'])('TRUST_PROXY %s is refused', (text) => {
  expect(mistakesOf({ TRUST_PROXY: text })).toHaveLength(1);
});

test('topics are known names with the ids of the group’s topics', () => {
  expect(readConfig({ ENGINEERING_TOPICS: '{"tickets":2}' }).engineeringTopics).toEqual({ tickets: 2 });
  for (const wrong of ['{"tickts":2}', '{"tickets":"2"}', '[2]']) {
    expect(mistakesOf({ ENGINEERING_TOPICS: wrong })).toHaveLength(1);
  }
});

test('ids are decimal numbers with commas between', () => {
  expect(readConfig({ ADMIN_IDS: '111, 222', ENGINEER_IDS: '333' })).toMatchObject({
    adminIds: [111, 222],
    engineerIds: [333],
  });
  for (const wrong of ['0', '-5', '1e3', '1.5', '0x10', '99999999999999999999']) {
    expect(mistakesOf({ ADMIN_IDS: wrong })).toHaveLength(1);
  }
});

test('.env of the working directory is read, and what is in the environment already wins', () => {
  const dir = mkdtempSync(join(tmpdir(), 'breakwater-config-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, '.env'), 'PORT=4001\nHOST=0.0.0.0\n');
  const script = `
    import { readConfig, readEnvironment } from ${JSON.stringify(new URL('../src/config.ts', import.meta.url).href)};
    const { port, host } = readConfig(readEnvironment());
    console.log(port, host);`;
  const run = (env: Record<string, string>, cwd: string) =>
    execFileSync(process.execPath, ['--input-type=module', '-e', script], { cwd, env, encoding: 'utf8' }).trim();
  expect(run({}, dir)).toBe('4001 0.0.0.0');
  expect(run({ PORT: '4002' }, dir)).toBe('4002 0.0.0.0');
  expect(run({}, tmpdir())).toBe('3000 127.0.0.1');
});

describe('PROVIDERS', () => {
  test('may be a file, whose secrets keep every byte', () => {
    const dir = mkdtempSync(join(tmpdir(), 'breakwater-config-'));
    onTestFinished(() => rmSync(dir, { recursive: true }));
    const file = join(dir, 'providers.json');
    writeFileSync(file, production.PROVIDERS.replace('"s1"', '" s1 "'));
    const config = readConfig({ PROVIDERS: file });
    expect(config.providers?.[0]?.secrets).toEqual([' s1 ']);
    expect(config.warnings).toHaveLength(1);
    expect(mistakesOf({ PROVIDERS: `${file}.json` })).toEqual([`PROVIDERS: there is no file ${file}.json`]);
  });

  test('a provider without a secret is refused, beside whatever else is wrong', () => {
    const unsigned = '[{"name":"acme","scheme":"hmac","secrets":[],"hmac":{"header":"x-signature"}}]';
    const lines = mistakesOf({ PROVIDERS: unsigned, PORT: 'x' });
    expect(lines).toHaveLength(2);
    expect(lines[1]).toMatch(/^PROVIDERS: provider acme: .*secret/);
  });
});

test('what production must be given is filled in from local secrets elsewhere, and what is set wins', () => {
  const secrets = { apiToken: 'made', secretKey: key(7), providerSecret: 'p', activationSecret: 'whsec_bWFkZQ==' };
  expect(withLocalSecrets(readConfig({}), secrets)).toMatchObject({
    apiToken: 'made',
    secretKeys: [Buffer.alloc(32, 7)],
    activationSecret: 'whsec_bWFkZQ==',
  });
  expect(withLocalSecrets(readConfig(production), secrets)).toMatchObject({
    apiToken: production.API_TOKEN,
    secretKeys: [Buffer.alloc(32, 1)],
  });
});
