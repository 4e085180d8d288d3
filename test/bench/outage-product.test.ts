import { expect, test } from 'vitest';
import { watchProduct } from '../../bench/outage-product.ts';
import type { Sandbox } from '../../sandbox/main.ts';

const ROUND_TRIP_MS = 200;

/** Calls that came `afterMs` after the close, each with so many under way. */
function summaryOf(calls: [afterMs: number, underWay: number, status?: number][]) {
  let tell: (call: object) => void = () => {};
  const onCall = (listener: typeof tell) => {
    tell = listener;
    return () => {};
  };
  const watch = watchProduct({ onCall } as unknown as Sandbox['product']);
  for (const [afterMs, underWay, status = 200] of calls) tell({ atMs: 1_000 + afterMs, underWay, status });
  return watch.summarise(1_000, ROUND_TRIP_MS);
}

test('calls that double with each round trip since the first one grow by exactly what is allowed', () => {
  const calls = [0, 1, 2, 3].map((trip): [number, number] => [50 + trip * ROUND_TRIP_MS, 5 * 2 ** trip]);
  expect(summaryOf(calls)).toMatchObject({ firstUnderWay: 5, mostUnderWay: 40, growth: 1, refused: 0 });
});

test('calls that come one round trip too early grow too fast, and too many at the close are seen', () => {
  expect(
    summaryOf([
      [0, 5],
      [190, 10],
    ]).growth,
  ).toBe(2);
  expect(summaryOf([[0, 6]])).toMatchObject({ firstUnderWay: 6, growth: 1.2 });
});

test('what was called before the close does not count, and refusals are counted', () => {
  const summary = summaryOf([
    [-10, 200],
    [0, 1],
    [2_500, 7, 503],
  ]);
  expect(summary).toMatchObject({ firstUnderWay: 1, refused: 1 });
  expect(summary.perSecond).toEqual([
    { calls: 1, underWay: 1 },
    { calls: 1, underWay: 7 },
  ]);
});
