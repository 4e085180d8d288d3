import type { Severity } from '../platform/schema.ts';

/** From how many waiting people on a ticket is everybody's problem. */
export const MANY_PEOPLE = 20;

export type Impact = {
  peopleWaiting: number;
  breakerOpen: boolean;
  /** Malformed, conflicting or refused webhooks: somebody must look, but nobody who paid is known to wait. */
  needsLook: boolean;
};

/** P1: a breaker is open with people waiting, or many people wait. P2: any customer waits. P3: needs a look. P4: the rest. */
export function severityOf(impact: Impact): Severity {
  if (impact.peopleWaiting >= MANY_PEOPLE) return 'P1';
  if (impact.breakerOpen && impact.peopleWaiting > 0) return 'P1';
  if (impact.needsLook) return 'P3';
  return impact.peopleWaiting > 0 ? 'P2' : 'P4';
}

const RANK: Record<Severity, number> = { P1: 1, P2: 2, P3: 3, P4: 4 };

/** The graver of two: while a ticket is open its severity rises with the impact and does not fall. */
export function graver(a: Severity, b: Severity): Severity {
  return isGraver(b, a) ? b : a;
}

export function isGraver(a: Severity, b: Severity): boolean {
  return RANK[a] < RANK[b];
}
