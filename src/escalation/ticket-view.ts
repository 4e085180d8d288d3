import type { BreakerEvidence, BreakerState, Severity, TicketState } from '../platform/schema.ts';

export type TicketStage = 'delivery' | 'intake' | 'ledger' | 'telegram' | 'operations' | 'breaker' | 'provider';

export type TicketLogLine = { at: Date; kind: string; actor: string | null; text: string };

/** Why a breaker opened, or was opened. */
export type BreakerOpening = {
  reason: string | null;
  note: string | null;
  actor: string | null;
  evidence: BreakerEvidence | null;
};

/** The breaker a ticket is about, as it is now. */
export type TicketBreaker = {
  name: string;
  state: BreakerState;
  /** A button carries it: with another epoch it is stale. */
  epoch: number;
  /** Since the first opening after it was last closed; of a closed one, since it closed. */
  since: Date;
  forcedUntil: Date | null;
  nextProbeAt: Date | null;
  opening: BreakerOpening | null;
  /** Events that wait for the dependency, and their people up to a bound; counted every few seconds while it is not closed. */
  waiting: number;
  people: number;
};

/** What will happen to a ticket by itself. */
export type TicketDuty = {
  /** Nobody has it: who is called next, 2 is the second level, 3 everyone. */
  nextCall: { at: Date; level: number } | null;
  resolveBy: Date | null;
  /** The owner has it until then, unless they confirm; null: for ever, or nobody has it. */
  ownerUntil: Date | null;
  /** The owner was asked to confirm. */
  isConfirmAsked: boolean;
  snoozedUntil: Date | null;
};

/** A ticket as a person sees it: the row, and who and what is affected right now. */
export type TicketView = {
  id: number;
  /** `T-1042`. */
  name: string;
  stage: TicketStage;
  source: string;
  dependency: string | null;
  /** `HTTP 503`, `timeout`, `malformed`, `signature: wrong_secret`, `conflict` … */
  errorFamily: string;
  state: TicketState;
  severity: Severity;
  ownerId: number | null;
  ownerName: string | null;
  /** Every failure ever attached, exact. */
  failures: number;
  /** Dead events attached that nobody has settled. */
  deadEvents: number;
  peopleWaiting: number;
  moneyAtRisk: { currency: string | null; amountMinor: number }[];
  countries: Record<string, number>;
  sampleTransaction: string | null;
  openedAt: Date;
  firstFailureAt: Date;
  lastFailureAt: Date;
  resolvedAt: Date | null;
  resolvedBy: string | null;
  /** What people did; a press is compared with it. */
  stateRevision: number;
  /** What the picture should show; counters move only this one. */
  wantedRevision: number;
  /** The wanted revision of the last act of a person: such a picture may jump the queue. */
  urgentRevision: number;
  /** Refused webhooks attached that have not been verified since. */
  refusals: number;
  /** Open tickets that this one's card stands for: a whole provider's outage explains them. */
  silenced: number;
  /** Of a breaker's ticket; null of every other. */
  breaker: TicketBreaker | null;
  /** Null when it is over, or was never planned. */
  duty: TicketDuty | null;
  /** Newest last, at most eight. */
  log: TicketLogLine[];
};

export function ticketName(id: number): string {
  return `T-${id}`;
}
