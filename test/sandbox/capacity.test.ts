import { expect, test } from 'vitest';
import { openDesk } from '../../sandbox/product/capacity.ts';

test('calls up to its places take their time, those behind them wait, and what is too much is refused', () => {
  const desk = openDesk({ places: 2, latencyMs: 200, queue: 1 });
  expect([desk.take(0), desk.take(50), desk.take(100), desk.take(100)]).toEqual([200, 200, 300, null]);
  expect(desk.take(201)).toBe(249);
});

test('more than it can do comes out as fast as it can do it, and no faster', () => {
  const desk = openDesk({ places: 100, latencyMs: 200, queue: 50 });
  const endsMs: number[] = [];
  for (let nowMs = 0; nowMs < 10_000; nowMs++) {
    const tookMs = desk.take(nowMs);
    if (tookMs !== null) endsMs.push(nowMs + tookMs);
  }
  expect(endsMs.filter((endMs) => endMs >= 1_000 && endMs < 9_000)).toHaveLength(8 * 500);
});
