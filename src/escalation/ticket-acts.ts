import type { Transaction } from 'kysely';
import { appendAudit } from '../audit/audit-store.ts';
import { putNotice } from '../notice/notice-store.ts';
import type { Actor } from '../people/person.ts';
import type { Db } from '../platform/database.ts';
import type { Schema } from '../platform/schema.ts';
import { scrubText } from '../platform/scrub.ts';
import { isBreakerHoldingOn } from './breaker-ticket-query.ts';
import { mergeTicket } from './merge-ticket.ts';
import { lockDeadEvents, settleDeadEvents, unsettleDeadEvents } from './ticket-event-store.ts';
import { type LockedTicket, lockCause, lockTicket } from './ticket-lock-store.ts';
import { findTicket } from './ticket-query.ts';
import { findStanding, type TicketStanding } from './ticket-standing-query.ts';
import { appendLog, insertActOnce, markAcknowledged, markOpen, markPicture, markResolved } from './ticket-store.ts';
import { findOpenTwin, markLatestOfCause } from './ticket-twin-store.ts';
import { type TicketView, ticketName } from './ticket-view.ts';

type Trx = Transaction<Schema>;

export type ActRequest = {
  ticketId: number;
  actor: Actor;
  /** The revision the button was drawn with; null when the person named the ticket and saw no button. */
  seenRevision: number | null;
  /** Unique per press or command: the same one, delivered twice, acts once. */
  commandId: string;
  /** Only the owner may, and this is who it must be. */
  ownedBy?: number;
  /** Given by tests only. */
  now?: Date | null;
};

/**
 * `stale`: somebody was quicker, nothing changed; `ticket` tells what is true now. `too_early`: what the ticket is about still goes on,
 * so it cannot be resolved.
 */
export type ActResult = { outcome: 'done' | 'repeated' | 'stale' | 'too_early' | 'unknown'; ticket: TicketView | null };

export function acknowledgeTicket(db: Db, request: ActRequest): Promise<ActResult> {
  return act(db, request, 'acknowledge', ['open', 'snoozed'], async (trx) => {
    await markAcknowledged(trx, request.ticketId, request.actor, request.now);
    return `acknowledged by ${request.actor.name}`;
  });
}

/** Resolving settles what is dead and was not redriven: by whom and why is written on each event. */
export function resolveTicket(db: Db, request: ActRequest & { reason: string | null }): Promise<ActResult> {
  return actWithEvents(db, request, 'resolve', ['open', 'acknowledged', 'snoozed'], async (trx) => {
    const resolution = { by: request.actor.name, reason: request.reason, now: request.now ?? null };
    const settled = await settleDeadEvents(trx, request.ticketId, request.actor.name, request.reason);
    await markResolved(trx, request.ticketId, { by: 'person' }, resolution);
    const why = request.reason === null ? '' : `: “${request.reason}”`;
    return `resolved by ${request.actor.name}${settled ? `, ${settled} settled without a retry` : ''}${why}`;
  });
}

/** Opens it again, with what had been settled; a twin that has opened meanwhile is merged into it. */
export function reopenTicket(db: Db, request: ActRequest): Promise<ActResult> {
  return actWithEvents(db, request, 'reopen', ['resolved'], async (trx) => {
    await mergeTwin(trx, request.ticketId);
    await markOpen(trx, request.ticketId, { by: 'person', now: request.now ?? null });
    await unsettleDeadEvents(trx, request.ticketId);
    await markLatestOfCause(trx, request.ticketId);
    return `reopened by ${request.actor.name}`;
  });
}

/** A note changes no state: it is never stale. */
export function noteTicket(db: Db, request: Omit<ActRequest, 'seenRevision'> & { text: string }): Promise<ActResult> {
  return db.transaction().execute(async (trx) => {
    if (!(await lockTicket(trx, request.ticketId))) return { outcome: 'unknown', ticket: null };
    const first = await insertActOnce(trx, { ...request, action: 'note', actor: request.actor.name });
    const line = { ticketId: request.ticketId, kind: 'note', actor: request.actor.name, text: request.text, now: null };
    if (first) await appendLog(trx, line);
    if (first) await markPicture(trx, request.ticketId, { by: 'person' });
    return { outcome: first ? 'done' : 'repeated', ticket: await findTicket(trx, request.ticketId) };
  });
}

