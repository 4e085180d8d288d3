import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { distributionOf, mean, median, pairedRatio, percentile, quarterMedians } from '../../bench/statistics.ts';

const samples = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 200 });

test('the mean is the sum by the number of values, and there is none of nothing', () => {
  expect(mean([1, 2, 6])).toBe(3);
  expect(() => mean([])).toThrow('there is no mean of nothing');
});

describe('percentiles', () => {
  test('are those of NumPy (linear interpolation)', () => {
    const values = [15, 20, 35, 40, 50];
    expect(percentile(values, 40)).toBeCloseTo(29, 10);
    expect(percentile(values, 95)).toBeCloseTo(48, 10);
    expect(percentile(values, 0)).toBe(15);
    expect(percentile(values, 100)).toBe(50);
  });

  test('sort numbers as numbers, whatever order they come in, and leave them in it', () => {
    const values = [9, 100, 20];
    expect(median(values)).toBe(20);
    expect(values).toEqual([9, 100, 20]);
  });

  test('of an even number of values the median lies between the two middle ones', () => {
    expect(median([1, 2, 10, 20])).toBe(6);
  });

  test('never leave the range of the values, and rise with the percentage', () => {
    fc.assert(
      fc.property(samples, fc.nat(100), fc.nat(100), (values, a, b) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)].map((percent) => percentile(values, percent)) as [
          number,
          number,
        ];
        expect(low).toBeGreaterThanOrEqual(Math.min(...values) - 1e-9);
        expect(high).toBeLessThanOrEqual(Math.max(...values) + 1e-9);
        expect(low).toBeLessThanOrEqual(high + 1e-9);
      }),
    );
  });

  test('of nothing are refused, and are not 0', () => {
    expect(() => percentile([], 50)).toThrow('nothing');
    expect(() => distributionOf([])).toThrow('nothing');
  });

  test('a distribution names them', () => {
    const values = Array.from({ length: 101 }, (_, i) => 100 - i);
    expect(distributionOf(values)).toEqual({ count: 101, p50: 50, p95: 95, p99: 99, max: 100 });
  });
});

test('the quarters leave the warming up out', () => {
  const warmingUp = [1, 1, 1, 1];
  expect(quarterMedians([...warmingUp, 10, 10, 30, 10, 20, 20, 20, 20, 40, 40, 60, 40])).toEqual({
    second: 10,
    last: 40,
  });
});

describe('a paired ratio', () => {
  test('compares each round with the one beside it: a machine that gets slower by half changes nothing', () => {
    expect(pairedRatio([1000, 500, 250], [2000, 1000, 500])).toBe(0.5);
  });

  test('is the median of the rounds, so one bad round does not decide', () => {
    expect(pairedRatio([100, 100, 5], [200, 200, 200])).toBe(0.5);
  });

  test('of rounds without a partner is refused', () => {
    expect(() => pairedRatio([1, 2], [1])).toThrow('pairs');
  });
});
