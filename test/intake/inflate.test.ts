import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { inflateBody } from '../../src/intake/inflate.ts';

const BODY = Buffer.from('{"status":"success"}');

describe('a body comes back as it was before its sender compressed it', () => {
  test.each([
    ['gzip', gzipSync(BODY)],
    ['x-gzip', gzipSync(BODY)],
    ['GZIP', gzipSync(BODY)],
    ['deflate', deflateSync(BODY)],
    ['deflate', deflateRawSync(BODY)],
    ['br', brotliCompressSync(BODY)],
    ['identity', BODY],
    ['', BODY],
    ['identity, gzip', gzipSync(BODY)],
    [undefined, BODY],
  ])('%s', (encoding, sent) => {
    expect(inflateBody(sent, encoding)).toEqual({ ok: true, body: BODY });
  });
});

describe('what cannot be inflated is an outcome', () => {
  test.each([
    ['gzip', BODY, 'not_inflatable'],
    ['gzip', gzipSync(BODY).subarray(0, 20), 'not_inflatable'],
    ['deflate', BODY, 'not_inflatable'],
    ['br', BODY, 'not_inflatable'],
    ['zstd', BODY, 'unknown_encoding'],
    ['gzip, gzip', gzipSync(gzipSync(BODY)), 'unknown_encoding'],
    ['constructor', BODY, 'unknown_encoding'],
  ])('%s', (encoding, sent, reason) => {
    expect(inflateBody(sent, encoding)).toEqual({ ok: false, reason });
  });

  test('no bytes whatever throw', () => {
    const encoding = fc.constantFrom('gzip', 'deflate', 'br', 'identity', 'zstd');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), encoding, (bytes, name) => {
        expect(inflateBody(Buffer.from(bytes), name)).toHaveProperty('ok');
      }),
    );
  });
});

describe('a bomb stops at the limit', () => {
  test.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
    ['br', brotliCompressSync],
  ])('%s', (encoding, compress) => {
    expect(inflateBody(compress(Buffer.alloc(1024)), encoding, 1024)).toMatchObject({ ok: true });
    expect(inflateBody(compress(Buffer.alloc(1025)), encoding, 1024)).toEqual({ ok: false, reason: 'too_large' });
    const bomb = compress(Buffer.alloc(8 * 1024 * 1024));
    expect(bomb.length).toBeLessThan(100_000);
    expect(inflateBody(bomb, encoding)).toEqual({ ok: false, reason: 'too_large' });
  });

  test('an uncompressed body has the same limit', () => {
    expect(inflateBody(Buffer.alloc(1025), undefined, 1024)).toEqual({ ok: false, reason: 'too_large' });
  });
});