/** Does it, and says it as a line of the ticket's story. */
type Change = (trx: Trx, ticket: LockedTicket) => Promise<string>;
type States = LockedTicket['state'][];

/** One act of one person on a ticket that is in one of these states, and as they saw it; in a transaction of its own. */
export function act(db: Db, request: ActRequest, action: string, from: States, change: Change): Promise<ActResult> {
  return db.transaction().execute((trx) => actWithin(trx, request, action, from, change));
}

/** For acts that change events too: events come before tickets in the order of locks, as in a retry and in a failure. */
function actWithEvents(db: Db, request: ActRequest, action: string, from: States, change: Change): Promise<ActResult> {
  return db.transaction().execute(async (trx) => {
    await lockDeadEvents(trx, request.ticketId);
    await lockCause(trx, request.ticketId);
    return actWithin(trx, request, action, from, change);
  });
}

export async function actWithin(
  trx: Trx,
  request: ActRequest,
  action: string,
  from: States,
  change: Change,
): Promise<ActResult> {
  const ticket = await lockTicket(trx, request.ticketId);
  if (!ticket) return { outcome: 'unknown', ticket: null };
  if (ENDING.includes(action) && (await isBreakerHoldingOn(trx, ticket.id)))
    return { outcome: 'too_early', ticket: await findTicket(trx, ticket.id) };
  const outcome = await changeOnce(trx, request, action, fits(ticket, request, from), (inner) => change(inner, ticket));
  return { outcome, ticket: await findTicket(trx, request.ticketId) };
}

/** What a breaker's ticket is about goes on until the breaker has closed. */
const ENDING = ['resolve', 'merge'];

function fits(ticket: LockedTicket, request: ActRequest, from: States): boolean {
  const unchanged = request.seenRevision === null || request.seenRevision === ticket.stateRevision;
  const owned = request.ownedBy === undefined || request.ownedBy === ticket.ownerId;
  return unchanged && owned && from.includes(ticket.state);
}

async function changeOnce(
  trx: Trx,
  request: ActRequest,
  action: string,
  fitting: boolean,
  change: (trx: Trx) => Promise<string>,
): Promise<'done' | 'repeated' | 'stale'> {
  const act = { commandId: request.commandId, ticketId: request.ticketId, action, actor: request.actor.name };
  const before = await trx
    .selectFrom('ticket_act')
    .select('ticket_id')
    .where('command_id', '=', act.commandId)
    .executeTakeFirst();
  if (before) return 'repeated';
  if (!fitting) return 'stale';
  await insertActOnce(trx, act);
  const standing = await findStanding(trx, request.ticketId);
  const text = await change(trx);
  const { ticketId, actor, now = null } = request;
  await appendLog(trx, { ticketId, kind: action, actor: actor.name, text, now });
  await tellUnderCard(trx, request, action, text);
  await putChangeOnRecord(trx, request, action, standing);
  return 'done';
}

/** What everybody must hear of, though the card is edited in silence: who has it, how far it went, whether it is over. */
const TOLD: Record<string, string> = {
  acknowledge: '👀',
  release: '↪️',
  handover: '🤝',
  escalate: '⬆',
  resolve: '✅',
  reopen: '↩️',
};

async function tellUnderCard(trx: Trx, request: ActRequest, action: string, text: string): Promise<void> {
  const emoji = TOLD[action];
  if (emoji === undefined) return;
  const { ticketId, commandId } = request;
  const body = { text: scrubText(`${emoji} ${ticketName(ticketId)} ${text}`) };
  await putNotice(trx, { key: `told:${ticketId}:${commandId}`, kind: 'ticket', ticketId, body });
}

/** What the act changed, in its own transaction: one is not there without the other. */
async function putChangeOnRecord(
  trx: Trx,
  { ticketId, actor }: ActRequest,
  action: string,
  before: TicketStanding,
): Promise<void> {
  const after = await findStanding(trx, ticketId);
  const done = { actor: `telegram:${actor.personId}`, action: `ticket:${action}`, target: `T-${ticketId}` };
  await appendAudit(trx, { ...done, allowed: true, before, after });
}

async function mergeTwin(trx: Trx, ticketId: number): Promise<void> {
  const twinId = await findOpenTwin(trx, ticketId);
  if (twinId === null) return;
  await mergeTicket(trx, { from: twinId, into: ticketId }, { by: 'person' });
}
