import { timingSafeEqual } from 'node:crypto';
import type { HmacRecipe } from '../presets.ts';
import { decodeSignature, digesterOf, type HmacScheme, keyOf } from './hmac-scheme.ts';
import { type Claims, fingerprint, refuse, type Verdict, type Verifier } from './verdict.ts';

/** Keys are decoded once, here; the returned function does nothing but read headers and compute digests. */
export function prepareHmacVerifier(scheme: HmacScheme, secrets: string[], toleranceSeconds: number): Verifier {
  const { recipe } = scheme;
  const digest = digesterOf(recipe, scheme.url);
  const keys = secrets.map((secret) => keyOf(secret, recipe.key));
  const fingerprints = secrets.map(fingerprint);

  return ({ headers, body, receivedAt }) => {
    if (body.length === 0) return refuse('body_empty');
    const claimed = scheme.readHeaders(headers);
    if (!claimed.readable) return refuse(claimed.cause);
    const signedAt = claimed.timestamp === null ? null : readTimestamp(claimed.timestamp, recipe.timestampUnit);
    const claims: Claims = { signedId: claimed.signedId, unsignedId: claimed.unsignedId, signedAt };
    if (claimed.timestamp !== null && signedAt === null) return refuse('timestamp_malformed', claims);
    const ageSeconds = signedAt && wholeSecondsBetween(signedAt, receivedAt);
    const signatures = decodeAll(claimed.signatures, recipe);
    if (signatures.length === 0) return refuse('signature_malformed', claims, ageSeconds);
    const secretIndex = matchingKey(
      keys.map((key) => digest(key, claimed, body)),
      signatures,
    );
    if (secretIndex === null) return refuse('mismatch_unexplained', claims, ageSeconds);
    return inTime({ secretFingerprint: fingerprints[secretIndex]!, secretIndex }, claims, ageSeconds, toleranceSeconds);
  };
}

/**
 * Every digest against every signature, without stopping at the first match: how long it takes must not tell which
 * secret was right.
 */
export function matchingKey(digests: Buffer[], signatures: Buffer[]): number | null {
  let found: number | null = null;
  for (const [index, digest] of digests.entries()) {
    for (const signature of signatures) {
      if (timingSafeEqual(digest, signature)) found ??= index;
    }
  }
  return found;
}

function decodeAll(texts: string[], recipe: HmacRecipe): Buffer[] {
  return texts.flatMap((text) => decodeSignature(text, recipe) ?? []);
}

// Digits only: `parseInt` takes "1767225600 or so", and NaN compares false with every tolerance, which lets it through.
function readTimestamp(text: string, unit: HmacRecipe['timestampUnit']): Date | null {
  if (!/^\d{1,15}$/.test(text)) return null;
  const date = new Date(Number(text) * (unit === 'seconds' ? 1000 : 1));
  return Number.isNaN(date.getTime()) ? null : date;
}

// Whole seconds, as every provider's package counts: 300.9 s is still 300.
function wholeSecondsBetween(signedAt: Date, receivedAt: Date): number {
  return Math.floor((receivedAt.getTime() - signedAt.getTime()) / 1000);
}

function inTime(
  matched: { secretFingerprint: string; secretIndex: number },
  claims: Claims,
  ageSeconds: number | null,
  toleranceSeconds: number,
): Verdict {
  if (ageSeconds === null || Math.abs(ageSeconds) <= toleranceSeconds) return { valid: true, ...matched, ...claims };
  const cause = ageSeconds > 0 ? 'timestamp_too_old' : 'timestamp_in_future';
  const { secretFingerprint } = matched;
  return { valid: false, cause, signatureMatches: true, ageSeconds, secretFingerprint, ...claims };
}
