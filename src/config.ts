import { existsSync } from 'node:fs';
import { isIP } from 'node:net';
import { z } from 'zod';
import { type BreakerSettings, DEFAULT_BREAKER, findShortLease, readSettings } from './breaker/settings.ts';
import { idList, json, matching, parseId, type Read, setting, splitList, url, wholeNumber } from './config-kinds.ts';
import type { Plans } from './entitlement/plans.ts';
import { type ProviderConfig, ProviderConfigError, parseProviders } from './intake/provider-config.ts';
import type { TrustProxy } from './platform/http-server.ts';
import type { LocalSecrets } from './platform/local-secrets.ts';
import type { LogLevel } from './platform/log.ts';
import type { SealKeys } from './platform/seal.ts';

/** The only reader of the environment. What is null here was not set, and is made or started locally outside production. */
export type Config = ReturnType<typeof describe>;

/** The same with every secret there. */
export type StartConfig = Omit<Config, 'apiToken' | 'secretKeys' | 'activationSecret'> & {
  apiToken: string;
  secretKeys: SealKeys;
  activationSecret: string;
};

export type Part = (typeof PARTS)[number];
const PARTS = ['intake', 'api', 'worker', 'telegram', 'dashboard', 'schedule'] as const;

export type Topic = (typeof TOPICS)[number];
const TOPICS = ['tickets', 'support', 'approvals', 'audit'] as const;

/** One line per mistake: which variable, what is wrong, what is expected. No value of a secret is in it. */
export class ConfigError extends Error {
  override name = 'ConfigError';
  readonly mistakes: string[];
  constructor(mistakes: string[]) {
    super(mistakes.join('\n'));
    this.mistakes = mistakes;
  }
}

/** The environment, and beneath it the `.env` of the working directory. */
export function readEnvironment(): Environment {
  if (existsSync('.env')) process.loadEnvFile('.env');
  return process.env;
}

type Environment = Record<string, string | undefined>;

/**
 * Everything the environment says, defaults filled in.
 * @throws ConfigError with every mistake at once
 */
export function readConfig(environment: Environment): Config {
  const set = withoutEmpty(environment);
  const { values, mistakes } = readEach(set);
  mistakes.push(...findContradictions(values, set), ...(isProduction(set) ? refuseInProduction(values, set) : []));
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  return describe(schema.parse(set));
}

/** Fills in what `.data/` holds for a start with nothing configured. */
export function withLocalSecrets(config: Config, secrets: LocalSecrets): StartConfig {
  return {
    ...config,
    apiToken: config.apiToken ?? secrets.apiToken,
    secretKeys: config.secretKeys ?? [Buffer.from(secrets.secretKey, 'base64')],
    activationSecret: config.activationSecret ?? secrets.activationSecret,
  };
}

// — What each variable may be. .env.example lists them in this order. —

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const satisfies LogLevel[];

