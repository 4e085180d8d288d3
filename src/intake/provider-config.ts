import { z } from 'zod';
import {
  defaultFormat,
  FORMAT_NAMES,
  type FormatName,
  type HmacRecipe,
  ownRecipe,
  PRESETS,
  SCHEME_NAMES,
  type SchemeName,
} from './presets.ts';

/** What a status word may be mapped to by `statuses`. */
const STATUS_MEANINGS = [
  'paid',
  'refunded',
  'disputed',
  'dispute_won',
  'dispute_lost',
  'canceled',
  'pending',
  'failed',
  'ignored',
] as const;
export type StatusMeaning = (typeof STATUS_MEANINGS)[number];

/** Where a field lies in the body, when not where the format expects it: `{"userId":"data.customer.id"}`. */
const FIELD_NAMES = [
  'eventId',
  'type',
  'status',
  'createdAt',
  'transactionId',
  'subscriptionId',
  'userId',
  'amount',
  'amountUnit',
  'currency',
  'country',
  'plan',
  'periodStart',
  'periodEnd',
  'refundId',
  'refundedAmount',
  'partial',
  'disputeId',
  'cancelAt',
] as const;
export type FieldName = (typeof FIELD_NAMES)[number];

/** A provider's own format knows where its facts lie; only what the product chose itself may be moved. */
const MOVABLE_IN_EVERY_FORMAT: ReadonlySet<string> = new Set(['userId', 'plan', 'country']);

const path = z.string().regex(/^[^.\s]+(\.[^.\s]+)*$/, 'must be a path like data.customer.id');
const headerName = z
  .string()
  .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, 'must be a header name')
  .transform((name) => name.toLowerCase());
const seconds = z.int('must be a whole number of seconds').positive('must be positive');

const hmacSchema = z.strictObject({
  header: headerName,
  prefix: z.string().optional(),
  algorithm: z.enum(['sha1', 'sha256', 'sha512']).optional(),
  encoding: z.enum(['hex', 'base64']).optional(),
  key: z.enum(['text', 'base64', 'hex', 'sha256']).optional(),
  signed: z.string().optional(),
  timestampHeader: headerName.optional(),
  timestampUnit: z.enum(['seconds', 'milliseconds']).optional(),
  idHeader: headerName.optional(),
});

const UNSIGNED = 'has no secret: webhooks are never accepted unsigned';

/** One entry of `PROVIDERS`. `parseProviders` adds what needs more than one field to see. */
const providerSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'must be 1–64 of A-Z a-z 0-9 . _ - and begin with a letter or digit'),
    scheme: z.enum(SCHEME_NAMES),
    format: z.enum(FORMAT_NAMES).optional(),
    secrets: z
      .array(z.string().min(1, 'must not be empty: webhooks are never accepted unsigned'), { error: UNSIGNED })
      .min(1, UNSIGNED),
    toleranceSeconds: seconds.default(300),
    lateGraceSeconds: seconds.default(86_400),
    currency: z
      .string()
      .regex(/^[A-Za-z0-9]{2,12}$/, 'must be a currency code like EUR')
      .transform((code) => code.toUpperCase())
      .optional(),
    amountUnit: z.enum(['major', 'minor']).default('major'),
    statuses: z.record(z.string(), z.enum(STATUS_MEANINGS)).transform(lowerCaseKeys).optional(),
    fields: z.partialRecord(z.enum(FIELD_NAMES), path).optional(),
    hmac: hmacSchema.optional(),
    notificationUrl: z.url({ protocol: /^https?$/, error: 'must be the http(s) URL as configured there' }).optional(),
    api: z.strictObject({ baseUrl: z.url({ protocol: /^https?$/ }), key: z.string().min(1) }).optional(),
    plan: z.string().min(1).max(255).optional(),
  })
  .transform((provider) => ({ ...provider, format: provider.format ?? defaultFormat(provider.scheme) }));

export type ProviderConfig = z.output<typeof providerSchema>;

/** Everything that is wrong with `PROVIDERS`, one line each, no secret among them. */
export class ProviderConfigError extends Error {
  override name = 'ProviderConfigError';
  readonly mistakes: string[];
  constructor(mistakes: string[]) {
    super(mistakes.join('\n'));
    this.mistakes = mistakes;
  }
}

