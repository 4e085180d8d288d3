import { expect, test } from 'vitest';
import { drawStats } from '../../src/dashboard/picture.ts';
import { type Span, type Stats, viewStats, windowOf } from '../../src/dashboard/stats-view.ts';

const NOW = new Date('2026-11-22T12:04:30Z');

/** An hour, a day or a week of a service with a bad quarter of it in the middle. */
function someStats(span: Span): Stats {
  const window = windowOf(span, NOW);
  const slots = Math.round((window.to.getTime() - window.from.getTime()) / window.slotMs);
  const isBad = (slot: number) => slot > slots * 0.4 && slot < slots * 0.65;
  const each = Array.from({ length: slots }, (_, slot) => slot);
  const deliveries = each.flatMap((slot) => [
    {
      slot,
      state: 'applied' as const,
      quarter: isBad(slot) ? 44 : 18 + (slot % 4),
      events: isBad(slot) ? 30 : 180 + (slot % 7) * 9,
    },
    { slot, state: 'applied' as const, quarter: isBad(slot) ? 56 : 27 + (slot % 3), events: 14 },
    ...(isBad(slot) ? [{ slot, state: 'dead' as const, quarter: 50, events: 60 }] : []),
  ]);
  const calls = each.flatMap((slot) => [
    { slot, dependency: 'activation', outcome: 'ok' as const, calls: 200 },
    ...(isBad(slot) ? [{ slot, dependency: 'activation', outcome: 'transient' as const, calls: 240 }] : []),
    ...(slot % 9 === 0 ? [{ slot, dependency: 'provider:stripe', outcome: 'throttled' as const, calls: 12 }] : []),
  ]);
  const tickets = each.map((slot) => ({
    slot,
    opened: isBad(slot) ? 2 : 0,
    resolved: slot > slots * 0.7 && slot < slots * 0.8 ? 3 : 0,
  }));
  return viewStats(span, window, { deliveries, calls, tickets, open: [{ severity: 'P2', tickets: 2 }] });
}

test.each(['1h', '24h', '7d'] as const)('of %s is a PNG of 1200 × 700 that a chat takes', async (span) => {
  const png = await drawStats(someStats(span));
  expect(png.subarray(1, 4).toString('latin1')).toBe('PNG');
  expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([1200, 700]);
  expect(png.length).toBeGreaterThan(10_000);
  expect(png.length).toBeLessThan(1_000_000);
});

test('of nothing can be drawn too', async () => {
  const window = windowOf('1h', NOW);
  const nothing = viewStats('1h', window, { deliveries: [], calls: [], tickets: [], open: [] });
  expect((await drawStats(nothing)).readUInt32BE(16)).toBe(1200);
});
