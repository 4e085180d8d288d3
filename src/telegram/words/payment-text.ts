import { FormattedString, fmt } from '@grammyjs/parse-mode';
import type { EntitlementView } from '../../api/entitlement-view.ts';
import type { AttemptView, EventView } from '../../api/event-view.ts';
import type { PaymentStatus } from '../../api/payment-status.ts';
import type { PaymentView } from '../../api/payment-view.ts';
import { formatMoney } from '../../ledger/money.ts';
import type { AttemptOutcome, DeadReason } from '../../platform/schema.ts';
import { maskUserId, scrubText } from '../../platform/scrub.ts';
import { clockTime, oneLine } from './line-words.ts';

export type PaymentAudience = {
  now: Date;
  /** In the group user ids are masked and an error is its class and status; in private everything is told. */
  isGroup: boolean;
  /** Features whose latest state the product has not accepted yet; null when there is no product to tell. */
  untold: string[] | null;
};

/** One payment as a person wants it: what the provider says, what the customer has, what we did, and what to do next. */
export function renderPayment(view: PaymentView, audience: PaymentAudience): FormattedString {
  const lines = [
    fmt`💳 ${FormattedString.bold(`${idWords(view.provider)} · `)}${FormattedString.code(idWords(view.transactionId))}`,
    fmt`${providerWords(view, audience)}`,
    fmt`${customerWords(view, audience)}`,
    ...view.events.flatMap((event, i) => eventLines(event, i + 1, audience)),
    ...ticketLine(view),
    fmt`${FormattedString.bold('Next:')} ${nextWords(view, audience)}`,
  ];
  return FormattedString.join(lines, '\n');
}

/** An event of this payment lies in the dead letters: only a person gets it going again. */
export function canBeRetried(view: PaymentView): boolean {
  return view.events.some((event) => event.state === 'dead');
}

const STATUS_WORDS: Record<PaymentStatus, string> = {
  pending: '⏳ payment pending',
  failed: '❌ payment failed',
  succeeded: '✅ paid',
  partially_refunded: '↩️ paid, partly refunded',
  refunded: '↩️ refunded',
  disputed: '⚠️ disputed',
  dispute_lost: '⚠️ dispute lost',
  unknown: '❔ nothing about the money yet',
};

function providerWords(view: PaymentView, { now }: PaymentAudience): string {
  const first = view.events[0];
  const parts = [
    STATUS_WORDS[view.status],
    view.amountMinor === null ? null : formatMoney(view.amountMinor, view.currency),
    view.country === null ? null : `payer in ${oneLine(view.country, 12)}`,
    first ? `first heard ${clockTime(first.receivedAt, now)} UTC` : null,
  ];
  return `${idWords(view.provider)} says: ${parts.filter((part) => part !== null).join(' · ')}`;
}

function customerWords(view: PaymentView, audience: PaymentAudience): string {
  if (view.userId === null) return '👤 Customer: not known yet';
  const name = audience.isGroup ? maskUserId(visible(view.userId, ID_LENGTH_MAX)) : visible(view.userId, ID_LENGTH_MAX);
  return `👤 Customer ${name}: ${featureWords(view.entitlements, audience)}`;
}

function featureWords(features: EntitlementView[], audience: PaymentAudience): string {
  if (features.length === 0) return '🔒 nothing unlocked';
  return features
    .map((feature) => `${oneFeatureWords(feature, audience.now)}${toldWords(feature, audience)}`)
    .join('; ');
}

function oneFeatureWords({ feature, active, since, until }: EntitlementView, now: Date): string {
  const name = oneLine(feature, 60);
  if (!active) return `🔒 ${name} is not active`;
  const end = until === null ? 'with no end' : `until ${clockTime(until, now)} UTC`;
  return `🔓 ${name} is active since ${clockTime(since, now)}, ${end}`;
}

function toldWords({ feature }: EntitlementView, { untold }: PaymentAudience): string {
  if (untold === null) return '';
  return untold.includes(feature) ? ' (the product has not accepted it yet)' : ' (the product knows)';
}

const ATTEMPTS_AT_START = 3;
const ATTEMPTS_AT_END = 7;

function eventLines(event: EventView, position: number, audience: PaymentAudience): FormattedString[] {
  const head = `${position}. ${oneLine(event.kind.replaceAll('_', ' '), 60)}`;
  const marks = [event.late ? 'came late' : null, conflictWords(event)].filter((mark) => mark !== null);
  const received = [`received ${clockTime(event.receivedAt, audience.now)}`, ...marks].join(', ');
  return [
    fmt``,
    fmt`${FormattedString.bold(head)} · ${received} · ${stateWords(event, audience.now)}`,
    ...attemptLines(event.attempts, audience),
  ];
}

function conflictWords({ conflicts }: EventView): string | null {
  if (conflicts === 0) return null;
  return conflicts === 1 ? 'came once more with other contents' : `came ${conflicts} times more with other contents`;
}

