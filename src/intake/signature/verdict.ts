import { createHash } from 'node:crypto';

/** A webhook as it came over the wire: the bytes untouched, the time taken at their first byte. */
export type ReceivedWebhook = { headers: WebhookHeaders; body: Buffer; receivedAt: Date };

/** Node's `IncomingHttpHeaders`, or any record: names are matched in any case. */
export type WebhookHeaders = Record<string, string | string[] | undefined>;

/** Why a webhook was refused. The first group is seen by the verifier, the second is found by `diagnosis`. */
export type RefusalCause =
  | 'body_empty'
  | 'body_unreadable'
  | 'signature_header_missing'
  | `header_missing:${string}`
  | 'signature_header_malformed'
  | 'no_known_scheme'
  | 'signature_missing'
  | 'signature_malformed'
  | 'timestamp_malformed'
  | 'timestamp_too_old'
  | 'timestamp_in_future'
  | 'wrong_secret'
  | 'mismatch_unexplained'
  // named by diagnosis only
  | 'signature_wrong_encoding'
  | 'secret_whitespace'
  | 'secret_not_base64_decoded'
  | 'secret_wrong_kind'
  | 'url_mismatch'
  | 'whitespace_changed'
  | 'body_reserialized'
  | 'body_truncated'
  | 'body_base64'
  | 'charset_reencoded'
  | 'bom'
  | 'content_encoding';

export type Verdict =
  | {
      valid: true;
      /** First 8 hex digits of the SHA-256 of the secret that matched: tells secrets apart without showing them. */
      secretFingerprint: string;
      secretIndex: number;
      /** An id the signature covers, e.g. `webhook-id`. */
      signedId: string | null;
      /** An id from a header that the signature does not cover, e.g. `x-github-delivery`: anyone may have written it. */
      unsignedId: string | null;
      signedAt: Date | null;
    }
  | {
      valid: false;
      cause: RefusalCause;
      /** True only when the signature is right and nothing but its time is wrong: such a webhook is late, not forged. */
      signatureMatches: boolean;
      /** Whole seconds between signing and receipt; negative: signed in our future. */
      ageSeconds: number | null;
      signedAt: Date | null;
      secretFingerprint: string | null;
      signedId: string | null;
      unsignedId: string | null;
    };

export type Verifier = (webhook: ReceivedWebhook) => Verdict;

/** What the sender claims about the delivery, before anything is known to be true. */
export type Claims = { signedId: string | null; unsignedId: string | null; signedAt: Date | null };

const NO_CLAIMS: Claims = { signedId: null, unsignedId: null, signedAt: null };

export function refuse(cause: RefusalCause, claims: Claims = NO_CLAIMS, ageSeconds: number | null = null): Verdict {
  return { valid: false, cause, signatureMatches: false, ageSeconds, secretFingerprint: null, ...claims };
}

export function fingerprint(secret: string): string {
  return createHash('sha256').update(secret).digest('hex').slice(0, 8);
}

/** The header's value, its name in any case; several lines of one header are joined as Node joins them. */
export function findHeader(headers: WebhookHeaders, name: string): string | null {
  const direct = headers[name];
  if (direct !== undefined) return joined(direct);
  for (const key in headers) {
    if (key.length === name.length && key.toLowerCase() === name) return joined(headers[key] ?? '');
  }
  return null;
}

function joined(value: string | string[]): string {
  return typeof value === 'string' ? value : value.join(', ');
}
