import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type BudgetRequest,
  decideBudget,
  decidePrivateBudget,
  type EditClass,
  PER_MINUTE,
  type SendClass,
  type Spending,
} from '../../../src/telegram/sending/budget.ts';

const START = new Date('2026-11-22T12:00:00Z');
const after = (ms: number) => new Date(START.getTime() + ms);

function spend(count: number, request: BudgetRequest, at = START): Spending[] {
  return Array.from({ length: count }, () => ({ ...request, at }));
}

/** How many of this class can be sent in one instant, starting from what was spent. */
function countUntilRefused(spent: Spending[], request: BudgetRequest): number {
  const all = [...spent];
  while (decideBudget(all, request, START).when === 'now') all.push({ ...request, at: START });
  return all.length - spent.length;
}

test.each<[SendClass, number]>([
  ['person', 10],
  ['first', 11],
  ['new', 4],
  ['digest', 7],
  ['spare', 6],
])('in an unused minute %s may send %i messages', (sendClass, count) => {
  expect(countUntilRefused([], { method: 'send', class: sendClass })).toBe(count);
});

test.each<[SendClass, number]>([
  ['person', 4],
  ['first', 5],
  ['new', 4],
  ['digest', 1],
  ['spare', 0],
])('with the spare used up %s still has its own %i messages', (sendClass, count) => {
  expect(countUntilRefused(spend(6, { method: 'send', class: 'spare' }), { method: 'send', class: sendClass })).toBe(
    count,
  );
});

test.each<[EditClass, number]>([
  ['person', 14],
  ['grave', 8],
  ['counter', 10],
])('in an unused minute %s may edit %i times', (editClass, count) => {
  expect(countUntilRefused([], { method: 'edit', class: editClass })).toBe(count);
});

test('counters that edited all they could leave four edits for cards that become grave, and people their six besides', () => {
  const spent = spend(10, { method: 'edit', class: 'counter' });
  expect(countUntilRefused(spent, { method: 'edit', class: 'grave' })).toBe(4);
  const grave = [...spent, ...spend(4, { method: 'edit', class: 'grave' })];
  expect(countUntilRefused(grave, { method: 'edit', class: 'person' })).toBe(6);
});

test('edits cost no sends, and sends no edits', () => {
  const spent = spend(20, { method: 'edit', class: 'person' });
  expect(decideBudget(spent, { method: 'send', class: 'new' }, START)).toEqual({ when: 'now' });
});

test('a refusal names the moment from which it is allowed, and not an earlier one', () => {
  const spent = [
    ...spend(3, { method: 'send', class: 'new' }),
    ...spend(1, { method: 'send', class: 'new' }, after(5000)),
  ];
  const verdict = decideBudget(spent, { method: 'send', class: 'new' }, after(10_000));
  expect(verdict).toEqual({ when: 'later', at: after(61_000) });
  expect(decideBudget(spent, { method: 'send', class: 'new' }, after(60_999)).when).toBe('later');
  expect(decideBudget(spent, { method: 'send', class: 'new' }, after(61_000)).when).toBe('now');
});

const requests = fc.oneof(
  fc.record({
    method: fc.constant('send' as const),
    class: fc.constantFrom<SendClass>('person', 'first', 'new', 'digest', 'spare'),
  }),
  fc.record({ method: fc.constant('edit' as const), class: fc.constantFrom<EditClass>('person', 'grave', 'counter') }),
);
const arrivals = fc.array(fc.record({ request: requests, gapMs: fc.integer({ min: 0, max: 4000 }) }), {
  minLength: 50,
  maxLength: 200,
});

/** Plays the arrivals and keeps what was allowed. */
function play(wanted: { request: BudgetRequest; gapMs: number }[]): { spent: Spending[]; refused: number } {
  const spent: Spending[] = [];
  let now = START;
  let refused = 0;
  for (const { request, gapMs } of wanted) {
    now = new Date(now.getTime() + gapMs);
    if (decideBudget(spent, request, now).when === 'now') spent.push({ ...request, at: now });
    else refused += 1;
  }
  return { spent, refused };
}

test('whatever is wanted in whatever order, no window of a minute holds more than twenty sends or twenty edits', () => {
  fc.assert(
    fc.property(arrivals, (wanted) => {
      const { spent } = play(wanted);
      for (const method of ['send', 'edit'] as const) {
        const times = spent.filter((spending) => spending.method === method).map(({ at }) => at.getTime());
        for (const from of times) {
          expect(times.filter((at) => at >= from && at <= from + 60_000).length).toBeLessThanOrEqual(PER_MINUTE);
        }
      }
    }),
  );
});

const reserved: Record<SendClass, number> = { person: 4, first: 5, new: 4, digest: 1, spare: 0 };

test('whatever the others have spent, a class that has not used its own share may send', () => {
  fc.assert(
    fc.property(arrivals, fc.constantFrom<SendClass>('person', 'first', 'new', 'digest'), (wanted, sendClass) => {
      const others = wanted.filter(({ request }) => request.class !== sendClass);
      const { spent } = play(others);
      const now = spent.at(-1)?.at ?? START;
      const own = spend(reserved[sendClass] - 1, { method: 'send', class: sendClass }, now);
      expect(decideBudget([...spent, ...own], { method: 'send', class: sendClass }, now).when).toBe('now');
    }),
  );
});

test('a person is written to once a second', () => {
  expect(decidePrivateBudget(null, START)).toEqual({ when: 'now' });
  expect(decidePrivateBudget(START, after(999))).toEqual({ when: 'later', at: after(1000) });
  expect(decidePrivateBudget(START, after(1000))).toEqual({ when: 'now' });
});
