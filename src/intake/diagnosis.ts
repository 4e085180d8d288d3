import { type KeyObject, timingSafeEqual } from 'node:crypto';
import { type BodyVariant, bodyVariants, isGzip } from './diagnosis/body-variants.ts';
import type { HmacRecipe } from './presets.ts';
import type { ProviderConfig } from './provider-config.ts';
import { adyenDigests, readAdyenItems, signatureOf } from './signature/adyen-items.ts';
import type { ClaimedSignature } from './signature/claimed-signature.ts';
import {
  decodeSignature,
  digesterOf,
  type HmacScheme,
  hmacSchemeOf,
  keyBytes,
  keyOf,
} from './signature/hmac-scheme.ts';
import { TELEGRAM_TOKEN_HEADER } from './signature/shared-token.ts';
import { findHeader, type ReceivedWebhook, type RefusalCause, type Verdict } from './signature/verdict.ts';

export { explainRefusal } from './diagnosis/explain-refusal.ts';

/** Variants of a body of 180 kB took 35 ms: beyond this size, looking for a cause would be an attack on our CPU. */
export const PROBED_BYTES_MAX = 64 * 1024;

export type Diagnosis = {
  cause: RefusalCause;
  /** What exactly matched or is odd, for the engineer; never a secret and never the body. */
  detail: string | null;
  /** How many digests were computed to find out. */
  probes: number;
};

type Refusal = Extract<Verdict, { valid: false }>;
type Finding = { cause: RefusalCause; detail: string | null };

/**
 * Names why a webhook was refused by trying what may have happened to it: other secrets, other forms of the secret,
 * the URL, the body. A variant that verifies is a diagnosis and never an acceptance. To be called after an invalid
 * verdict only; `otherSecrets` are those of the other configured providers.
 */
export function diagnoseRefusal(
  provider: ProviderConfig,
  webhook: ReceivedWebhook,
  verdict: Refusal,
  otherSecrets: string[] = [],
): Diagnosis {
  const known = detailOf(provider, verdict);
  if (known) return { ...known, probes: 0 };
  if (webhook.body.length > PROBED_BYTES_MAX) {
    return { cause: verdict.cause, detail: `${webhook.body.length} bytes are too many to look for a cause`, probes: 0 };
  }
  const prober = new Prober();
  const finding = probe(prober, provider, webhook, verdict, otherSecrets) ?? signsOfDamage(provider, webhook);
  return { ...(finding ?? { cause: verdict.cause, detail: null }), probes: prober.count };
}

/** Causes the verdict already names in full. */
function detailOf(provider: ProviderConfig, verdict: Refusal): Finding | null {
  const { cause, ageSeconds } = verdict;
  switch (cause) {
    case 'mismatch_unexplained':
    case 'signature_malformed':
    case 'body_unreadable':
    case 'wrong_secret':
      return null;
    case 'timestamp_too_old':
      return { cause, detail: `signed ${ageSeconds} s before it arrived; ${provider.toleranceSeconds} s are allowed` };
    case 'timestamp_in_future':
      return { cause, detail: `signed ${-ageSeconds!} s ahead of us; ${provider.toleranceSeconds} s are allowed` };
    default:
      return { cause, detail: null };
  }
}

function probe(
  prober: Prober,
  provider: ProviderConfig,
  webhook: ReceivedWebhook,
  verdict: Refusal,
  otherSecrets: string[],
): Finding | null {
  if (provider.scheme === 'telegram') return probeToken(provider, webhook, otherSecrets);
  if (provider.scheme === 'adyen') return probeAdyenItems(prober, webhook, otherSecrets);
  const scheme = hmacSchemeOf(provider);
  const claimed = scheme?.readHeaders(webhook.headers);
  if (!scheme || !claimed?.readable) return null;
  const attempt: Attempt = { prober, scheme, claimed, webhook, secrets: provider.secrets };
  if (verdict.cause === 'signature_malformed') return probeEncoding(attempt);
  return (
    probeOtherSecrets(attempt, otherSecrets) ??
    probeSecretForms(attempt) ??
    probeUrls(attempt, provider.notificationUrl) ??
    probeBodies(attempt) ??
    probeTemplates(attempt)
  );
}

type Attempt = {
  prober: Prober;
  scheme: HmacScheme;
  claimed: ClaimedSignature;
  webhook: ReceivedWebhook;
  secrets: string[];
};

/** Compares digests with signatures and counts what that cost. */
class Prober {
  count = 0;

  matches(digests: Buffer[], signatures: (Buffer | null)[]): boolean {
    this.count += digests.length;
    return digests.some((digest) =>
      signatures.some((signature) => signature?.length === digest.length && timingSafeEqual(digest, signature)),
    );
  }
}