/**
 * The providers of `PROVIDERS`, defaults filled in, and what looks odd but may be meant.
 * @throws ProviderConfigError with every mistake of every provider at once
 */
export function parseProviders(json: unknown): { providers: ProviderConfig[]; warnings: string[] } {
  if (!Array.isArray(json)) throw new ProviderConfigError(['PROVIDERS must be a JSON array of providers']);
  const mistakes = [...json.flatMap(mistakesOf), ...repeatedNames(json)];
  if (mistakes.length > 0) throw new ProviderConfigError(mistakes);
  const providers = json.map((entry) => providerSchema.parse(entry));
  return { providers, warnings: providers.flatMap(warningsOf) };
}

/** The recipe behind an HMAC-over-a-template scheme; null for the schemes with a reader of their own. */
export function recipeOf(provider: { scheme: SchemeName; hmac?: ProviderConfig['hmac'] }): HmacRecipe | null {
  if (provider.scheme === 'hmac') return provider.hmac ? ownRecipe(withoutUndefined(provider.hmac)) : null;
  return Object.hasOwn(PRESETS, provider.scheme) ? PRESETS[provider.scheme as keyof typeof PRESETS] : null;
}

function mistakesOf(entry: unknown, index: number): string[] {
  const label = `provider ${nameOf(entry, index)}`;
  const parsed = providerSchema.safeParse(entry);
  const shape = parsed.success ? [] : parsed.error.issues.map(describeIssue);
  return [...shape, ...crossFieldMistakes(entry)].map((mistake) => `${label}: ${mistake}`);
}

function describeIssue(issue: z.core.$ZodIssue): string {
  const at = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') return `${at ? `${at}: ` : ''}unknown ${keysInWords(issue.keys)}`;
  if (issue.message === UNSIGNED) return UNSIGNED;
  return at === '' ? issue.message : `${at}: ${issue.message}`;
}

// Reads loosely, because it runs beside the schema and not after it: one start-up tells every mistake.
function crossFieldMistakes(entry: unknown): string[] {
  if (typeof entry !== 'object' || entry === null) return [];
  const raw = entry as Record<string, unknown>;
  const scheme = SCHEME_NAMES.find((name) => name === raw.scheme);
  if (!scheme) return [];
  return [...hmacMistakes(raw, scheme), ...secretMistakes(raw, scheme), ...fieldMistakes(raw, scheme)];
}

function hmacMistakes(raw: Record<string, unknown>, scheme: SchemeName): string[] {
  if (scheme !== 'hmac' && raw.hmac !== undefined) return [`hmac: belongs to the scheme hmac, not to ${scheme}`];
  if (scheme === 'hmac' && raw.hmac === undefined) return ['hmac: required by the scheme hmac, at least its header'];
  const recipe = looseRecipe(raw, scheme);
  return recipe ? templateMistakes(recipe, raw) : [];
}

function templateMistakes(recipe: HmacRecipe, raw: Record<string, unknown>): string[] {
  const used = [...recipe.signed.matchAll(/\{(\w*)\}/g)].map((match) => match[1]!);
  const unknown = used.filter((word) => !['body', 'timestamp', 'id', 'url'].includes(word));
  return [
    ...unknown.map((word) => `hmac.signed: {${word}} is none of {body} {timestamp} {id} {url}`),
    ...(used.includes('body') ? [] : ['hmac.signed: must contain {body}, otherwise nothing protects it']),
    ...(used.includes('timestamp') && !recipe.timestampHeader ? ['hmac.timestampHeader: required by {timestamp}'] : []),
    ...(used.includes('id') && !recipe.idHeader ? ['hmac.idHeader: required by {id}'] : []),
    ...(used.includes('url') && raw.notificationUrl === undefined
      ? ['notificationUrl: required, because the URL is part of what is signed']
      : []),
  ];
}

function secretMistakes(raw: Record<string, unknown>, scheme: SchemeName): string[] {
  const shape = secretShape(scheme, looseRecipe(raw, scheme));
  if (!shape || !Array.isArray(raw.secrets)) return [];
  return raw.secrets.flatMap((secret, index) =>
    typeof secret === 'string' && secret !== '' && !shape.fits(secret) ? [`secrets.${index}: ${shape.expected}`] : [],
  );
}

