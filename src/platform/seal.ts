import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

/** Keys of 32 bytes, newest first: the first one seals, any of them opens. */
export type SealKeys = readonly [Buffer, ...Buffer[]];

/** The bytes cannot be opened: sealed with a key that is no longer in SECRET_KEY, or changed since. */
export class SealError extends Error {
  override name = 'SealError';
}

const VERSION = 1;
const KEY_ID_BYTES = 4;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = 1 + KEY_ID_BYTES + NONCE_BYTES;

/**
 * AES-256-GCM under the newest key: version, key id, nonce, ciphertext, tag. Random nonces are safe for 2^32 sealings of one key
 * (NIST SP 800-38D §8.3).
 */
export function seal(keys: SealKeys, bytes: Uint8Array): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const header = Buffer.concat([Buffer.of(VERSION), keyId(keys[0]), nonce]);
  const cipher = createCipheriv('aes-256-gcm', keys[0], nonce).setAAD(header);
  return Buffer.concat([header, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
}

/** What was sealed; throws `SealError`. */
export function open(keys: SealKeys, sealed: Uint8Array): Buffer {
  const bytes = Buffer.from(sealed);
  if (bytes.length < HEADER_BYTES + TAG_BYTES || bytes[0] !== VERSION) throw new SealError('this was not sealed by us');
  const header = bytes.subarray(0, HEADER_BYTES);
  const key = keys.find((candidate) => keyId(candidate).equals(header.subarray(1, 1 + KEY_ID_BYTES)));
  if (!key) throw new SealError('sealed with a key that is not in SECRET_KEY any more');
  return decipher(key, header, bytes.subarray(HEADER_BYTES));
}

function decipher(key: Buffer, header: Buffer, rest: Buffer): Buffer {
  const nonce = header.subarray(1 + KEY_ID_BYTES);
  const cipher = createDecipheriv('aes-256-gcm', key, nonce).setAAD(header).setAuthTag(rest.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([cipher.update(rest.subarray(0, -TAG_BYTES)), cipher.final()]);
  } catch (cause) {
    throw new SealError('the sealed bytes were changed', { cause });
  }
}

function keyId(key: Buffer): Buffer {
  return createHash('sha256').update(key).digest().subarray(0, KEY_ID_BYTES);
}
