import { expect, test } from 'vitest';
import { DEFAULT_POLICY, type SeverityPolicy, stepAt } from '../../src/escalation/policy.ts';

const { P1, P2, P3, P4 } = DEFAULT_POLICY.severities;
const steps = (policy: SeverityPolicy, count: number) =>
  Array.from({ length: count }, (_, n) => stepAt(policy, n)).map((step) => step && [step.afterMinutes, step.level]);

test('a P1 calls at once, at 5, 10 and 20 minutes, three rounds of that, and then everyone every half hour', () => {
  expect(steps(P1, 13)).toEqual([
    [0, 1],
    [5, 1],
    [10, 2],
    [20, 3],
    [25, 1],
    [30, 2],
    [40, 3],
    [45, 1],
    [50, 2],
    [60, 3],
    [90, 3],
    [120, 3],
    [150, 3],
  ]);
});

test('a P2 does the same at 15, 30 and 60 minutes', () => {
  expect(steps(P2, 5)).toEqual([
    [0, 1],
    [15, 1],
    [30, 2],
    [60, 3],
    [75, 1],
  ]);
});

test('a P3 and a P4 call nobody but the on-call', () => {
  expect([...steps(P3, 6), ...steps(P4, 6)].every((step) => step?.[1] === 1)).toBe(true);
});

test('a policy that says never calls nobody after its rounds', () => {
  const once = { ...P1, rounds: 1, thenEveryMinutes: null };
  expect(stepAt(once, 3)).not.toBeNull();
  expect(stepAt(once, 4)).toBeNull();
});
