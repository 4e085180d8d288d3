import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync } from 'node:zlib';

const INFLATED_BYTES_MAX = 1024 * 1024;

export type Inflated =
  | { ok: true; body: Buffer }
  | { ok: false; reason: 'unknown_encoding' | 'too_large' | 'not_inflatable' };

type Inflate = (body: Buffer, options: { maxOutputLength: number }) => Buffer;

const INFLATERS: Record<string, Inflate> = {
  gzip: gunzipSync,
  'x-gzip': gunzipSync,
  deflate: inflateEither,
  br: brotliDecompressSync,
  identity: (body) => body,
};

/**
 * The bytes to parse, after the bytes as received were verified. zlib stops at `maxBytes` of output, so a bomb costs no
 * more than an honest body of that size; and a megabyte inflates in a few milliseconds, so this is synchronous.
 */
export function inflateBody(
  body: Buffer,
  contentEncoding: string | undefined,
  maxBytes: number = INFLATED_BYTES_MAX,
): Inflated {
  const encodings = encodingsOf(contentEncoding);
  // Nobody honest stacks encodings, and each layer multiplies what a small body can cost.
  if (encodings.length > 1 || encodings.some((name) => !Object.hasOwn(INFLATERS, name))) {
    return { ok: false, reason: 'unknown_encoding' };
  }
  const inflate = INFLATERS[encodings[0] ?? 'identity']!;
  try {
    const inflated = inflate(body, { maxOutputLength: maxBytes });
    return inflated.length > maxBytes ? { ok: false, reason: 'too_large' } : { ok: true, body: inflated };
  } catch (error) {
    return { ok: false, reason: isTooLarge(error) ? 'too_large' : 'not_inflatable' };
  }
}

function encodingsOf(header: string | undefined): string[] {
  const names = (header ?? '').split(',').map((name) => name.trim().toLowerCase());
  return names.filter((name) => name !== '' && name !== 'identity');
}

// `deflate` means zlib by RFC 9110 and raw by many senders.
function inflateEither(body: Buffer, options: { maxOutputLength: number }): Buffer {
  try {
    return inflateSync(body, options);
  } catch (error) {
    if (isTooLarge(error)) throw error;
    return inflateRawSync(body, options);
  }
}

function isTooLarge(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE';
}
