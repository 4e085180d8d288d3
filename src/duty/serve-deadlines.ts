import { type Deadlines, type PlannedTicket, pagingTime, planDeadlines, stepTime } from '../escalation/deadlines.ts';
import { type Level, type Step, stepAt } from '../escalation/policy.ts';
import type { TicketState } from '../platform/schema.ts';

/** A ticket of which a deadline has passed. */
export type DueTicket = PlannedTicket & { ticketId: number; ownerId: number | null; ownerName: string | null };

export type PageReason = 'opened' | 'unacknowledged' | 'asked' | 'confirm' | 'lapsed' | 'warning' | 'overdue';

/** Somebody to be called: whoever is on call on a level, or the owner. */
export type Call = { to: Level | 'owner'; reason: PageReason };

/** What becomes of a ticket whose deadlines have passed, and what is to be said of it. */
export type Served = {
  state: TicketState;
  deadlines: Deadlines;
  calls: Call[];
  /** Lines of its story beside the calls. */
  story: { kind: string; text: string }[];
  /** A word under its card. */
  told: string | null;
};

/**
 * Serves every deadline of a ticket that has passed by `at`, in the order of a ticket's life. What was due while nobody swept is made up for
 * once, and not as often as it was missed.
 */
export function serveDeadlines(ticket: DueTicket, at: Date): Served {
  const served: Served = { state: ticket.state, deadlines: ticket.deadlines, calls: [], story: [], told: null };
  endSnooze(ticket, served, at);
  endAcknowledgement(ticket, served, at);
  askToConfirm(served, at);
  callNextLevel(ticket, served, at);
  warn(ticket, served, at);
  tellOverdue(ticket, served, at);
  return served;
}

function endSnooze(ticket: DueTicket, served: Served, at: Date): void {
  if (served.state !== 'snoozed' || !isDue(served.deadlines.snoozedUntil, at)) return;
  served.state = ticket.ownerId === null ? 'open' : 'acknowledged';
  const what = ticket.ownerId === null ? 'unowned' : 'owned';
  served.deadlines = planDeadlines({ ...ticket, ...served }, { what }, at);
  served.story.push({ kind: 'woke', text: 'the snooze is over' });
}

function endAcknowledgement(ticket: DueTicket, served: Served, at: Date): void {
  if (served.state !== 'acknowledged' || !isDue(served.deadlines.ownerUntil, at)) return;
  served.state = 'open';
  served.deadlines = planDeadlines({ ...ticket, ...served }, { what: 'unowned' }, at);
  const text = `acknowledgement by ${ticket.ownerName ?? 'somebody'} lapsed, nobody has it`;
  served.story.push({ kind: 'lapsed', text });
  served.told = `⌛ ${text}`;
}

function askToConfirm(served: Served, at: Date): void {
  if (served.state !== 'acknowledged' || !isDue(served.deadlines.confirmAt, at)) return;
  served.deadlines = { ...served.deadlines, confirmAt: null };
  served.calls.push({ to: 'owner', reason: 'confirm' });
}

function callNextLevel(ticket: DueTicket, served: Served, at: Date): void {
  if (!isDue(served.deadlines.escalateAt, at)) return;
  const { askedLevel } = served.deadlines;
  if (askedLevel !== null) callAskedLevel(ticket, served, askedLevel as Level);
  else if (served.state === 'open') callByPolicy(ticket, served, at);
}

function callByPolicy(ticket: DueTicket, served: Served, at: Date): void {
  const earliest = pagingTime(ticket, at);
  if (earliest > at) served.deadlines = { ...served.deadlines, escalateAt: earliest };
  else takeSteps(ticket, served, at);
}

/** What was asked for comes on top: the steps of the policy go on as they would have. */
function callAskedLevel(ticket: DueTicket, served: Served, level: Level): void {
  const { clockAt, stepsTaken, calledLevel } = served.deadlines;
  const goesOn = served.state === 'open' && clockAt !== null;
  served.deadlines = {
    ...served.deadlines,
    askedLevel: null,
    calledLevel: Math.max(calledLevel, level),
    escalateAt: goesOn ? stepTime(ticket, clockAt, stepsTaken) : null,
  };
  served.calls.push({ to: level, reason: 'asked' });
}

function takeSteps(ticket: DueTicket, served: Served, at: Date): void {
  const policy = ticket.policy.severities[ticket.severity];
  const clockAt = served.deadlines.clockAt ?? at;
  const missed: Step[] = [];
  let n = served.deadlines.stepsTaken;
  let next = stepTime(ticket, clockAt, n);
  // Without an end, a ticket nobody looked at for months would be counted through step by step.
  for (; next !== null && next <= at && missed.length < STEPS_MAX; n += 1, next = stepTime(ticket, clockAt, n))
    missed.push(stepAt(policy, n)!);
  const isFirst = served.deadlines.stepsTaken === 0 && served.told === null;
  const level = Math.max(...missed.map((step) => step.level), 1) as Level;
  const escalateAt = next !== null && next <= at ? nextAfter(at) : next;
  served.deadlines = {
    ...served.deadlines,
    stepsTaken: n,
    calledLevel: Math.max(served.deadlines.calledLevel, level),
    escalateAt,
  };
  served.calls.push({ to: level, reason: isFirst ? 'opened' : served.told === null ? 'unacknowledged' : 'lapsed' });
  if (level > 1 && served.told === null) served.told = `⬆ nobody has acknowledged it: ${LEVEL_CALLED[level]}`;
}

const STEPS_MAX = 1_000;
const CATCH_UP_MS = 60_000;

function nextAfter(at: Date): Date {
  return new Date(at.getTime() + CATCH_UP_MS);
}

const LEVEL_CALLED: Record<number, string> = { 2: 'the second level is called', 3: 'everyone is called' };

function warn(ticket: DueTicket, served: Served, at: Date): void {
  const { warnAt, overdueAt } = served.deadlines;
  if (served.state === 'snoozed' || !isDue(warnAt, at)) return;
  const earliest = pagingTime(ticket, at);
  served.deadlines = { ...served.deadlines, warnAt: earliest > at ? earliest : null };
  if (earliest > at) return;
  if (!isDue(overdueAt, at)) callWhoHasIt(ticket, served, 'warning');
}

function tellOverdue(ticket: DueTicket, served: Served, at: Date): void {
  if (served.state === 'snoozed' || !isDue(served.deadlines.overdueAt, at)) return;
  const earliest = pagingTime(ticket, at);
  served.deadlines = { ...served.deadlines, overdueAt: earliest > at ? earliest : null };
  if (earliest > at) return;
  callWhoHasIt(ticket, served, 'overdue');
}

/** Nobody is called twice at once for one ticket. */
function callWhoHasIt(ticket: DueTicket, served: Served, reason: PageReason): void {
  served.story.push({ kind: reason, text: TIME_WORDS[reason]! });
  const to = served.state === 'acknowledged' && ticket.ownerId !== null ? 'owner' : 1;
  if (!served.calls.some((call) => call.to === to)) served.calls.push({ to, reason });
}

const TIME_WORDS: Partial<Record<PageReason, string>> = {
  warning: 'three quarters of the time to resolve it are over',
  overdue: 'not resolved in time',
};

function isDue(deadline: Date | null, at: Date): boolean {
  return deadline !== null && deadline <= at;
}
