import type { Transaction } from 'kysely';
import { markSent } from '../entitlement/entitlement-store.ts';
import { lockUsers } from '../entitlement/fact-store.ts';
import type { Cause } from '../escalation/fingerprint.ts';
import { fingerprintOf } from '../escalation/fingerprint.ts';
import {
  type Failures,
  inLockOrder,
  openOrAttach,
  raiseSeverity,
  resolveDoneTickets,
} from '../escalation/open-ticket.ts';
import { bumpNotice } from '../notice/notice-store.ts';
import type { DeadReason, Schema } from '../platform/schema.ts';
import type { ClaimedEvent } from './claim-store.ts';
import {
  type AttemptRow,
  type FinishedEvent,
  heldKey,
  lockHeld,
  releaseLanes,
  type WrittenEvent,
  writeFinished,
} from './finish-store.ts';

type Trx = Transaction<Schema>;

/** What became of a claimed event, to be written down. */
export type Outcome = {
  event: ClaimedEvent;
  attempt: AttemptRow | null;
} & (
  | { step: 'applied' | 'ignored' }
  | { step: 'retry'; delayMs: number; countsAsTry: boolean; family: string | null }
  | { step: 'dead'; reason: DeadReason; family: string; countsAsTry: boolean; needsLook: boolean }
);

/** What the product accepted meanwhile, and whose lane is free again. */
export type Told = { userId: string; token: number; sent: { userId: string; feature: string; revision: number }[] };

export type FinishReport = {
  written: WrittenEvent[];
  ticketsTouched: number[];
  ticketsOpened: number;
  ticketsResolved: number[];
};

/**
 * Writes what became of events in one transaction: the events themselves, their attempts, the tickets of those that died, and the
 * end of tickets nothing hangs on any more. A ticket is touched once for all events of a batch. An event that somebody else
 * has taken over is left as it is, and counts nowhere.
 */
export async function finishEvents(trx: Trx, outcomes: Outcome[], told: Told[]): Promise<FinishReport> {
  await lockUsers(
    trx,
    told.map((one) => one.userId),
  );
  await markSent(
    trx,
    told.flatMap((one) => one.sent),
  );
  await releaseLanes(trx, told);
  const tickets = await openTickets(trx, outcomes);
  const written = await writeFinished(
    trx,
    outcomes.map((outcome) => toRow(outcome, tickets)),
  );
  for (const ticket of tickets.opened) await raiseSeverity(trx, ticket.ticketId, ticket.needsLook);
  await redrawReports(trx, written);
  const resolved = await resolveTickets(trx, written);
  return {
    written,
    ticketsTouched: [...new Set([...tickets.opened.map((ticket) => ticket.ticketId), ...resolved])],
    ticketsOpened: tickets.opened.filter((ticket) => ticket.isNew).length,
    ticketsResolved: resolved,
  };
}

/** The tickets whose last event this was are done; when a retry did it, somebody waits to see that. */
async function resolveTickets(trx: Trx, written: WrittenEvent[]): Promise<number[]> {
  const settled = written.filter((event) => event.ticketId !== null && event.state !== 'dead');
  const ticketIds = [...new Set(settled.map((event) => event.ticketId!))].sort((a, b) => a - b);
  const retried = settled.some((event) => event.redriveId !== null);
  return resolveDoneTickets(trx, ticketIds, retried ? 'person' : 'itself');
}

/** Whoever asked for a retry is shown what became of it. */
async function redrawReports(trx: Trx, written: WrittenEvent[]): Promise<void> {
  const redriveIds = new Set(written.map((event) => event.redriveId).filter((id) => id !== null));
  for (const id of [...redriveIds].sort((a, b) => a - b)) await bumpNotice(trx, `redrive:${id}`);
}

type OpenedTickets = {
  opened: { ticketId: number; needsLook: boolean; isNew: boolean }[];
  idOf: (outcome: Outcome) => number | null;
};

/** Only an event that is still ours may count on a ticket, so the fence is checked first. */
async function openTickets(trx: Trx, outcomes: Outcome[]): Promise<OpenedTickets> {
  const dying = outcomes.filter((outcome) => outcome.step === 'dead');
  if (dying.length === 0) return { opened: [], idOf: () => null };
  const held = await lockHeld(
    trx,
    outcomes.map((outcome) => outcome.event),
  );
  const ids = new Map<string, number>();
  const opened = [];
  for (const failures of inLockOrder(groupByCause(dying.filter((outcome) => held.has(heldKey(outcome.event)))))) {
    const { ticketId, opened: isNew } = await openOrAttach(trx, failures);
    ids.set(fingerprintOf(failures.cause), ticketId);
    opened.push({ ticketId, needsLook: failures.needsLook, isNew });
  }
  return {
    opened,
    idOf: (outcome) => (outcome.step === 'dead' ? (ids.get(fingerprintOf(causeOf(outcome))) ?? null) : null),
  };
}

type Dying = Outcome & { step: 'dead' };

function groupByCause(dying: Dying[]): Failures[] {
  const groups = new Map<string, Failures>();
  for (const outcome of dying) {
    const cause = causeOf(outcome);
    const group = groups.get(fingerprintOf(cause));
    groups.set(fingerprintOf(cause), {
      cause,
      count: (group?.count ?? 0) + 1,
      knownOn: [...(group?.knownOn ?? []), ...(outcome.event.ticketId === null ? [] : [outcome.event.ticketId])],
      countries: [...(group?.countries ?? []), outcome.event.payerCountry ?? outcome.event.country],
      sampleTransaction: group?.sampleTransaction ?? outcome.event.transactionId,
      needsLook: outcome.needsLook,
    });
  }
  return [...groups.values()];
}

function causeOf(outcome: Dying): Cause {
  return {
    stage: outcome.needsLook ? 'intake' : 'delivery',
    source: outcome.event.provider,
    dependency: outcome.needsLook ? null : (outcome.attempt?.dependency ?? null),
    errorFamily: outcome.family,
  };
}

function toRow(outcome: Outcome, tickets: OpenedTickets): FinishedEvent {
  const { provider, id, fence } = outcome.event;
  const base = {
    provider,
    id,
    fence,
    attempt: outcome.attempt,
    reason: null,
    delayMs: null,
    ticketId: null,
    errorFamily: null,
  };
  switch (outcome.step) {
    case 'applied':
    case 'ignored':
      return { ...base, state: outcome.step, countsAsTry: false };
    case 'retry':
      return {
        ...base,
        state: 'retrying',
        delayMs: outcome.delayMs,
        countsAsTry: outcome.countsAsTry,
        errorFamily: outcome.family,
      };
    case 'dead':
      return {
        ...base,
        state: 'dead',
        reason: outcome.reason,
        errorFamily: outcome.family,
        countsAsTry: outcome.countsAsTry,
        ticketId: tickets.idOf(outcome),
      };
  }
}