const schema = z.object({
  NODE_ENV: z.string().default('development'),
  PORT: wholeNumber(0, 65_535).default(3000),
  HOST: z.string().optional(),
  DATABASE_URL: url(['postgres:', 'postgresql:']).optional(),
  DATABASE_POOL_SIZE: wholeNumber(4, 1_000).default(20),
  DATA_DIR: z.string().default('.data'),
  PROVIDERS: json(readProviders).optional(),
  PLANS: json(readPlans).default({}),
  API_TOKEN: matching(/^[\x21-\x7e]+$/, 'printable ASCII without spaces').optional(),
  SECRET_KEY: setting('base64 of 32 bytes, or several of them with commas between', parseKeys).optional(),
  BOT_TOKEN: matching(/^\d+:[\w-]+$/, 'a token of BotFather’s, like 123456:ABC-def').optional(),
  TELEGRAM_API_ROOT: url(['http:', 'https:']).default('https://api.telegram.org'),
  PUBLIC_URL: url(['http:', 'https:']).optional(),
  TELEGRAM_WEBHOOK_SECRET: matching(/^[\w-]{1,256}$/, '1–256 of A-Z a-z 0-9 _ -').optional(),
  ENGINEERING_CHAT_ID: setting('one number, like -1001234567890', parseId).optional(),
  ENGINEERING_TOPICS: json(readTopics).default({}),
  ADMIN_IDS: idList().default([]),
  ENGINEER_IDS: idList().default([]),
  ACTIVATION_URL: url(['http:', 'https:']).optional(),
  ACTIVATION_SECRET: matching(/^whsec_[A-Za-z0-9+/]+={0,2}$/, 'whsec_ followed by base64').optional(),
  ACTIVATION_TIMEOUT_MS: wholeNumber(10, 600_000).default(10_000),
  ACTIVATION_CONCURRENCY: wholeNumber(1, 10_000).default(64),
  RETRY_BASE_MS: wholeNumber(1, 86_400_000).default(1_000),
  RETRY_MAX_TRIES: wholeNumber(1, 100).default(5),
  RETRY_CAP_MS: wholeNumber(1, 86_400_000).default(60_000),
  LEASE_MS: wholeNumber(20, 3_600_000).default(30_000),
  USER_WAIT_MS: wholeNumber(0, 86_400_000).default(600_000),
  BREAKERS: json(readBreakers).default({ activation: DEFAULT_BREAKER }),
  RUN: setting(`some of ${PARTS.join(', ')}, with commas between`, parseParts).default([...PARTS]),
  TRUST_PROXY: setting('true, false, a number of hops, or addresses and networks like 10.0.0.0/8', parseTrust).default(
    false,
  ),
  LOG_LEVEL: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`).default('info'),
  SANDBOX_PORT: wholeNumber(0, 65_535).default(3001),
});

type Values = z.output<typeof schema>;
type Name = keyof Values;

/** For the test that compares them with .env.example. */
export const VARIABLES = Object.keys(schema.shape) as Name[];

/** Their values are never shown, not even when they are wrong. */
const SECRET_VARIABLES: ReadonlySet<Name> = new Set<Name>([
  'DATABASE_URL',
  'PROVIDERS',
  'API_TOKEN',
  'SECRET_KEY',
  'BOT_TOKEN',
  'TELEGRAM_WEBHOOK_SECRET',
  'ACTIVATION_URL',
  'ACTIVATION_SECRET',
]);

function describe(values: Values) {
  const production = values.NODE_ENV === 'production';
  return {
    production,
    port: values.PORT,
    // Outside production the secrets are local ones; then nobody but this machine is served unless HOST says so.
    host: values.HOST ?? (production ? '0.0.0.0' : '127.0.0.1'),
    databaseUrl: values.DATABASE_URL ?? null,
    databasePoolSize: values.DATABASE_POOL_SIZE,
    dataDir: values.DATA_DIR,
    /** null: not set, so that the sandbox's provider may stand in. */
    providers: values.PROVIDERS?.providers ?? null,
    plans: values.PLANS,
    apiToken: values.API_TOKEN ?? null,
    /** Newest first: the first one seals, any of them opens. */
    secretKeys: values.SECRET_KEY ?? null,
    botToken: values.BOT_TOKEN ?? null,
    telegramApiRoot: values.TELEGRAM_API_ROOT,
    publicUrl: values.PUBLIC_URL ?? null,
    telegramWebhookSecret: values.TELEGRAM_WEBHOOK_SECRET ?? null,
    engineeringChatId: values.ENGINEERING_CHAT_ID ?? null,
    engineeringTopics: values.ENGINEERING_TOPICS,
    adminIds: values.ADMIN_IDS,
    engineerIds: values.ENGINEER_IDS,
    activationUrl: values.ACTIVATION_URL ?? null,
    activationSecret: values.ACTIVATION_SECRET ?? null,
    activationTimeoutMs: values.ACTIVATION_TIMEOUT_MS,
    activationConcurrency: values.ACTIVATION_CONCURRENCY,
    retryBaseMs: values.RETRY_BASE_MS,
    retryMaxTries: values.RETRY_MAX_TRIES,
    retryCapMs: values.RETRY_CAP_MS,
    leaseMs: values.LEASE_MS,
    userWaitMs: values.USER_WAIT_MS,
    breakers: values.BREAKERS,
    parts: values.RUN,
    trustProxy: values.TRUST_PROXY,
    logLevel: values.LOG_LEVEL,
    sandboxPort: values.SANDBOX_PORT,
    /** What looks odd but may be meant; logged once at the start. */
    warnings: values.PROVIDERS?.warnings ?? [],
  };
}

// — Reading each variable —

function withoutEmpty(environment: Environment): Environment {
  const trimmed = Object.entries(environment).map(([name, text]) => [name, text?.trim()] as const);
  return Object.fromEntries(trimmed.filter(([, text]) => text !== '' && text !== undefined));
}

/** One by one, so that a wrong one does not hide what is wrong between others. */
function readEach(set: Environment): { values: Partial<Values>; mistakes: string[] } {
  const values: Record<string, unknown> = {};
  const mistakes: string[] = [];
  for (const name of VARIABLES) {
    const read = schema.shape[name].safeParse(set[name]);
    if (read.success) values[name] = read.data;
    else mistakes.push(...read.error.issues.map(({ message }) => `${name}: ${message}${quote(name, set[name])}`));
  }
  return { values: values as Partial<Values>, mistakes };
}

function quote(name: Name, text = ''): string {
  return SECRET_VARIABLES.has(name) || text.length > 40 || text.startsWith('{') ? '' : ` (is ${JSON.stringify(text)})`;
}

function findContradictions(values: Partial<Values>, set: Environment): string[] {
  const runsTelegram = values.RUN?.includes('telegram') ?? false;
  const wrong: (string | false)[] = [
    runsTelegram &&
      set.PUBLIC_URL !== undefined &&
      !set.TELEGRAM_WEBHOOK_SECRET &&
      'TELEGRAM_WEBHOOK_SECRET: is missing; with PUBLIC_URL set, Telegram posts here and has to prove that it is Telegram',
    runsTelegram &&
      set.BOT_TOKEN !== undefined &&
      !set.ENGINEERING_CHAT_ID &&
      'ENGINEERING_CHAT_ID: is missing; with BOT_TOKEN set, the cards need a chat',
    (values.LEASE_MS ?? Infinity) <= (values.ACTIVATION_TIMEOUT_MS ?? 0) &&
      `LEASE_MS: must be more than ACTIVATION_TIMEOUT_MS (${values.ACTIVATION_TIMEOUT_MS}), or another worker takes an event during its call`,
    ...findShortLeases(values),
  ];
  return wrong.filter((line) => line !== false);
}

function findShortLeases({ BREAKERS = {}, ACTIVATION_TIMEOUT_MS = 0 }: Partial<Values>): string[] {
  return Object.entries(BREAKERS).flatMap(([name, settings]) => {
    const mistake = findShortLease(name, settings, ACTIVATION_TIMEOUT_MS);
    return mistake ? [`BREAKERS: ${mistake}`] : [];
  });
}

// — What production adds: nothing is generated, nothing runs embedded —

function isProduction(set: Environment): boolean {
  return set.NODE_ENV === 'production';
}

function refuseInProduction(values: Partial<Values>, set: Environment): string[] {
  const parts = values.RUN ?? [];
  const required: Name[] = ['DATABASE_URL', 'API_TOKEN', 'SECRET_KEY'];
  if (parts.includes('intake')) required.push('PROVIDERS');
  if (parts.includes('telegram')) required.push('BOT_TOKEN');
  if (parts.includes('telegram') && !set.BOT_TOKEN) required.push('ENGINEERING_CHAT_ID');
  if (set.ACTIVATION_URL) required.push('ACTIVATION_SECRET');
  return [
    ...required.filter((name) => !set[name]).map((name) => `${name}: is missing; NODE_ENV=production needs it`),
    ...refusePlainHttp('TELEGRAM_API_ROOT', values.TELEGRAM_API_ROOT),
    ...refusePlainHttp('ACTIVATION_URL', values.ACTIVATION_URL),
  ];
}

const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]'];

function refusePlainHttp(name: Name, text: string | undefined): string[] {
  if (!text?.startsWith('http:') || LOOPBACK.includes(new URL(text).hostname)) return [];
  return [`${name}: must begin with https:// in production (plain http only to 127.0.0.1)`];
}

// — The variables with a form of their own —

function parseKeys(text: string): SealKeys | undefined {
  const [newest, ...older] = splitList(text).map((key) => (/^[A-Za-z0-9+/]{43}=$/.test(key) ? key : null));
  if (!newest || older.includes(null)) return undefined;
  return [Buffer.from(newest, 'base64'), ...older.map((key) => Buffer.from(key!, 'base64'))];
}

function parseParts(text: string): Part[] | undefined {
  const named = splitList(text);
  const known = PARTS.filter((part) => named.includes(part));
  return named.length > 0 && named.every((name) => known.some((part) => part === name)) ? known : undefined;
}

function parseTrust(text: string): TrustProxy | undefined {
  if (text === 'true' || text === 'false') return text === 'true';
  if (/^\d{1,2}$/.test(text)) return Number(text);
  const networks = splitList(text);
  return networks.length > 0 && networks.every(isNetwork) ? networks : undefined;
}

function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

function readProviders(value: unknown): Read<{ providers: ProviderConfig[]; warnings: string[] }> {
  try {
    return { value: parseProviders(value) };
  } catch (error) {
    if (!(error instanceof ProviderConfigError)) throw error;
    return { mistakes: error.mistakes.map((mistake) => mistake.replace(/^PROVIDERS:? /, '')) };
  }
}

const feature = z.string().min(1).max(255);
const plansSchema = z.record(z.string().min(1), z.union([feature.transform((one) => [one]), z.array(feature)]));

function readPlans(value: unknown): Read<Plans> {
  const read = plansSchema.safeParse(value);
  return read.success
    ? { value: read.data }
    : {
        mistakes: [
          'must be an object of plans, each with a feature or a list of features, like {"pro":["premium","export"]}',
        ],
      };
}

const topicsSchema = z.partialRecord(z.enum(TOPICS), z.int().positive());

function readTopics(value: unknown): Read<Partial<Record<Topic, number>>> {
  const read = topicsSchema.safeParse(value);
  return read.success
    ? { value: read.data }
    : { mistakes: [`must be an object of topic ids (${TOPICS.join(', ')}), like {"tickets":2}`] };
}

function readBreakers(value: unknown): Read<Record<string, BreakerSettings>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { mistakes: [BREAKERS_EXPECTED] };
  const merged = Object.entries(value).map(([name, given]) => [name, readSettings(name, given)] as const);
  const mistakes = merged.flatMap(([, breaker]) => ('mistakes' in breaker ? breaker.mistakes : []));
  if (mistakes.length > 0) return { mistakes };
  const read = merged.flatMap(([name, breaker]) => ('settings' in breaker ? [[name, breaker.settings] as const] : []));
  return { value: { activation: DEFAULT_BREAKER, ...Object.fromEntries(read) } };
}

const BREAKERS_EXPECTED = 'must be an object of dependencies, like {"activation":{"openMs":60000}}';
