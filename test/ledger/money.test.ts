import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatMoney, majorToMinor, minorDigits, minorFromUnknown, UnreadableAmount } from '../../src/ledger/money.ts';

describe('a currency has as many decimals as ISO 4217, or its wallets, say', () => {
  test.each([
    ['EUR', 2],
    ['eur', 2],
    ['JPY', 0],
    ['KRW', 0],
    ['KWD', 3],
    ['TND', 3],
    ['CLF', 4],
    ['XTR', 0],
    ['USDT', 6],
    ['BTC', 8],
    ['TON', 9],
    ['ZZZ', 2],
    ['constructor', 2],
    [null, 2],
  ])('%s: %i', (currency, digits) => {
    expect(minorDigits(currency)).toBe(digits);
  });
});

describe('decimal text becomes minor units exactly', () => {
  test.each([
    ['19.99', 'USD', 1999],
    [19.99, 'USD', 1999],
    ['9.9', 'EUR', 990],
    [1, 'EUR', 100],
    ['500', 'JPY', 500],
    ['500.00', 'JPY', 500],
    ['1.234', 'KWD', 1234],
    ['1.2340', 'KWD', 1234],
    ['10.5', 'USDT', 10_500_000],
    ['0', 'EUR', 0],
    ['00.10', 'EUR', 10],
    ['7.25', null, 725],
    ['90071992547409.91', 'EUR', Number.MAX_SAFE_INTEGER],
  ])('%s %s is %i', (amount, currency, minor) => {
    expect(majorToMinor(amount, currency)).toBe(minor);
  });

  test.each([
    ['19.999', 'USD'],
    ['0.5', 'JPY'],
    ['-1', 'EUR'],
    ['+1', 'EUR'],
    ['1,000.00', 'EUR'],
    ['1e3', 'EUR'],
    [1e21, 'EUR'],
    [1e-7, 'BTC'],
    [Number.NaN, 'EUR'],
    [Number.POSITIVE_INFINITY, 'EUR'],
    ['', 'EUR'],
    [' 1', 'EUR'],
    ['1.', 'EUR'],
    ['.5', 'EUR'],
    ['0x10', 'EUR'],
    ['١٢', 'EUR'],
    ['90071992547409.92', 'EUR'],
  ])('%s %s is refused', (amount, currency) => {
    expect(() => majorToMinor(amount, currency)).toThrow(UnreadableAmount);
  });

  test('every whole number of minor units survives being written as major units', () => {
    const currency = fc.constantFrom('EUR', 'JPY', 'KWD', 'TON', null);
    fc.assert(
      fc.property(fc.nat(Number.MAX_SAFE_INTEGER), currency, (minor, code) => {
        const major = formatMoney(minor, code).replaceAll(',', '').split(' ')[0]!;
        expect(majorToMinor(major, code)).toBe(minor);
      }),
    );
  });
});

describe('minor units are whole', () => {
  test.each([
    [1999, 1999],
    ['1999', 1999],
    ['1999.00', 1999],
    [0, 0],
  ])('%j is %i', (amount, minor) => {
    expect(minorFromUnknown(amount)).toBe(minor);
  });

  test.each([[19.99], ['19.99'], [-1], ['-1'], [null], [undefined], [{}], [true], ['9007199254740992'], ['ten']])(
    '%j is refused',
    (amount) => {
      expect(() => minorFromUnknown(amount)).toThrow(UnreadableAmount);
    },
  );
});

describe('money is shown with its decimals and its currency', () => {
  test.each([
    [191_200, 'EUR', '1,912.00 EUR'],
    [1999, 'USD', '19.99 USD'],
    [5, 'EUR', '0.05 EUR'],
    [1_234_567, 'JPY', '1,234,567 JPY'],
    [1234, 'KWD', '1.234 KWD'],
    [-500, 'EUR', '-5.00 EUR'],
    [1999, null, '19.99'],
  ])('%i %s is %s', (minor, currency, text) => {
    expect(formatMoney(minor, currency)).toBe(text);
  });
});
