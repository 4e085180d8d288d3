/**
 * What each provider signs, as data (PROVIDERS: an HMAC over a template of the raw bytes), and what it wants to read
 * in our answer. A preset is named by `scheme`; `hmac` is the same recipe spelled out by the operator.
 */

export type HmacRecipe = {
  /** Lower case. */
  header: string;
  /** Stands before the digest in the header, e.g. `sha256=`. */
  prefix: string;
  algorithm: 'sha1' | 'sha256' | 'sha512';
  encoding: 'hex' | 'base64';
  /** How the configured secret becomes the key: its text, decoded, or (Crypto Pay) the SHA-256 of its text. */
  key: 'text' | 'base64' | 'hex' | 'sha256';
  /** `{body}`, `{timestamp}`, `{id}` and `{url}` are filled in; everything else is literal. */
  signed: string;
  timestampHeader: string | null;
  timestampUnit: 'seconds' | 'milliseconds';
  /** Names the delivery. Covered by the signature only when `signed` contains `{id}`. */
  idHeader: string | null;
  /**
   * Whether `A3…` is taken for `a3…`. The providers behind the presets send lower case and their own packages compare
   * text, so there upper case means that something in between rewrote the header.
   */
  upperCaseHex: boolean;
};

const DEFAULTS: Omit<HmacRecipe, 'header'> = {
  prefix: '',
  algorithm: 'sha256',
  encoding: 'hex',
  key: 'text',
  signed: '{body}',
  timestampHeader: null,
  timestampUnit: 'seconds',
  idHeader: null,
  upperCaseHex: false,
};

export const PRESET_NAMES = [
  'github',
  'razorpay',
  'shopify',
  'square',
  'lemonsqueezy',
  'coinbase-commerce',
  'paystack',
  'cryptopay',
  'cloudpayments',
  'adyen-header',
] as const;
export type PresetName = (typeof PRESET_NAMES)[number];

export const PRESETS: Record<PresetName, HmacRecipe> = {
  github: {
    ...DEFAULTS,
    header: 'x-hub-signature-256',
    prefix: 'sha256=',
    idHeader: 'x-github-delivery',
  },
  razorpay: { ...DEFAULTS, header: 'x-razorpay-signature', idHeader: 'x-razorpay-event-id' },
  shopify: { ...DEFAULTS, header: 'x-shopify-hmac-sha256', encoding: 'base64', idHeader: 'x-shopify-event-id' },
  square: { ...DEFAULTS, header: 'x-square-hmacsha256-signature', encoding: 'base64', signed: '{url}{body}' },
  lemonsqueezy: { ...DEFAULTS, header: 'x-signature' },
  'coinbase-commerce': { ...DEFAULTS, header: 'x-cc-webhook-signature' },
  paystack: { ...DEFAULTS, header: 'x-paystack-signature', algorithm: 'sha512' },
  cryptopay: { ...DEFAULTS, header: 'crypto-pay-api-signature', key: 'sha256' },
  cloudpayments: { ...DEFAULTS, header: 'content-hmac', encoding: 'base64' },
  'adyen-header': { ...DEFAULTS, header: 'hmacsignature', encoding: 'base64', key: 'hex' },
};

export const SCHEME_NAMES = [
  'hmac',
  'stripe',
  'standard-webhooks',
  'svix',
  'paddle',
  'adyen',
  'telegram',
  ...PRESET_NAMES,
] as const;
export type SchemeName = (typeof SCHEME_NAMES)[number];

export const FORMAT_NAMES = [
  'generic',
  'stripe',
  'paddle',
  'razorpay',
  'shopify',
  'square',
  'lemonsqueezy',
  'coinbase-commerce',
  'paystack',
  'cryptopay',
  'cloudpayments',
  'adyen',
  'telegram',
] as const;
export type FormatName = (typeof FORMAT_NAMES)[number];

const SCHEMES_WITH_OWN_FORMAT: ReadonlySet<string> = new Set([
  'razorpay',
  'shopify',
  'square',
  'lemonsqueezy',
  'coinbase-commerce',
  'paystack',
  'cryptopay',
  'cloudpayments',
  'adyen',
  'telegram',
]);

/** The format of a provider that names none. `stripe` and `paddle` name theirs, as DESIGN's example does. */
export function defaultFormat(scheme: SchemeName): FormatName {
  return SCHEMES_WITH_OWN_FORMAT.has(scheme) ? (scheme as FormatName) : 'generic';
}

/**
 * The success body a provider insists on; null: Breakwater's own. CloudPayments repeats anything but `{"code":0}`, old
 * Adyen set-ups anything but the text `[accepted]` (send a string as it is, without quotes).
 */
export function acknowledgement(provider: { scheme: SchemeName; format: FormatName }): unknown {
  if (provider.scheme === 'cloudpayments' || provider.format === 'cloudpayments') return { code: 0 };
  if (provider.scheme === 'adyen' || provider.format === 'adyen') return '[accepted]';
  return null;
}

/** The recipe of an operator's own `hmac` scheme, its gaps filled. */
export function ownRecipe(given: Partial<HmacRecipe> & { header: string }): HmacRecipe {
  return { ...DEFAULTS, upperCaseHex: true, ...given };
}
