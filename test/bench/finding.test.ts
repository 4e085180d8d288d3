import { describe, expect, test } from 'vitest';
import { type Finding, isMet, renderTable } from '../../bench/finding.ts';
import { byTurns } from '../../bench/rounds.ts';

const ratio: Finding = { what: 'durable × nothing', measured: 0.52, unit: '×', required: { atLeast: 0.4 } };
const delay: Finding = { what: 'answer, p95', measured: 12.4, unit: 'ms', required: { atMost: 12 } };
const rate: Finding = { what: 'durable intake', measured: 12_345.6, unit: '/s' };

describe('a requirement', () => {
  test('"at least" is met from its limit upwards', () => {
    expect(isMet(ratio)).toBe(true);
    expect(isMet({ ...ratio, measured: 0.4 })).toBe(true);
    expect(isMet({ ...ratio, measured: 0.399 })).toBe(false);
  });

  test('"at most" is met up to its limit', () => {
    expect(isMet({ ...delay, measured: 12 })).toBe(true);
    expect(isMet(delay)).toBe(false);
  });

  test('that does not exist is neither met nor missed', () => {
    expect(isMet(rate)).toBeNull();
  });

  test('is not met by a figure that is none', () => {
    expect(isMet({ ...ratio, measured: Number.NaN })).toBe(false);
    expect(isMet({ ...delay, measured: Number.NaN })).toBe(false);
  });
});

test('the table shows every finding, and which requirement is missed', () => {
  const lines = renderTable([rate, ratio, delay]).split('\n');
  expect(lines[0]).toMatch(/^what +measured +required +met$/);
  expect(lines[2]).toMatch(/^durable intake +12,346\/s$/);
  expect(lines[3]).toMatch(/^durable × nothing +0\.52 × +≥ 0\.40 × +yes$/);
  expect(lines[4]).toMatch(/^answer, p95 +12 ms +≤ 12 ms +NO$/);
});

test('rounds are taken by turns, every other one backwards', async () => {
  const order: string[] = [];
  const results = await byTurns(['a', 'b'], 3, async (name, round) => {
    order.push(name);
    return `${name}${round}`;
  });
  expect(order.join('')).toBe('abbaab');
  expect(results).toEqual({ a: ['a0', 'a1', 'a2'], b: ['b0', 'b1', 'b2'] });
});
