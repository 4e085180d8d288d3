import { expect, test } from 'vitest';
import { type Deadlines, nextCall, type PlannedTicket, planDeadlines } from '../../src/escalation/deadlines.ts';
import { DEFAULT_POLICY } from '../../src/escalation/policy.ts';

const NONE: Deadlines = {
  clockAt: null,
  stepsTaken: 0,
  calledLevel: 0,
  askedLevel: null,
  escalateAt: null,
  acknowledgeBy: null,
  resolveBy: null,
  warnAt: null,
  overdueAt: null,
  confirmAt: null,
  ownerUntil: null,
  snoozedUntil: null,
};

/** Monday. */
const NOON = new Date('2026-11-23T12:00:00Z');
const at = (time: string) => new Date(`2026-11-${time}:00Z`);

function opened(severity: PlannedTicket['severity'], when = NOON): PlannedTicket {
  const ticket: PlannedTicket = { state: 'open', severity, policy: DEFAULT_POLICY, deadlines: NONE };
  return { ...ticket, deadlines: planDeadlines(ticket, { what: 'opened' }, when) };
}

test.each([
  ['P1', '23T12:00', '23T12:05', '23T13:00', '23T12:45'],
  ['P2', '23T12:00', '23T12:15', '23T16:00', '23T15:00'],
  ['P3', '23T12:00', '23T16:00', '24T12:00', '24T09:00'],
  ['P4', '24T12:00', '24T12:00', '26T12:00', '26T09:00'],
] as const)('a %s that opens on Monday at noon', (severity, call, acknowledge, resolve, warning) => {
  expect(opened(severity).deadlines).toMatchObject({
    escalateAt: at(call),
    acknowledgeBy: at(acknowledge),
    resolveBy: at(resolve),
    warnAt: at(warning),
  });
});

test('a P3 that opens at night calls nobody before the morning; a P1 does at once', () => {
  const night = at('23T02:00');
  expect(opened('P3', night).deadlines.escalateAt).toEqual(at('23T09:00'));
  expect(opened('P1', night).deadlines.escalateAt).toEqual(night);
});

test('an acknowledgement ends the calls and lapses; of a P3 it does not lapse', () => {
  const own = (ticket: PlannedTicket) => planDeadlines({ ...ticket, state: 'acknowledged' }, { what: 'owned' }, NOON);
  expect(own(opened('P1'))).toMatchObject({ escalateAt: null, ownerUntil: at('23T12:30'), confirmAt: at('23T12:20') });
  expect(own(opened('P2'))).toMatchObject({ escalateAt: null, ownerUntil: at('23T14:00'), confirmAt: at('23T13:20') });
  expect(own(opened('P3'))).toMatchObject({ escalateAt: null, ownerUntil: null, confirmAt: null });
});

test('a ticket that becomes graver is called for anew, and has never more time to resolve than before', () => {
  const p2 = opened('P2');
  const raise = (when: Date) => planDeadlines({ ...p2, severity: 'P1' }, { what: 'severity', from: 'P2' }, when);
  expect(raise(at('23T12:10'))).toMatchObject({ escalateAt: at('23T12:10'), stepsTaken: 0, resolveBy: at('23T13:10') });
  expect(raise(at('23T15:30'))).toMatchObject({ escalateAt: at('23T15:30'), resolveBy: at('23T16:00') });
});

test('a ticket that a person finds less grave gets the time of that, and calls nobody for being looked at', () => {
  const p1 = opened('P1');
  const lowered = planDeadlines({ ...p1, severity: 'P2' }, { what: 'severity', from: 'P1' }, at('23T12:10'));
  expect(lowered).toMatchObject({ escalateAt: at('23T12:25'), resolveBy: at('23T16:10') });
});

test('a snoozed ticket that becomes graver wakes up; otherwise it sleeps on', () => {
  const asleep = { ...opened('P2'), state: 'snoozed' as const };
  const snoozed = { ...asleep, deadlines: { ...asleep.deadlines, snoozedUntil: at('23T13:00') } };
  const happening = { what: 'severity', from: 'P2' } as const;
  expect(planDeadlines({ ...snoozed, severity: 'P1' }, happening, at('23T12:10')).snoozedUntil).toEqual(at('23T12:10'));
  expect(planDeadlines({ ...snoozed, severity: 'P3' }, happening, at('23T12:10')).snoozedUntil).toEqual(at('23T13:00'));
});

test('the card names the next higher level before and after the call at the beginning', () => {
  const ticket = opened('P1');
  expect(nextCall(ticket)).toEqual({ at: at('23T12:10'), level: 2 });
  const called = { ...ticket, deadlines: { ...ticket.deadlines, stepsTaken: 1, calledLevel: 1 } };
  expect(nextCall(called)).toEqual({ at: at('23T12:10'), level: 2 });
  const second = { ...ticket, deadlines: { ...ticket.deadlines, stepsTaken: 3, calledLevel: 2 } };
  expect(nextCall(second)).toEqual({ at: at('23T12:20'), level: 3 });
});

test('when everyone was called it names the next call, and of an owned ticket none', () => {
  const ticket = opened('P1');
  const all = { ...ticket, deadlines: { ...ticket.deadlines, stepsTaken: 4, calledLevel: 3 } };
  expect(nextCall(all)).toEqual({ at: at('23T12:25'), level: 1 });
  expect(nextCall({ ...all, state: 'acknowledged' })).toBeNull();
});
