import type { Transaction } from 'kysely';
import { appendAudit } from '../audit/audit-store.ts';
import { appendLog, markPicture } from '../escalation/ticket-store.ts';
import type { Actor } from '../people/person.ts';
import type { Db } from '../platform/database.ts';
import type { Schema } from '../platform/schema.ts';
import {
  findRedriveByCommand,
  insertRedrive,
  lockEvents,
  markRedriveEvents,
  type RedriveScope,
  reviveEvents,
} from './redrive-store.ts';

export { findRedriveReport, type RedriveReport } from './redrive-store.ts';

type Trx = Transaction<Schema>;

type Command = {
  /** Unique per press or command: the same one, delivered twice, redrives once. */
  commandId: string;
  actor: Actor;
  /** In the same transaction: whoever is to be told the outcome must be known before the first event can come to its end. */
  announce?: (trx: Trx, redriveId: number) => Promise<void>;
};

export type RedriveResult =
  | { outcome: 'started'; redriveId: number; events: number }
  /** The same press again. */
  | { outcome: 'already'; redriveId: number; events: number }
  /** Somebody's redrive of these events is still under way. */
  | { outcome: 'running' }
  /** No dead event there. */
  | { outcome: 'nothing' };

export function redriveEvent(db: Db, command: Command & { provider: string; id: number }): Promise<RedriveResult> {
  return redrive(db, command, { of: 'event', provider: command.provider, id: command.id });
}

export function redrivePayment(
  db: Db,
  command: Command & { provider: string; transactionId: string },
): Promise<RedriveResult> {
  return redrive(db, command, { of: 'payment', provider: command.provider, transactionId: command.transactionId });
}

export function redriveTicket(db: Db, command: Command & { ticketId: number }): Promise<RedriveResult> {
  return redrive(db, command, { of: 'ticket', ticketId: command.ticketId });
}

/** Gives dead events a new budget and makes them due at once; whoever calls this wakes 'event' afterwards. */
async function redrive(db: Db, command: Command, scope: RedriveScope): Promise<RedriveResult> {
  return db.transaction().execute((trx) => redriveWithin(trx, command, scope));
}

/** The same as a step of the caller's transaction. */
export async function redriveWithin(trx: Trx, command: Command, scope: RedriveScope): Promise<RedriveResult> {
  const before = await findRedriveByCommand(trx, command.commandId);
  if (before) return { outcome: 'already', redriveId: before.id, events: before.events };
  const events = await lockEvents(trx, scope);
  const dead = events.filter((event) => event.state === 'dead');
  if (dead.length === 0) return { outcome: events.some((event) => event.redriveId !== null) ? 'running' : 'nothing' };
  return start(trx, command, scope, dead);
}

async function start(
  trx: Trx,
  command: Command,
  scope: RedriveScope,
  dead: { provider: string; id: number; ticketId: number | null }[],
): Promise<RedriveResult> {
  const ticketId = 'ticketId' in scope ? scope.ticketId : dead[0]!.ticketId;
  const redriveId = await insertRedrive(trx, {
    commandId: command.commandId,
    scope,
    ticketId,
    requestedBy: command.actor.name,
  });
  if (redriveId === null) throw new Error('the same command was taken in the same moment');
  await reviveEvents(trx, dead, redriveId);
  await markRedriveEvents(trx, redriveId, dead.length);
  await command.announce?.(trx, redriveId);
  if (ticketId !== null) await tellTicket(trx, ticketId, command.actor, dead.length);
  await putOnRecord(trx, command.actor, scope, { redriveId, events: dead.length });
  return { outcome: 'started', redriveId, events: dead.length };
}

async function tellTicket(trx: Trx, ticketId: number, actor: Actor, events: number): Promise<void> {
  const text = `retry of ${events} by ${actor.name}`;
  await markPicture(trx, ticketId, { by: 'person' });
  await appendLog(trx, { ticketId, kind: 'retry', actor: actor.name, text, now: null });
}

async function putOnRecord(
  trx: Trx,
  actor: Actor,
  scope: RedriveScope,
  { redriveId, events }: { redriveId: number; events: number },
): Promise<void> {
  await appendAudit(trx, {
    actor: `telegram:${actor.personId}`,
    action: 'retry',
    target: targetOf(scope),
    allowed: true,
    before: { dead: events },
    after: { dead: 0, redriveId },
  });
}

function targetOf(scope: RedriveScope): string {
  switch (scope.of) {
    case 'ticket':
    case 'stage':
      return `T-${scope.ticketId}`;
    case 'payment':
      return `${scope.provider} ${scope.transactionId}`;
    case 'event':
      return `${scope.provider}.${scope.id}`;
  }
}