type SecretShape = { fits: (secret: string) => boolean; expected: string };

function secretShape(scheme: SchemeName, recipe: HmacRecipe | null): SecretShape | null {
  if (scheme === 'standard-webhooks' || scheme === 'svix') {
    return {
      fits: (secret) => isBase64(secret.replace(/^whsec_/, '')),
      expected: 'must be whsec_ followed by base64 (the value is not shown here)',
    };
  }
  if (scheme === 'telegram') {
    return {
      fits: (secret) => /^[A-Za-z0-9_-]{1,256}$/.test(secret),
      expected: 'must be 1–256 of A-Z a-z 0-9 _ -, as Telegram allows',
    };
  }
  if (scheme === 'adyen' || recipe?.key === 'hex') {
    return { fits: isHex, expected: 'must be hex digits, two for each byte (the value is not shown here)' };
  }
  if (recipe?.key === 'base64') {
    return { fits: isBase64, expected: 'must be base64 (the value is not shown here)' };
  }
  return null;
}

function fieldMistakes(raw: Record<string, unknown>, scheme: SchemeName): string[] {
  const format = (raw.format ?? defaultFormat(scheme)) as FormatName;
  if (format === 'generic' || typeof raw.fields !== 'object' || raw.fields === null) return [];
  return FIELD_NAMES.filter((name) => Object.hasOwn(raw.fields as object, name))
    .filter((name) => !MOVABLE_IN_EVERY_FORMAT.has(name))
    .map((name) => `fields.${name}: only the generic format lets this be moved, not ${format}`);
}

function repeatedNames(entries: unknown[]): string[] {
  const names = entries.map((entry) => (entry as { name?: unknown } | null)?.name);
  const repeated = names.filter((name, index) => typeof name === 'string' && names.indexOf(name) < index);
  return [...new Set(repeated)].map((name) => `provider ${name}: the name is used more than once`);
}

function warningsOf(provider: ProviderConfig): string[] {
  const recipe = recipeOf(provider);
  const spaced = provider.secrets.some((secret) => secret !== secret.trim());
  const unsignedTime = recipe?.timestampHeader && !recipe.signed.includes('{timestamp}');
  const ownFormat = provider.scheme === 'stripe' || provider.scheme === 'paddle';
  return [
    ...(spaced ? ['a secret begins or ends with white space; it is used byte for byte'] : []),
    ...(unsignedTime ? ['hmac.signed leaves {timestamp} out, so anyone can rewrite hmac.timestampHeader'] : []),
    ...(ownFormat && provider.format === 'generic'
      ? [`scheme is ${provider.scheme} but format is generic; did you mean "format":"${provider.scheme}"?`]
      : []),
  ].map((warning) => `provider ${provider.name}: ${warning}`);
}

function looseRecipe(raw: Record<string, unknown>, scheme: SchemeName): HmacRecipe | null {
  if (scheme !== 'hmac') return recipeOf({ scheme });
  const hmac = hmacSchema.safeParse(raw.hmac);
  return hmac.success ? recipeOf({ scheme, hmac: hmac.data }) : null;
}

function nameOf(entry: unknown, index: number): string {
  const name = (entry as { name?: unknown } | null)?.name;
  return typeof name === 'string' && name !== '' ? name.slice(0, 64) : `#${index + 1}`;
}

function keysInWords(keys: string[]): string {
  return `${keys.length === 1 ? 'key' : 'keys'} ${keys.join(', ')}`;
}

function isBase64(text: string): boolean {
  return /^[A-Za-z0-9+/]+={0,2}$/.test(text) && text.replace(/=+$/, '').length % 4 !== 1;
}

function isHex(text: string): boolean {
  return /^(?:[0-9a-f]{2})+$/i.test(text);
}

function lowerCaseKeys<V>(record: Record<string, V>): Record<string, V> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key.toLowerCase(), value]));
}

// An optional key that is absent must not overwrite a default when spread.
function withoutUndefined<T extends object>(object: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as never;
}
