import type { Actor } from '../people/person.ts';
import type { Db } from '../platform/database.ts';
import type { Severity } from '../platform/schema.ts';
import { lockEventsOn } from './breaker-ticket-store.ts';
import { mergeTicket } from './merge-ticket.ts';
import { isGraver } from './severity.ts';
import { type ActRequest, type ActResult, act, actWithin } from './ticket-acts.ts';
import { lockCausesOf, lockOpenTickets, lockTicket } from './ticket-lock-store.ts';
import { findTicket } from './ticket-query.ts';
import {
  markAcknowledged,
  markAsked,
  markConfirmed,
  markPicture,
  markReleased,
  markSeverity,
  markSnoozed,
  markUrgent,
} from './ticket-store.ts';
import { ticketName } from './ticket-view.ts';

/** What people do to a ticket while they have it, or so that somebody has. Each is told as `ActResult` says. */

/** The owner says that they still have it; from anybody else it changes nothing. */
export function confirmTicket(db: Db, request: ActRequest): Promise<ActResult> {
  const mine = { ...request, ownedBy: request.actor.personId };
  return act(db, mine, 'confirm', ['acknowledged'], async (trx) => {
    await markConfirmed(trx, request.ticketId, request.now ?? null);
    return `confirmed by ${request.actor.name}`;
  });
}

/** Nobody has it, and the on-call is called. */
export function releaseTicket(db: Db, request: ActRequest): Promise<ActResult> {
  return act(db, request, 'release', ['acknowledged'], async (trx) => {
    await markReleased(trx, request.ticketId, { by: 'person', now: request.now ?? null });
    return `released by ${request.actor.name}`;
  });
}

export function handOverTicket(db: Db, request: ActRequest & { to: Actor }): Promise<ActResult> {
  const { to, actor } = request;
  return act(db, request, 'handover', ['open', 'acknowledged', 'snoozed'], async (trx) => {
    await markAcknowledged(trx, request.ticketId, to, request.now);
    return `handed over to ${to.name} by ${actor.name}`;
  });
}

/** Nobody is called for it until then. The time to resolve it goes on. */
export function snoozeTicket(db: Db, request: ActRequest & { until: Date }): Promise<ActResult> {
  return act(db, request, 'snooze', ['open', 'acknowledged'], async (trx) => {
    await markSnoozed(trx, request.ticketId, request.until);
    return `snoozed until ${request.until.toISOString().slice(11, 16)} UTC by ${request.actor.name}`;
  });
}

const LEVEL_WORDS: Record<number, string> = { 2: 'the second level', 3: 'everyone' };

/** The next level above those that were called is called now, whoever has the ticket. */
export function escalateTicket(db: Db, request: ActRequest): Promise<ActResult> {
  return act(db, request, 'escalate', ['open', 'acknowledged'], async (trx, { calledLevel, askedLevel }) => {
    const level = Math.min(3, Math.max(1, calledLevel, askedLevel ?? 1) + 1);
    await markAsked(trx, request.ticketId, level, request.now ?? null);
    return `escalated to ${LEVEL_WORDS[level]} by ${request.actor.name}`;
  });
}

/** A person judges; what fails later may still raise it. */
export function changeSeverity(
  db: Db,
  request: ActRequest & { to: Severity; reason: string | null },
): Promise<ActResult> {
  const { to, reason, actor } = request;
  return act(db, request, 'severity', ['open', 'acknowledged', 'snoozed'], async (trx, { severity }) => {
    await markSeverity(trx, request.ticketId, to, request.now ?? null);
    await markUrgent(trx, request.ticketId);
    const why = reason === null ? '' : `: “${reason}”`;
    return `${severity} made ${to} by ${actor.name}${why}`;
  });
}

/** `same`: a ticket cannot be merged into itself. `into_unknown`, `into_done`: there is no open ticket to merge into. */
export type MergeResult = ActResult | { outcome: 'same' | 'into_unknown' | 'into_done'; ticket: null };

/** What fails by the one's cause from now on is a new ticket: a merge tidies up, and does not teach. */
export async function mergeTicketInto(db: Db, request: ActRequest & { intoId: number }): Promise<MergeResult> {
  const { ticketId: from, intoId: into, actor, now = null } = request;
  if (from === into) return { outcome: 'same', ticket: null };
  return db.transaction().execute(async (trx): Promise<MergeResult> => {
    await lockEventsOn(trx, [from, into]);
    await lockCausesOf(trx, [from, into]);
    const open = await lockOpenTickets(trx, [from, into]);
    if (!open.includes(into))
      return { outcome: (await findTicket(trx, into)) ? 'into_done' : 'into_unknown', ticket: null };
    return actWithin(trx, request, 'merge', ['open', 'acknowledged', 'snoozed'], async (_, { severity }) => {
      const heir = (await lockTicket(trx, into))!;
      await mergeTicket(trx, { from, into }, { by: 'person' }, now);
      if (isGraver(severity, heir.severity)) await markSeverity(trx, into, severity, now);
      await markPicture(trx, into, { by: 'person' });
      return `merged into ${ticketName(into)} by ${actor.name}`;
    });
  });
}
