import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Counters, findDifferences, isBalanced, type RealCounts } from '../../src/ledger/conservation.ts';

const count = fc.nat(1_000_000);
const parts = fc.record({
  duplicate: count,
  refused: count,
  applied: count,
  ignored: count,
  waiting: count,
  dead: count,
  overridden: count,
});

function balanced(part: Omit<Counters, 'stored' | 'received'>): Counters {
  const stored = part.applied + part.ignored + part.waiting + part.dead + part.overridden;
  return { ...part, stored, received: stored + part.duplicate + part.refused };
}

function rowsOf(counters: Counters): RealCounts {
  const { stored, applied, ignored, waiting, dead, overridden, refused, duplicate } = counters;
  return { stored, applied, ignored, waiting, dead, overridden, storedRefusals: refused, conflicts: duplicate };
}

describe('conservation', () => {
  test('counters whose parts add up balance, and rows that agree with them show no difference', () => {
    fc.assert(
      fc.property(parts, (part) => {
        const counters = balanced(part);
        expect(isBalanced(counters)).toBe(true);
        expect(findDifferences(counters, rowsOf(counters))).toEqual([]);
      }),
    );
  });

  test('one event lost from any counter unbalances them', () => {
    fc.assert(
      fc.property(parts, fc.constantFrom(...(Object.keys(balanced(zero())) as (keyof Counters)[])), (part, lost) => {
        const counters = balanced(part);
        expect(isBalanced({ ...counters, [lost]: counters[lost] + 1 })).toBe(false);
      }),
    );
  });

  test('counters that balance but do not fit the rows are a difference, by name and with both numbers', () => {
    const counters = balanced({ ...zero(), applied: 3 });
    const real = { ...rowsOf(counters), applied: 2, dead: 1 };
    expect(findDifferences(counters, real)).toEqual([
      { what: 'applied', counted: 3, found: 2 },
      { what: 'dead', counted: 0, found: 1 },
    ]);
  });

  test('refusals beyond the storage cap are counted and not written down, which is no difference', () => {
    const counters = balanced({ ...zero(), refused: 5_000 });
    expect(findDifferences(counters, { ...rowsOf(counters), storedRefusals: 60 })).toEqual([]);
  });

  test('a refusal written down and not counted is a difference', () => {
    const counters = balanced({ ...zero(), refused: 1 });
    expect(findDifferences(counters, { ...rowsOf(counters), storedRefusals: 2 })).toEqual([
      { what: 'refused ≥ refusals written down', counted: 1, found: 2 },
    ]);
  });

  test('a conflict that was not counted as a duplicate is a difference', () => {
    const counters = balanced(zero());
    expect(findDifferences(counters, { ...rowsOf(counters), conflicts: 1 })).toEqual([
      { what: 'duplicate ≥ conflicts recorded', counted: 0, found: 1 },
    ]);
  });
});

function zero(): Omit<Counters, 'stored' | 'received'> {
  return { duplicate: 0, refused: 0, applied: 0, ignored: 0, waiting: 0, dead: 0, overridden: 0 };
}
