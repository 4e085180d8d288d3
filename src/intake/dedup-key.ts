import { createHash } from 'node:crypto';

/** Postgres text holds no NUL, UTF-8 no lone surrogate, and an index entry no 12 kB: one such key would fail a batch. */
export const KEY_BYTES_MAX = 255;

/** True for text that every column, index and message can hold. */
export function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0') && Buffer.byteLength(text) <= KEY_BYTES_MAX;
}

/** Ids as the headers gave them: one the signature covers, one it does not. */
export type HeaderIds = { signedId: string | null; unsignedId: string | null };

/**
 * What makes two deliveries the same event.
 *
 * A signed id is the key as it is. An id from a header nobody signed is bound to the body it came with, so that a
 * captured body under a fresh id, or a forged id in front of the genuine one, can take no other event's place. Without
 * any id the bytes themselves are the identity.
 */
export function dedupKey(ids: HeaderIds, bodyId: string | null, body: Buffer): string {
  // `||`: an id that is empty is none.
  const signed = ids.signedId || bodyId;
  if (signed) return signed;
  return ids.unsignedId ? `${ids.unsignedId}:${sha256(body)}` : bodyKey(body);
}

/** The key of bytes that say no more about themselves; malformed webhooks are stored under it. */
export function bodyKey(body: Buffer): string {
  return `sha256:${sha256(body)}`;
}

export function sha256(data: Buffer | string): string {
  return createHash('sha256').update(data).digest('hex');
}
