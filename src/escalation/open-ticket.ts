import type { Transaction } from 'kysely';
import { putNotice } from '../notice/notice-store.ts';
import type { Db } from '../platform/database.ts';
import type { Schema, Severity } from '../platform/schema.ts';
import { findHeir } from './breaker-ticket-query.ts';
import { breakerCause, type Cause, fingerprintOf, isOutage } from './fingerprint.ts';
import { graver, MANY_PEOPLE, severityOf } from './severity.ts';
import { countPeopleWaiting, listDoneTickets } from './ticket-event-store.ts';
import { type LockedTicket, lockLatestTicket, lockOpenTickets, lockTicket } from './ticket-lock-store.ts';
import {
  appendLog,
  attachFailures,
  insertTicket,
  keepSample,
  markOpen,
  markResolved,
  markSample,
  markSeverity,
} from './ticket-store.ts';
import { ticketName } from './ticket-view.ts';

type Trx = Transaction<Schema>;

/** A failure this soon after resolving says that the cause was not gone: the same ticket opens again. */
const REOPEN_WITHIN_MS = 2 * 60 * 60 * 1000;

/** Failures of one cause, as many as a batch brought. The ticket is touched once for all of them. */
export type Failures = {
  cause: Cause;
  count: number;
  /** Of each, in the order of the countries, the ticket it stands on already: failing again there, after a retry, counts no second time. */
  knownOn?: (number | null)[];
  /** Where the webhooks came from; null is unknown. */
  countries: (string | null)[];
  sampleTransaction: string | null;
  /** What somebody must look at although no customer is known to wait. */
  needsLook: boolean;
};

export type OpenedTicket = { ticketId: number; opened: boolean };

/**
 * While a dependency's breaker is not closed, what fails by it belongs on the breaker's ticket. Otherwise opens the cause's ticket, or attaches to the one that is open, or opens the one again that was resolved too early; in the
 * transaction of what failed. Afterwards the caller writes the ticket's id on what failed and calls `raiseSeverity`.
 */
export async function openOrAttach(trx: Trx, failures: Failures, now: Date | null = null): Promise<OpenedTicket> {
  const heir = await lockHeir(trx, failures.cause, now);
  if (heir) return attachToHeir(trx, heir, failures, now);
  const latest = await lockLatestTicket(trx, failures.cause, now);
  if (!latest) return openTicket(trx, failures, now);
  if (latest.state === 'merged') return openTicket(trx, failures, now);
  if (latest.state === 'resolved') {
    if (!resolvedTooEarly(latest)) return openTicket(trx, failures, now);
    await reopenByItself(trx, latest, failures, now);
  }
  await attach(trx, latest, failures, now);
  return { ticketId: latest.id, opened: false };
}

/** Groups are taken in the order of what they lock, so that two batches never wait for each other. */
export function inLockOrder<Group>(groups: Group[], causeOf: (group: Group) => Cause): Group[] {
  return [...groups].sort((a, b) => (lockName(causeOf(a)) < lockName(causeOf(b)) ? -1 : 1));
}

/** What may go on a breaker's ticket locks that, whether it does or not is known later. */
function lockName(cause: Cause): string {
  const own = fingerprintOf(cause);
  return isOutage(cause) ? `${fingerprintOf(breakerCause(cause.dependency!))} ${own}` : own;
}

async function lockHeir(trx: Trx, cause: Cause, now: Date | null): Promise<LockedTicket | null> {
  const heirId = isOutage(cause) ? await findHeir(trx, cause.dependency!) : null;
  const heir = heirId === null ? null : await lockTicket(trx, heirId, now);
  return heir && heir.state !== 'resolved' && heir.state !== 'merged' ? heir : null;
}

async function attachToHeir(trx: Trx, heir: LockedTicket, failures: Failures, now: Date | null): Promise<OpenedTicket> {
  await attach(trx, heir, failures, now);
  await keepSample(trx, heir.id, failures.sampleTransaction);
  return { ticketId: heir.id, opened: false };
}

/** Whether a resolved ticket opens again when its cause comes back, instead of a new one. */
export function resolvedTooEarly(ticket: Pick<LockedTicket, 'resolvedForMs'>): boolean {
  return ticket.resolvedForMs !== null && ticket.resolvedForMs < REOPEN_WITHIN_MS;
}

async function openTicket(trx: Trx, failures: Failures, now: Date | null): Promise<OpenedTicket> {
  const ticketId = await insertTicket(trx, {
    cause: failures.cause,
    severity: failures.needsLook ? 'P3' : 'P4',
    failures: failures.count,
    countries: addCountries({}, failures.countries),
    sampleTransaction: failures.sampleTransaction,
    now,
  });
  await appendLog(trx, { ticketId, kind: 'opened', actor: null, text: 'opened', now });
  return { ticketId, opened: true };
}