type Change = { keys?: KeyObject[]; body?: Buffer; url?: string; signed?: string; signatures?: (Buffer | null)[] };

function verifiesWith({ prober, scheme, claimed, webhook, secrets }: Attempt, change: Change): boolean {
  const { recipe } = scheme;
  const digest = digesterOf({ ...recipe, signed: change.signed ?? recipe.signed }, change.url ?? scheme.url);
  const keys = change.keys ?? secrets.map((secret) => keyOf(secret, recipe.key));
  const signatures = change.signatures ?? claimed.signatures.map((text) => decodeSignature(text, recipe));
  return prober.matches(
    keys.map((key) => digest(key, claimed, change.body ?? webhook.body)),
    signatures,
  );
}

function probeEncoding(attempt: Attempt): Finding | null {
  const { recipe } = attempt.scheme;
  const written = findHeader(attempt.webhook.headers, recipe.header) ?? '';
  // A signature without its prefix is not among the claimed ones, so the bare header is tried as well.
  for (const text of [...attempt.claimed.signatures, written]) {
    const unprefixed = verifiesWith(attempt, { signatures: [decodeSignature(text, recipe)] });
    if (unprefixed)
      return { cause: 'signature_malformed', detail: `the digest is right, the prefix ${recipe.prefix} is missing` };
    const signatures = [Buffer.from(text, 'hex'), Buffer.from(text, 'base64'), Buffer.from(text, 'base64url')];
    if (verifiesWith(attempt, { signatures })) {
      return {
        cause: 'signature_wrong_encoding',
        detail: `the digest is right, but not written as ${spelling(recipe)}`,
      };
    }
  }
  return null;
}

function probeOtherSecrets(attempt: Attempt, otherSecrets: string[]): Finding | null {
  const keys = keysOf(otherSecrets, attempt.scheme.recipe.key);
  return verifiesWith(attempt, { keys }) ? OTHER_SECRET : null;
}

const OTHER_SECRET: Finding = { cause: 'wrong_secret', detail: 'signed with the secret of another provider we know' };

function probeSecretForms(attempt: Attempt): Finding | null {
  for (const secret of attempt.secrets) {
    for (const form of secretForms(secret, attempt.scheme.recipe.key)) {
      if (form.keys.length > 0 && verifiesWith(attempt, form)) return { cause: form.cause, detail: form.detail };
    }
  }
  return null;
}

type SecretForm = Finding & { keys: KeyObject[] };

function secretForms(secret: string, key: HmacRecipe['key']): SecretForm[] {
  const bare = secret.replace(/^whsec_/, '');
  const spaced = [secret.trim(), `${secret}\n`, `${secret} `, `${secret}\r\n`].filter((form) => form !== secret);
  const unlabelled = secret.replace(/^v\d,(whsec_)?/, '');
  const asText = key === 'base64' ? keysOf([secret, bare], 'text') : [];
  const decoded = key === 'text' ? keysOf([bare], 'base64') : [];
  const others = (['hex', 'sha256', 'text'] as const).filter(
    (form) => form !== key && !(key === 'base64' && form === 'text'),
  );
  return [
    {
      cause: 'secret_whitespace',
      detail: 'matches with other white space at the secret’s ends',
      keys: keysOf(spaced, key),
    },
    {
      cause: 'secret_not_base64_decoded',
      detail: 'the sender used the text of the secret, we decode it',
      keys: asText,
    },
    { cause: 'secret_not_base64_decoded', detail: 'the sender decoded the secret, we use its text', keys: decoded },
    {
      cause: 'secret_wrong_kind',
      detail: 'matches without the label in front of the secret',
      keys: unlabelled === secret ? [] : keysOf([unlabelled], key),
    },
    ...others.map((form) => ({
      cause: 'mismatch_unexplained' as const,
      detail: `matches when hmac.key is ${form}`,
      keys: keysOf([secret], form),
    })),
  ];
}

function probeUrls(attempt: Attempt, configured: string | undefined): Finding | null {
  if (!configured || !attempt.scheme.recipe.signed.includes('{url}')) return null;
  const url = urlForms(configured).find((form) => verifiesWith(attempt, { url: form }));
  return url ? { cause: 'url_mismatch', detail: `the provider signs ${url}` } : null;
}

