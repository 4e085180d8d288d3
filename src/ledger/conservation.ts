/** Promise 4 as arithmetic: whatever was received is somewhere, and the counters say where. Pure, no I/O. */

/** `waiting` is pending, processing and retrying. */
export type Counters = {
  received: number;
  stored: number;
  duplicate: number;
  refused: number;
  applied: number;
  ignored: number;
  waiting: number;
  dead: number;
  overridden: number;
};

export type Conservation = { balanced: boolean } & Counters;

/** What the tables hold, counted row by row. */
export type RealCounts = Pick<Counters, 'stored' | 'applied' | 'ignored' | 'waiting' | 'dead' | 'overridden'> & {
  /** Refusals written down; storing is capped per minute and counting is not, so the counter may be ahead. */
  storedRefusals: number;
  /** Conflicts recorded on events; each of them was also counted as a duplicate. */
  conflicts: number;
};

/** `counted` is what a counter says, `found` what it should say: another counter's sum, or the rows themselves. */
export type ConservationDifference = { what: string; counted: number; found: number };

export function isBalanced(counters: Counters): boolean {
  return findImbalances(counters).length === 0;
}

/** Every way in which the counters contradict each other or the rows; none means that nothing was swallowed. */
export function findDifferences(counters: Counters, real: RealCounts): ConservationDifference[] {
  return [...findImbalances(counters), ...findMiscounts(counters, real), ...findUncounted(counters, real)];
}

function findImbalances(counters: Counters): ConservationDifference[] {
  const { received, stored, duplicate, refused, applied, ignored, waiting, dead, overridden } = counters;
  return [
    {
      what: 'stored = applied + ignored + waiting + dead + overridden',
      counted: stored,
      found: applied + ignored + waiting + dead + overridden,
    },
    { what: 'received = stored + duplicate + refused', counted: received, found: stored + duplicate + refused },
  ].filter(differs);
}

const COUNTED_BY_ROW = ['stored', 'applied', 'ignored', 'waiting', 'dead', 'overridden'] as const;

function findMiscounts(counters: Counters, real: RealCounts): ConservationDifference[] {
  return COUNTED_BY_ROW.map((what) => ({ what, counted: counters[what], found: real[what] })).filter(differs);
}

function findUncounted(counters: Counters, real: RealCounts): ConservationDifference[] {
  return [
    { what: 'refused ≥ refusals written down', counted: counters.refused, found: real.storedRefusals },
    { what: 'duplicate ≥ conflicts recorded', counted: counters.duplicate, found: real.conflicts },
  ].filter((pair) => pair.counted < pair.found);
}

function differs(pair: ConservationDifference): boolean {
  return pair.counted !== pair.found;
}