/** An edit of the old card rings no phone, so a word under it says so too. */
async function reopenByItself(trx: Trx, ticket: LockedTicket, failures: Failures, now: Date | null): Promise<void> {
  await markOpen(trx, ticket.id, { by: 'itself', now });
  await markSample(trx, ticket.id, failures.sampleTransaction);
  await appendLog(trx, { ticketId: ticket.id, kind: 'reopened', actor: null, text: 'failing again, reopened', now });
  const key = `reopened:${ticket.id}:${ticket.stateRevision}`;
  const text = `↩️ ${ticketName(ticket.id)} is failing again, so it is open again`;
  await putNotice(trx, { key, kind: 'ticket', ticketId: ticket.id, body: { text } });
}

async function attach(trx: Trx, ticket: LockedTicket, failures: Failures, now: Date | null): Promise<void> {
  const fresh = failures.countries.filter((_, i) => failures.knownOn?.[i] !== ticket.id);
  const countries = addCountries(ticket.countries, fresh);
  const more = failures.count - (failures.countries.length - fresh.length);
  await attachFailures(trx, ticket.id, { failures: more, countries, now });
  const step = crossedStep(ticket.failures, ticket.failures + more);
  if (step) await appendLog(trx, { ticketId: ticket.id, kind: 'growing', actor: null, text: `${step}+ failures`, now });
}

const STEPS = [1_000_000, 100_000, 10_000, 1_000, 100, 20];

/** A line of the story for each power of ten, not for each batch. */
function crossedStep(before: number, after: number): number | null {
  return STEPS.find((step) => before < step && after >= step) ?? null;
}

function addCountries(known: Record<string, number>, countries: (string | null)[]): Record<string, number> {
  const sum = { ...known };
  for (const country of countries) if (country) sum[country] = (sum[country] ?? 0) + 1;
  return sum;
}

/** To be called when the failures carry the ticket's id: the severity rises with the people who wait. */
export async function raiseSeverity(trx: Trx, ticketId: number, needsLook: boolean): Promise<Severity> {
  const ticket = (await lockTicket(trx, ticketId))!;
  if (ticket.severity === 'P1') return 'P1';
  const peopleWaiting = await countPeopleWaiting(trx, ticketId, MANY_PEOPLE);
  const severity = graver(ticket.severity, severityOf({ peopleWaiting, breakerOpen: false, needsLook }));
  if (severity !== ticket.severity) await markSeverity(trx, ticketId, severity);
  return severity;
}

/**
 * Closes tickets of which everything attached has been applied meanwhile. Answers the ones it closed. `causedBy` a person: somebody
 * waits to see it, so the picture may jump the queue. The tickets are locked first and what hangs on them is read in a new statement:
 * without that, two transactions that finish the last events each see the other's as waiting, and a failure attached at the same
 * moment is overlooked.
 */
export async function resolveDoneTickets(
  trx: Trx,
  ticketIds: number[],
  causedBy: 'person' | 'itself' = 'itself',
  now: Date | null = null,
): Promise<number[]> {
  const open = await lockOpenTickets(trx, ticketIds);
  const done = await listDoneTickets(trx, open);
  for (const ticketId of done) {
    await markResolved(trx, ticketId, { by: causedBy }, { by: 'itself', reason: 'everything on it was applied', now });
    await appendLog(trx, {
      ticketId,
      kind: 'resolved',
      actor: null,
      text: 'everything applied, resolved by itself',
      now,
    });
  }
  return done;
}

/** Something of Breakwater's own that a person must see: a count that does not add up, an update nobody could handle. */
export async function openOperationalTicket(
  db: Db,
  finding: {
    stage: 'ledger' | 'telegram' | 'operations' | 'provider';
    source: string;
    errorFamily: string;
    severity: Severity;
    text: string;
  },
  now: Date | null = null,
): Promise<OpenedTicket> {
  return db.transaction().execute(async (trx) => {
    const cause: Cause = {
      stage: finding.stage,
      source: finding.source,
      dependency: null,
      errorFamily: finding.errorFamily,
    };
    const failures = { cause, count: 1, countries: [], sampleTransaction: null, needsLook: true };
    const ticket = await openOrAttach(trx, failures, now);
    if (ticket.opened) {
      await markSeverity(trx, ticket.ticketId, finding.severity, now);
      await appendLog(trx, { ticketId: ticket.ticketId, kind: 'finding', actor: null, text: finding.text, now });
    }
    return ticket;
  });
}
