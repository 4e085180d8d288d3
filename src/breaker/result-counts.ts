import type { ResultCount } from './breaker-store.ts';

export type ResultCounts = {
  add(name: string, epoch: number, outcome: 'ok' | 'fail', nowMs: number): void;
  /** What there is, with its age, and begins anew. */
  take(nowMs: number): ResultCount[];
};

/** Results that ended this close to each other share an age. */
const SLICE_MS = 50;

/** Results not yet written down, by breaker, epoch and moment: when writing takes long they still keep the time they ended at. */
export function createResultCounts(): ResultCounts {
  let slices = new Map<string, ResultCount & { atMs: number }>();

  function add(name: string, epoch: number, outcome: 'ok' | 'fail', nowMs: number): void {
    const atMs = Math.floor(nowMs / SLICE_MS) * SLICE_MS;
    const key = `${atMs} ${epoch} ${name}`;
    const slice = slices.get(key) ?? { name, epoch, ok: 0, failed: 0, ageMs: 0, atMs };
    if (outcome === 'ok') slice.ok += 1;
    else slice.failed += 1;
    slices.set(key, slice);
  }

  function take(nowMs: number): ResultCount[] {
    const taken = [...slices.values()].map(({ atMs, ...count }) => ({ ...count, ageMs: nowMs - atMs }));
    slices = new Map();
    return taken;
  }

  return { add, take };
}
