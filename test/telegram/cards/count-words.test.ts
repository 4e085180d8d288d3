import fc from 'fast-check';
import { expect, test } from 'vitest';
import { countWords, roundDownAmount } from '../../../src/telegram/cards/count-words.ts';

test.each([
  [0, '0'],
  [1, '1'],
  [10, '10'],
  [11, '10+'],
  [19, '10+'],
  [20, '20+'],
  [38, '20+'],
  [49, '20+'],
  [50, '50+'],
  [99, '50+'],
  [100, '100+'],
  [999, '500+'],
  [1000, '1,000+'],
  [2001, '2,000+'],
  [5000, '5,000+'],
  [10_000, '10,000+'],
  [1_234_567, '1,000,000+'],
])('%i is shown as %s', (count, words) => {
  expect(countWords(count)).toBe(words);
});

test('the words never claim more than there are, and never less than two fifths of it', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (count) => {
      const shown = Number(countWords(count).replace(/[,+]/g, ''));
      expect(shown).toBeLessThanOrEqual(count);
      expect(shown).toBeGreaterThanOrEqual(count * 0.4);
    }),
  );
});

test.each([
  [0, 0],
  [7, 7],
  [99, 99],
  [191_234, 190_000],
])('an amount of %i rounds down to %i', (amountMinor, rounded) => {
  expect(roundDownAmount(amountMinor)).toBe(rounded);
});
