import { createHash, randomBytes } from 'node:crypto';

/** The form of a link that ties a customer's chat to their user of the product, and of what is left of it when it is written down: pure. */

/** 192 bits. With its mark the payload has 34 of the 64 characters that Telegram allows. */
const TOKEN_BYTES = 24;
const MARK = 'c_';

export function makeCustomerToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url');
}

export function hashCustomerToken(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

export function formatCustomerLink(username: string, token: string): string {
  return `https://t.me/${username}?start=${MARK}${token}`;
}

/** However a link arrives: as the command it becomes, or as the address somebody copied. */
const IN_TEXT = /(\/start(?:@[a-z0-9_]{1,64})?\s+|[?&]start=)c_([a-z0-9_-]+)/gi;

/**
 * Puts its hash in the place of each token, so that an update can be written down and its token still be looked up. Whatever stands there is hashed, a
 * hash too: who has read one in the database cannot use it.
 */
export function maskCustomerTokens(text: string): string {
  return text.replace(
    IN_TEXT,
    (_, before: string, token: string) => `${before}${MARK}${hashCustomerToken(token).toString('base64url')}`,
  );
}

/** The hash in the payload of a masked link; null for any other payload. */
export function parseMaskedCustomerPayload(payload: string): Buffer | null {
  const [, hash] = /^c_([A-Za-z0-9_-]{43})$/.exec(payload) ?? [];
  return hash === undefined ? null : Buffer.from(hash, 'base64url');
}