// Forms of the configured URL only: what the request says of itself anyone can write.
function urlForms(url: string): string[] {
  const [base, query = ''] = url.split(/(?=\?)/, 2) as [string, string?];
  const bare = base.replace(/\/$/, '');
  const slashes = [`${bare}${query}`, `${bare}/${query}`, bare, `${bare}/`];
  const protocols = slashes.flatMap((form) => [form.replace(/^http:/, 'https:'), form.replace(/^https:/, 'http:')]);
  const hosts = protocols.flatMap((form) => [form, form.replace('://', '://www.'), form.replace('://www.', '://')]);
  const ports = hosts.flatMap((form) => [form, form.replace(/^(https?:\/\/[^/:]+):\d+/, '$1')]);
  return [...new Set(ports)].filter((form) => form !== url);
}

function probeBodies(attempt: Attempt): Finding | null {
  const { body, headers } = attempt.webhook;
  const encoding = findHeader(headers, 'content-encoding') ?? undefined;
  const variant = bodyVariants(body, encoding).find((each: BodyVariant) => verifiesWith(attempt, { body: each.body }));
  return variant ? { cause: variant.cause, detail: variant.detail } : null;
}

const TEMPLATES = [
  '{body}',
  '{timestamp}.{body}',
  '{timestamp}:{body}',
  '{timestamp}{body}',
  '{id}.{timestamp}.{body}',
];

/** No cause of its own: whose mistake it is cannot be seen, but the engineer is told the template that matches. */
function probeTemplates(attempt: Attempt): Finding | null {
  const { signed } = attempt.scheme.recipe;
  const template = TEMPLATES.find((each) => each !== signed && verifiesWith(attempt, { signed: each }));
  return template
    ? { cause: 'mismatch_unexplained', detail: `the sender signs ${template}, we expect ${signed}` }
    : null;
}

function probeToken(provider: ProviderConfig, { headers }: ReceivedWebhook, otherSecrets: string[]): Finding | null {
  const token = findHeader(headers, TELEGRAM_TOKEN_HEADER) ?? '';
  if (otherSecrets.includes(token)) return OTHER_SECRET;
  const spaced = provider.secrets.some((secret) => secret === token.trim());
  return spaced ? { cause: 'secret_whitespace', detail: 'matches without white space at its ends' } : null;
}

function probeAdyenItems(prober: Prober, { body }: ReceivedWebhook, otherSecrets: string[]): Finding | null {
  const items = readAdyenItems(body);
  const keys = keysOf(otherSecrets, 'hex');
  if (!items || keys.length === 0) return null;
  const isSigned = items.every((item) => {
    const signature = Buffer.from(signatureOf(item) ?? '', 'base64');
    return prober.matches(adyenDigests(item, keys), [signature]);
  });
  return isSigned ? OTHER_SECRET : null;
}

/** When nothing verifies: what the bytes or the secret look like. Weaker than a match, so it comes last. */
function signsOfDamage(provider: ProviderConfig, { body, headers }: ReceivedWebhook): Finding | null {
  const encoding = findHeader(headers, 'content-encoding');
  if (isGzip(body) || (encoding && encoding !== 'identity')) {
    return { cause: 'content_encoding', detail: 'the body is compressed, and not as it was signed' };
  }
  const length = findHeader(headers, 'content-length');
  if (length !== null && Number(length) !== body.length) {
    return { cause: 'body_truncated', detail: `Content-Length says ${Number(length)}, ${body.length} bytes came` };
  }
  if (endsEarly(body)) return { cause: 'body_truncated', detail: 'the JSON ends before it is complete' };
  if (body.includes('\ufffd'))
    return { cause: 'charset_reencoded', detail: 'the body holds U+FFFD, which no sender writes' };
  if (provider.scheme !== 'paystack' && provider.secrets.some((secret) => /^[srp]k_/.test(secret))) {
    return { cause: 'secret_wrong_kind', detail: 'the configured secret begins like an API key' };
  }
  return null;
}

// One pass by hand: a pattern for strings tries every quote again when the last one is left open, which is quadratic.
function endsEarly(body: Buffer): boolean {
  const text = body.toString('latin1').trimStart();
  if (!/^[{[]/.test(text)) return false;
  let depth = 0;
  let inString = false;
  for (let index = 0; index < text.length; index++) {
    const character = text[index];
    if (inString && character === '\\') index += 1;
    else if (character === '"') inString = !inString;
    else if (!inString && (character === '{' || character === '[')) depth += 1;
    else if (!inString && (character === '}' || character === ']')) depth -= 1;
  }
  return inString || depth > 0;
}

/** Keys of those secrets that can be one in this form: another provider's secret need not be hex. */
function keysOf(secrets: string[], form: HmacRecipe['key']): KeyObject[] {
  return secrets.filter((secret) => keyBytes(secret, form).length > 0).map((secret) => keyOf(secret, form));
}

function spelling(recipe: HmacRecipe): string {
  return recipe.encoding === 'hex' && !recipe.upperCaseHex ? 'lower-case hex' : recipe.encoding;
}
