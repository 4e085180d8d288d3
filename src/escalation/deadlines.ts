import type { Severity, TicketState } from '../platform/schema.ts';
import { acknowledgeMinutes, CONFIRM_AT, type Policy, stepAt, WARNING_AT } from './policy.ts';
import { isGraver } from './severity.ts';
import { addWorkingMinutes, nextWorkingTime } from './working-hours.ts';

/** When what happens to a ticket by itself. Null is never, or no more. */
export type Deadlines = {
  /** From when acknowledging and its steps count. */
  clockAt: Date | null;
  stepsTaken: number;
  /** The highest level called since then. */
  calledLevel: number;
  /** A person asked for this level, and it was not called yet. */
  askedLevel: number | null;
  escalateAt: Date | null;
  acknowledgeBy: Date | null;
  resolveBy: Date | null;
  warnAt: Date | null;
  overdueAt: Date | null;
  confirmAt: Date | null;
  /** When the owner has it no more. */
  ownerUntil: Date | null;
  snoozedUntil: Date | null;
};

export type PlannedTicket = { state: TicketState; severity: Severity; policy: Policy; deadlines: Deadlines };

/** What happened to a ticket that moves its deadlines; `ticket` is as it is afterwards. */
export type Happening =
  | { what: 'opened' }
  | { what: 'severity'; from: Severity }
  /** Acknowledged, confirmed, handed over. */
  | { what: 'owned' }
  /** Released, or the acknowledgement lapsed: it waits for somebody again, with the time to resolve that is left. */
  | { what: 'unowned' }
  | { what: 'snoozed'; until: Date }
  | { what: 'asked'; level: number };

const MINUTE_MS = 60_000;

/** The deadlines after what happened. */
export function planDeadlines(ticket: PlannedTicket, happening: Happening, at: Date): Deadlines {
  switch (happening.what) {
    case 'opened':
      return { ...unowned(ticket, at), ...resolving(ticket, at) };
    case 'severity':
      return resevered(ticket, happening.from, at);
    case 'owned':
      return owned(ticket, at);
    case 'unowned':
      return unowned(ticket, at);
    case 'snoozed':
      return { ...silent(ticket.deadlines), ownerUntil: null, snoozedUntil: happening.until };
    case 'asked':
      return { ...ticket.deadlines, askedLevel: happening.level, escalateAt: at };
  }
}

/** When the n-th step of a ticket is due whose clock started at `clockAt`. */
export function stepTime({ severity, policy }: Rules, clockAt: Date, n: number): Date | null {
  const step = stepAt(policy.severities[severity], n);
  return step && stepAfter({ severity, policy }, clockAt, step.afterMinutes);
}

/** When somebody may be called who is to be called at `at`. */
export function pagingTime({ severity, policy }: Rules, at: Date): Date {
  return policy.severities[severity].pagesAtNight ? at : nextWorkingTime(at, policy.hours);
}

type Rules = Pick<PlannedTicket, 'severity' | 'policy'>;

function stepAfter(rules: Rules, clockAt: Date, minutes: number): Date {
  return rules.policy.severities[rules.severity].pagesAtNight
    ? later(clockAt, minutes)
    : addWorkingMinutes(clockAt, minutes, rules.policy.hours);
}

function unowned(ticket: PlannedTicket, at: Date): Deadlines {
  const minutes = acknowledgeMinutes(ticket.policy.severities[ticket.severity]);
  return {
    ...silent(ticket.deadlines),
    clockAt: at,
    stepsTaken: 0,
    calledLevel: 0,
    escalateAt: stepTime(ticket, at, 0),
    acknowledgeBy: minutes === null ? null : stepAfter(ticket, at, minutes),
    ownerUntil: null,
    snoozedUntil: null,
  };
}

function owned(ticket: PlannedTicket, at: Date): Deadlines {
  const { lapseMinutes } = ticket.policy.severities[ticket.severity];
  return {
    ...silent(ticket.deadlines),
    ownerUntil: lapseMinutes === null ? null : later(at, lapseMinutes),
    confirmAt: lapseMinutes === null ? null : later(at, lapseMinutes * CONFIRM_AT),
    snoozedUntil: null,
  };
}

