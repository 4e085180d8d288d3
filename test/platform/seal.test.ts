import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { open, SealError, seal } from '../../src/platform/seal.ts';

const [older, newer, other] = [randomBytes(32), randomBytes(32), randomBytes(32)];

test('what is sealed opens to the same bytes, whatever they are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
      expect(open([newer], seal([newer], bytes))).toEqual(Buffer.from(bytes));
    }),
  );
});

test('after a new key came in front, what the older one sealed still opens, and new sealings need the new key', () => {
  const before = seal([older], Buffer.from('raw'));
  const after = seal([newer, older], Buffer.from('raw'));
  expect(open([newer, older], before).toString()).toBe('raw');
  expect(open([newer], after).toString()).toBe('raw');
  expect(() => open([older], after)).toThrow(/not in SECRET_KEY/);
});

test('a key that never sealed it does not open it', () => {
  expect(() => open([other], seal([newer], Buffer.from('raw')))).toThrow(SealError);
});

test('the same bytes sealed twice do not look alike', () => {
  expect(seal([newer], Buffer.from('raw'))).not.toEqual(seal([newer], Buffer.from('raw')));
});

test('one changed bit anywhere is noticed', () => {
  const sealed = seal([newer], Buffer.from('raw bytes'));
  for (let i = 0; i < sealed.length; i++) {
    const changed = Buffer.from(sealed);
    changed[i]! ^= 1;
    expect(() => open([newer], changed)).toThrow(SealError);
  }
});

test.each([0, 1, 16, 32])('%i bytes are too few to be anything sealed', (length) => {
  expect(() => open([newer], Buffer.alloc(length, 1))).toThrow(SealError);
});
