import { createHash } from 'node:crypto';
import type { OverrideState, Severity, TicketState } from '../platform/schema.ts';

/** Who may do what to an override, and when: pure. */

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Long enough for somebody to look the payment up, short enough that what they see is still so. */
export const APPROVE_WITHIN_MS = 15 * MINUTE_MS;
const LASTS_MS_MAX = 31 * DAY_MS;
/** A code that was stolen for an hour opens three doors, and not a hundred. */
const REQUESTS_PER_HOUR = 3;
const REQUESTS_PER_DAY = 10;
/** So long a request stands unanswered before one person alone may go on. */
const UNANSWERED_MS = 10 * MINUTE_MS;
export const REVIEW_WITHIN_MS = DAY_MS;
const REASON_LENGTH_MAX = 500;
const ID_BYTES_MAX = 255;

/** Everything that is asked for. Exactly this is approved, and exactly this is carried out. */
export type OverrideParams = {
  userId: string;
  feature: string;
  until: Date;
  /** The payment it stands for; one that never arrived has none. */
  payment: { provider: string; transactionId: string } | null;
  ticketId: number | null;
  reason: string;
  evidence: string | null;
};

/** Of every parameter, in one order: another value of any of them is another hash. */
export function hashParams(params: OverrideParams): string {
  const { userId, feature, until, payment, ticketId, reason, evidence } = params;
  const { provider = null, transactionId = null } = payment ?? {};
  const said = [userId, feature, until.toISOString(), provider, transactionId, ticketId, reason, evidence];
  return createHash('sha256').update(JSON.stringify(said)).digest('base64url').slice(0, 22);
}

export type RequestRefusal =
  | 'unreadable'
  | 'reason_missing'
  | 'feature_unknown'
  | 'until_past'
  | 'until_too_far'
  | 'customer_unconfirmed'
  | 'already_active'
  | 'already_open'
  | 'limit_hour'
  | 'limit_day'
  | 'ticket_unknown'
  | 'payment_of_another'
  | 'factor_missing';

/** What is wrong with the words themselves, whoever says them. */
export function findWrongParams(params: OverrideParams, features: string[], now: Date): RequestRefusal | null {
  const texts = [
    params.userId,
    params.feature,
    params.payment?.transactionId ?? '',
    params.reason,
    params.evidence ?? '',
  ];
  if (!texts.every(canBeKept) || params.userId.trim() === '') return 'unreadable';
  if (Buffer.byteLength(params.userId) > ID_BYTES_MAX || params.reason.length > REASON_LENGTH_MAX) return 'unreadable';
  if (params.reason.trim() === '') return 'reason_missing';
  if (!features.includes(params.feature)) return 'feature_unknown';
  return findWrongEnd(params.until, now);
}

export function findWrongEnd(until: Date, now: Date): 'until_past' | 'until_too_far' | null {
  if (Number.isNaN(until.getTime()) || until <= now) return 'until_past';
  return until.getTime() - now.getTime() > LASTS_MS_MAX ? 'until_too_far' : null;
}

/** A NUL or half a surrogate pair cannot be stored. */
function canBeKept(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

export type CustomerStanding = {
  /** The ledger has heard of this customer. */
  isKnown: boolean;
  isActive: boolean;
  hasOpenRequest: boolean;
};

/** Known or not, the id is what counts: of an unknown customer it is typed twice. */
export function findWrongCustomer(customer: CustomerStanding, isConfirmed: boolean): RequestRefusal | null {
  if (customer.isActive) return 'already_active';
  if (customer.hasOpenRequest) return 'already_open';
  return customer.isKnown || isConfirmed ? null : 'customer_unconfirmed';
}

export function findExceededLimit(asked: { lastHour: number; lastDay: number }): 'limit_hour' | 'limit_day' | null {
  if (asked.lastHour >= REQUESTS_PER_HOUR) return 'limit_hour';
  return asked.lastDay >= REQUESTS_PER_DAY ? 'limit_day' : null;
}

export type OverrideRow = OverrideParams & {
  id: number;
  state: OverrideState;
  paramsHash: string;
  requestedBy: number;
  requestedAt: Date;
  approveUntil: Date;
  breakGlass: boolean;
  reviewedBy: number | null;
};

export type DecisionRefusal = 'unknown' | 'decided' | 'expired' | 'changed' | 'requester' | 'factor_missing';

/** Who approves must be somebody else, in time, and look at exactly what would be carried out. */
export function findApprovalRefusal(
  override: OverrideRow,
  approval: { personId: number; seenHash: string; now: Date },
): DecisionRefusal | null {
  if (override.state !== 'requested') return override.state === 'expired' ? 'expired' : 'decided';
  if (approval.now >= override.approveUntil) return 'expired';
  if (isChanged(override, approval.seenHash)) return 'changed';
  return approval.personId === override.requestedBy ? 'requester' : null;
}

/** Compared with the row as it is, not with what the row says of itself. */
export function isChanged(override: OverrideRow, seenHash: string): boolean {
  return hashParams(override) !== override.paramsHash || seenHash !== override.paramsHash;
}

/** Anybody may refuse, the requester too: a refusal gives nothing. */
export function findRefusingRefusal(override: OverrideRow, now: Date): DecisionRefusal | null {
  if (override.state !== 'requested') return override.state === 'expired' ? 'expired' : 'decided';
  return now >= override.approveUntil ? 'expired' : null;
}

export type GlassRefusal = DecisionRefusal | 'not_requester' | 'not_urgent' | 'too_early' | 'not_on_call';

export type Emergency = {
  ticket: { severity: Severity; state: TicketState; isOwnedByAnother: boolean } | null;
  isOnCall: boolean;
};

/** One person alone: on call, the gravest kind of ticket, and nobody has answered for ten minutes. */
export function findGlassRefusal(
  override: OverrideRow,
  breaking: { personId: number; seenHash: string; now: Date } & Emergency,
): GlassRefusal | null {
  if (breaking.personId !== override.requestedBy) return 'not_requester';
  const refusal = findApprovalRefusal(override, breaking);
  if (refusal !== null && refusal !== 'requester') return refusal;
  if (!breaking.isOnCall) return 'not_on_call';
  if (!isUrgent(breaking.ticket)) return 'not_urgent';
  const unansweredMs = breaking.now.getTime() - override.requestedAt.getTime();
  return unansweredMs < UNANSWERED_MS ? 'too_early' : null;
}

/** Somebody else who has the ticket could approve. */
function isUrgent(ticket: Emergency['ticket']): boolean {
  if (ticket === null || ticket.severity !== 'P1' || ticket.isOwnedByAnother) return false;
  return ticket.state === 'open' || ticket.state === 'acknowledged';
}