/** Nobody is called for it, and nobody is asked. */
function silent(deadlines: Deadlines): Deadlines {
  return { ...deadlines, escalateAt: null, askedLevel: null, acknowledgeBy: null, confirmAt: null };
}

function resolving(rules: Rules, at: Date): Pick<Deadlines, 'resolveBy' | 'warnAt' | 'overdueAt'> {
  const { resolveMinutes } = rules.policy.severities[rules.severity];
  const resolveBy = later(at, resolveMinutes);
  const warnAt = pagingTime(rules, later(at, resolveMinutes * WARNING_AT));
  return { resolveBy, warnAt, overdueAt: pagingTime(rules, resolveBy) };
}

/** A graver ticket has less time and never more than it had; it begins to be called for anew, and wakes up. */
function resevered(ticket: PlannedTicket, from: Severity, at: Date): Deadlines {
  const isRaised = isGraver(ticket.severity, from);
  const resolve = isRaised ? sooner(ticket.deadlines, resolving(ticket, at)) : resolving(ticket, at);
  const { ownerUntil } = ticket.deadlines;
  switch (ticket.state) {
    case 'open': {
      const plan = { ...unowned(ticket, at), ...resolve };
      return isRaised ? plan : withoutCallAtOnce(ticket, plan, at);
    }
    case 'acknowledged': {
      const plan = owned(ticket, at);
      return { ...plan, ...resolve, ownerUntil: isRaised ? earlier(ownerUntil, plan.ownerUntil) : plan.ownerUntil };
    }
    case 'snoozed':
      return { ...ticket.deadlines, ...resolve, snoozedUntil: isRaised ? at : ticket.deadlines.snoozedUntil };
    default:
      return ticket.deadlines;
  }
}

/** Somebody looked at it just now and found it less grave. */
function withoutCallAtOnce(rules: Rules, plan: Deadlines, at: Date): Deadlines {
  const first = stepAt(rules.policy.severities[rules.severity], 0);
  if (first?.afterMinutes !== 0) return plan;
  return { ...plan, stepsTaken: 1, calledLevel: first.level, escalateAt: stepTime(rules, at, 1) };
}

function sooner(
  before: Deadlines,
  fresh: Pick<Deadlines, 'resolveBy' | 'warnAt' | 'overdueAt'>,
): Pick<Deadlines, 'resolveBy' | 'warnAt' | 'overdueAt'> {
  if (before.resolveBy === null || fresh.resolveBy! <= before.resolveBy) return fresh;
  const { resolveBy, warnAt, overdueAt } = before;
  return { resolveBy, warnAt, overdueAt };
}

function earlier(a: Date | null, b: Date | null): Date | null {
  if (a === null || b === null) return a ?? b;
  return a < b ? a : b;
}

function later(at: Date, minutes: number): Date {
  return new Date(at.getTime() + minutes * MINUTE_MS);
}

/** Where the calls for a ticket go next, as its card tells it: the next level above those called, or the next call at all. */
export function nextCall(ticket: PlannedTicket): { at: Date; level: number } | null {
  const { clockAt, stepsTaken, calledLevel } = ticket.deadlines;
  if (ticket.state !== 'open' || clockAt === null) return null;
  const policy = ticket.policy.severities[ticket.severity];
  for (let n = stepsTaken; n < stepsTaken + policy.steps.length; n += 1) {
    const step = stepAt(policy, n);
    if (step && step.level > Math.max(1, calledLevel)) return { at: stepTime(ticket, clockAt, n)!, level: step.level };
  }
  // The call at the beginning is over in a moment; the card names what comes after it.
  const n = stepsTaken === 0 && stepAt(policy, 0)?.afterMinutes === 0 ? 1 : stepsTaken;
  const step = stepAt(policy, n);
  return step && { at: stepTime(ticket, clockAt, n)!, level: step.level };
}