const DEAD_WORDS: Record<DeadReason, string> = {
  permanent: 'gave up: it was refused',
  transient_exhausted: 'gave up: it kept failing',
  malformed: 'gave up: it could not be read',
  crashed: 'gave up: it kept crashing the worker',
};

function stateWords(event: EventView, now: Date): string {
  switch (event.state) {
    case 'pending':
      return '⏳ waiting for its first try';
    case 'processing':
      return '⏳ being tried right now';
    case 'retrying':
      return `⏳ failed so far${event.nextTryAt ? `, next try ${clockSeconds(event.nextTryAt, now)}` : ''}`;
    case 'applied':
      return '✅ applied';
    case 'ignored':
      return '➖ nothing to do for it';
    case 'overridden':
      return '🛠 settled by hand';
    case 'dead':
      return `❌ ${event.reason ? DEAD_WORDS[event.reason] : 'gave up'}`;
  }
}

function attemptLines(attempts: AttemptView[], audience: PaymentAudience): FormattedString[] {
  const line = (attempt: AttemptView) => fmt`   ${attemptWords(attempt, audience)}`;
  if (attempts.length <= ATTEMPTS_AT_START + ATTEMPTS_AT_END) return attempts.map(line);
  const left = attempts.length - ATTEMPTS_AT_START - ATTEMPTS_AT_END;
  return [
    ...attempts.slice(0, ATTEMPTS_AT_START).map(line),
    fmt`   … ${left} more …`,
    ...attempts.slice(-ATTEMPTS_AT_END).map(line),
  ];
}

const OUTCOME_WORDS: Record<AttemptOutcome, string> = {
  ok: 'worked',
  transient: 'failed for now',
  permanent: 'refused it',
  throttled: 'asked us to wait',
  handed_back: 'handed it back',
};

function attemptWords(attempt: AttemptView, { now, isGroup }: PaymentAudience): string {
  const status = attempt.httpStatus === null ? '' : `, HTTP ${attempt.httpStatus}`;
  const error = isGroup || attempt.error === null ? '' : `: ${oneLine(attempt.error, 300)}`;
  const next = attempt.delayMs === null ? '' : ` → again after ${durationWords(attempt.delayMs)}`;
  const what = `try ${attempt.n}, ${oneLine(attempt.dependency, 60)} ${OUTCOME_WORDS[attempt.outcome]}${status}`;
  return `${clockSeconds(attempt.startedAt, now)} ${what}${error}${next}`;
}

function ticketLine({ ticket }: PaymentView): FormattedString[] {
  if (ticket === null) return [fmt``];
  const owner = ticket.owner === null ? 'nobody owns it' : `owner ${oneLine(ticket.owner, 64)}`;
  return [fmt``, fmt`🎫 ${FormattedString.bold(ticket.id)} · ${ticket.severity} · ${ticket.state} · ${owner}`];
}

function nextWords(view: PaymentView, { now, isGroup }: PaymentAudience): string {
  if (canBeRetried(view)) return retryWords(view, isGroup);
  const waiting = view.events.find((event) => event.state === 'retrying' && event.nextTryAt !== null);
  if (waiting) return `wait, it is tried again by itself at ${clockSeconds(waiting.nextTryAt!, now)} UTC`;
  if (view.events.some((event) => event.state === 'pending' || event.state === 'processing'))
    return 'wait a moment, it is under way';
  if (view.ticket && view.ticket.state !== 'resolved') return `/ticket ${view.ticket.id}`;
  return 'nothing to do, everything was applied';
}

/** What was refused for good is refused again until somebody has mended it. */
function retryWords(view: PaymentView, isGroup: boolean): string {
  const isRefused = view.events.some((event) => event.state === 'dead' && event.reason === 'permanent');
  const retry = `/retry ${idWords(view.transactionId)}${isGroup ? ' in our private chat' : ''}`;
  return isRefused ? `once what is refused is mended, ${retry}` : retry;
}

/** `12:04:01`, or with the day when it was not today; the seconds tell tries apart. */
function clockSeconds(at: Date, now: Date): string {
  return `${clockTime(at, now)}:${at.toISOString().slice(17, 19)}`;
}

export function durationWords(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 90_000) return `${Math.round(ms / 100) / 10} s`;
  return `${Math.round(ms / 60_000)} min`;
}

const ID_LENGTH_MAX = 255;

/** An id as people read it. Scrubbed together with a word: six digits that stand alone would pass for a one-time code. */
export function idWords(id: string, lengthMax = ID_LENGTH_MAX): string {
  return scrubText(`id ${visible(id, lengthMax)}`).slice(3);
}

function visible(text: string, lengthMax: number): string {
  const shown = text
    .toWellFormed()
    .replace(/\s+/g, ' ')
    .replace(/[\p{Cc}\p{Cf}\p{Co}]/gu, '');
  return Array.from(shown.trim()).slice(0, lengthMax).join('');
}
