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
  putOnTicket,
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
  | { step: 'retry'; delayMs: number; countsAsTry: boolean; failedProbes: number; family: string | null }
  | { step: 'dead'; reason: DeadReason; family: string; countsAsTry: boolean; needsLook: boolean }
);

/** What the product accepted meanwhile, and whose lane is free again. */
export type Told = { userId: string; token: number; sent: { userId: string; feature: string; revision: number }[] };

export type FinishReport = {
  written: WrittenEvent[];
  ticketsTouched: number[];
};

/**
 * Writes what became of events in one transaction: the events themselves, their attempts, the tickets of those that died, and the
 * end of tickets nothing hangs on any more. A ticket is touched once for all events of a batch. An event that somebody else
 * has taken over is left as it is, and counts nowhere.
 */
export async function finishEvents(trx: Trx, outcomes: Outcome[], told: Told[]): Promise<FinishReport> {
  await writeTold(trx, told);
  const written = await writeFinished(trx, outcomes.map(toRow));
  const opened = await openTickets(trx, outcomes, written);
  await redrawReports(trx, written);
  const resolved = await resolveTickets(trx, written, opened);
  return {
    written,
    ticketsTouched: [...new Set([...opened.map((ticket) => ticket.ticketId), ...resolved])],
  };
}

async function writeTold(trx: Trx, told: Told[]): Promise<void> {
  const userIds = told.map((one) => one.userId);
  const sent = told.flatMap((one) => one.sent);
  await lockUsers(trx, userIds);
  await markSent(trx, sent);
  await releaseLanes(trx, told);
}

type OpenedTicket = { ticketId: number; left: number[] };

/** Only what was written as dead counts on a ticket; who came too late wrote nothing. */
async function openTickets(trx: Trx, outcomes: Outcome[], written: WrittenEvent[]): Promise<OpenedTicket[]> {
  const died = new Map(written.filter((event) => event.state === 'dead').map((event) => [event.id, event]));
  const dying = outcomes.filter((outcome) => outcome.step === 'dead').filter(({ event }) => died.has(event.id));
  const opened = [];
  for (const group of inLockOrder(groupByCause(dying), ([first]) => causeOf(first!))) {
    const before = group.map((outcome) => died.get(outcome.event.id)!.ticketId);
    const failures = describe(group, before);
    const { ticketId } = await openOrAttach(trx, failures);
    await putOnTicket(
      trx,
      group.map(({ event }) => event),
      ticketId,
    );
    await raiseSeverity(trx, ticketId, failures.needsLook);
    opened.push({ ticketId, left: before.filter((id) => id !== null).filter((id) => id !== ticketId) });
  }
  return opened;
}

type Dying = Outcome & { step: 'dead' };

function groupByCause(dying: Dying[]): Dying[][] {
  return [...Map.groupBy(dying, (outcome) => fingerprintOf(causeOf(outcome))).values()];
}

function describe(group: Dying[], knownOn: (number | null)[]): Failures {
  return {
    cause: causeOf(group[0]!),
    count: group.length,
    knownOn,
    countries: group.map(({ event }) => event.payerCountry ?? event.country),
    sampleTransaction: group[0]!.event.transactionId,
    needsLook: group[0]!.needsLook,
  };
}

/**
 * The tickets whose last event this was are done, also those whose events died by something else this time. When a retry did it,
 * somebody waits to see that.
 */
async function resolveTickets(trx: Trx, written: WrittenEvent[], opened: OpenedTicket[]): Promise<number[]> {
  const settled = written.filter((event) => event.ticketId !== null && event.state !== 'dead');
  const left = [...settled.map((event) => event.ticketId!), ...opened.flatMap((ticket) => ticket.left)];
  const ticketIds = [...new Set(left)].sort((a, b) => a - b);
  const retried = written.some((event) => event.redriveId !== null);
  return resolveDoneTickets(trx, ticketIds, retried ? 'person' : 'itself');
}

/** Whoever asked for a retry is shown what became of it. */
async function redrawReports(trx: Trx, written: WrittenEvent[]): Promise<void> {
  const redriveIds = new Set(written.map((event) => event.redriveId).filter((id) => id !== null));
  for (const id of [...redriveIds].sort((a, b) => a - b)) await bumpNotice(trx, `redrive:${id}`);
}

function causeOf(outcome: Dying): Cause {
  return {
    stage: outcome.needsLook ? 'intake' : 'delivery',
    source: outcome.event.provider,
    dependency: outcome.needsLook ? null : (outcome.attempt?.dependency ?? null),
    errorFamily: outcome.family,
  };
}

function toRow(outcome: Outcome): FinishedEvent {
  const { provider, id, claimId, receivedAt } = outcome.event;
  const base = {
    provider,
    id,
    claimId,
    receivedAt,
    attempt: outcome.attempt,
    reason: null,
    delayMs: null,
    errorFamily: null,
    failedProbes: 0,
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
        failedProbes: outcome.failedProbes,
        errorFamily: outcome.family,
      };
    case 'dead':
      return {
        ...base,
        state: 'dead',
        reason: outcome.reason,
        errorFamily: outcome.family,
        countsAsTry: outcome.countsAsTry,
      };
  }
}
