import type { Severity, TicketState } from '../platform/schema.ts';

export type TicketStage = 'delivery' | 'intake' | 'ledger' | 'telegram' | 'operations';

export type TicketLogLine = { at: Date; kind: string; actor: string | null; text: string };

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
  /** Newest last, at most eight. */
  log: TicketLogLine[];
};

export function ticketName(id: number): string {
  return `T-${id}`;
}
