import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DeliveryRow, StatsRows } from '../../src/dashboard/stats-query.ts';
import { durationWords, percentWords, statsLines } from '../../src/dashboard/stats-text.ts';
import { latencyOf, SPANS, viewStats, windowOf } from '../../src/dashboard/stats-view.ts';

const NOW = new Date('2026-11-22T12:04:30Z');
const HOUR = windowOf('1h', NOW);
const NOTHING: StatsRows = { deliveries: [], calls: [], tickets: [], open: [] };

/** As the database sorts a latency into its quarter of an octave. */
const quarterOf = (ms: number) => Math.floor(4 * Math.log2(Math.max(1, ms)));

function delivered(state: DeliveryRow['state'], ms: number, events = 1, slot = 59): DeliveryRow {
  return { slot, state, quarter: quarterOf(ms), events };
}

const view = (rows: Partial<StatsRows>) => viewStats('1h', HOUR, { ...NOTHING, ...rows });

describe('a window', () => {
  test('ends with the slot that is under way, and has whole slots', () => {
    expect(HOUR).toEqual({ from: new Date('2026-11-22T11:05Z'), to: new Date('2026-11-22T12:05Z'), slotMs: 60_000 });
    expect(view({}).slots).toHaveLength(60);
    for (const span of SPANS) {
      const { from, to, slotMs } = windowOf(span, NOW);
      expect((to.getTime() - from.getTime()) % slotMs).toBe(0);
      expect(to.getTime()).toBeGreaterThan(NOW.getTime());
    }
  });
});

describe('the numbers', () => {
  test('count what was given up against what ended', () => {
    const stats = view({
      deliveries: [delivered('applied', 20, 90), delivered('ignored', 1, 5), delivered('dead', 900, 5)],
    });
    expect(stats).toMatchObject({ ended: 100, failed: 5, successRate: 0.95 });
    expect(stats.slots.at(-1)).toMatchObject({ applied: 95, failed: 5 });
  });

  test('of nothing are unknown, not perfect', () => {
    expect(view({})).toMatchObject({ ended: 0, successRate: null, p50Ms: null, p95Ms: null });
  });

  test('a percentile is of what was applied, and as near as a tenth', () => {
    const deliveries = [delivered('applied', 10, 94), delivered('applied', 5_000, 6), delivered('dead', 60_000, 900)];
    const { p50Ms, p95Ms } = view({ deliveries });
    expect(p50Ms).toBeGreaterThan(9);
    expect(p50Ms).toBeLessThan(11);
    expect(p95Ms).toBeGreaterThan(4_500);
    expect(p95Ms).toBeLessThan(5_500);
  });

  test('a latency comes back from its quarter within a tenth', () => {
    fc.assert(
      fc.property(fc.double({ min: 1, max: 1e9, noNaN: true }), (ms) => {
        const ratio = latencyOf(quarterOf(ms)) / ms;
        expect(ratio).toBeGreaterThan(0.9);
        expect(ratio).toBeLessThan(1.1);
      }),
    );
  });

  test('errors are of what was called, the worst first; what was handed back is none', () => {
    const call = (dependency: string, outcome: 'ok' | 'transient' | 'handed_back', calls: number) => ({
      slot: 3,
      dependency,
      outcome,
      calls,
    });
    const stats = view({
      calls: [
        call('activation', 'ok', 90),
        call('provider:acme', 'transient', 20),
        call('activation', 'transient', 10),
        call('activation', 'handed_back', 4),
      ],
    });
    expect(stats.dependencies).toEqual([
      { name: 'provider:acme', calls: 20, failed: 20 },
      { name: 'activation', calls: 104, failed: 10 },
    ]);
    expect(stats.slots[3]?.errors).toEqual([20, 10]);
    expect(stats.slots[4]?.errors).toEqual([0, 0]);
  });
});

describe('the words', () => {
  test('say each number, and what is not known', () => {
    expect(statsLines(view({}))).toEqual([
      'success: nothing was delivered',
      'received → applied: nothing was applied',
      'errors: nobody was called',
      'tickets: 0 opened, 0 resolved',
      'open now: none',
    ]);
    const told = statsLines(
      view({
        deliveries: [delivered('applied', 40, 1_190), delivered('dead', 900, 10)],
        calls: [{ slot: 0, dependency: 'activation', outcome: 'permanent', calls: 10 }],
        tickets: [{ slot: 0, opened: 3, resolved: 1 }],
        open: [{ severity: 'P2', tickets: 2 }],
      }),
    );
    expect(told).toEqual([
      'success 99.2 % · 1,200 delivered, 10 of them given up',
      expect.stringMatching(/^received → applied: p50 \d\d ms, p95 \d\d ms$/),
      'errors of activation: 100 %, 10 of 10 calls',
      'tickets: 3 opened, 1 resolved',
      'open now: P2 2',
    ]);
  });

  test('a million to one is not perfect, and one in a million not nothing', () => {
    expect(percentWords(999_999 / 1_000_000)).toBe('99.99 %');
    expect(percentWords(1 / 1_000_000)).toBe('0.01 %');
    expect(percentWords(1)).toBe('100 %');
    expect(percentWords(0)).toBe('0 %');
    expect(percentWords(0.5)).toBe('50.0 %');
  });

  test.each([
    [8.3, '8.3 ms'],
    [996, '1000 ms'],
    [1_340, '1.3 s'],
    [250_000, '4.2 min'],
    [7_200_000, '2 h'],
  ])('%d ms is said as %s', (ms, words) => {
    expect(durationWords(ms)).toBe(words);
  });
});
