import { createHash, timingSafeEqual } from 'node:crypto';
import { findHeader, fingerprint, refuse, type Verifier } from './verdict.ts';

export const TELEGRAM_TOKEN_HEADER = 'x-telegram-bot-api-secret-token';

/**
 * Telegram signs nothing: the header repeats a token known to both, so whoever has it may write any body. Compared as
 * SHA-256 digests, which are of one length whatever the tokens are.
 */
export function prepareTokenVerifier(secrets: string[]): Verifier {
  const digests = secrets.map(sha256);
  const fingerprints = secrets.map(fingerprint);
  return ({ headers, body }) => {
    if (body.length === 0) return refuse('body_empty');
    const token = findHeader(headers, TELEGRAM_TOKEN_HEADER);
    if (!token) return refuse('signature_header_missing');
    const received = sha256(token);
    const matches = digests.map((digest) => timingSafeEqual(digest, received));
    const secretIndex = matches.indexOf(true);
    if (secretIndex === -1) return refuse('wrong_secret');
    const secretFingerprint = fingerprints[secretIndex]!;
    return { valid: true, secretFingerprint, secretIndex, signedId: null, unsignedId: null, signedAt: null };
  };
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
