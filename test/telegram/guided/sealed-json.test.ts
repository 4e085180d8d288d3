import { expect, test } from 'vitest';
import type { SealKeys } from '../../../src/platform/seal.ts';
import { openAddresses, sealAddresses } from '../../../src/telegram/guided/sealed-json.ts';

const KEYS: SealKeys = [Buffer.alloc(32, 'seal')];
const given = {
  answers: { customer: 'anna@example.com', feature: 'premium' },
  log: ['{"text":"anna@example.com"}', 7, null, true],
};

test('texts with an address in them are sealed wherever they stand, and read back', () => {
  const sealed = sealAddresses(KEYS, given);
  expect(JSON.stringify(sealed)).not.toContain('anna');
  expect(openAddresses(KEYS, sealed)).toEqual(given);
});

test('everything else stays readable', () => {
  const plain = { feature: 'premium', at: 'T-1 @ noon', turn: 2 };
  expect(sealAddresses(KEYS, plain)).toEqual(plain);
});

test('what somebody types to look sealed is sealed itself', () => {
  const typed = { customer: 'sealed:AAAA' };
  expect(openAddresses(KEYS, sealAddresses(KEYS, typed))).toEqual(typed);
});

test('without its key it is not read', () => {
  expect(openAddresses([Buffer.alloc(32, 'other')], sealAddresses(KEYS, given))).toBeNull();
});
