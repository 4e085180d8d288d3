import type { InlineKeyboardMarkup } from '@grammyjs/types';
import { ticketName } from '../../escalation/ticket-view.ts';
import type { ReviewRefusal } from '../../override/approve.ts';
import type { DecisionRefusal, GlassRefusal, RequestRefusal } from '../../override/override-decision.ts';
import type { OverrideDeps } from '../../override/override-deps.ts';
import type { Override } from '../../override/override-store.ts';
import { overrideName, utcTime } from '../../override/override-words.ts';
import { maskUserId } from '../../platform/scrub.ts';
import type { BotDeps, Scope } from '../bot-context.ts';
import { formatOverrideButton, type OverrideAction } from '../buttons/override-button-data.ts';
import type { Picture } from '../cards/card-text.ts';
import { clockTime, exactWords, oneLine } from './line-words.ts';

export function overrideDepsOf(deps: BotDeps): OverrideDeps {
  const { db, plans, wake } = deps;
  return { db, plans, wake, ...deps.overrides };
}

export function requestedWords({ overrideId, approveUntil }: { overrideId: number; approveUntil: Date }): string {
  return `🛠 ${overrideName(overrideId)} is asked for. Somebody else must approve it before ${utcTime(approveUntil)}, in the engineering chat or with /approvals. You will be told here.`;
}

const REQUEST_REFUSALS: Record<RequestRefusal, string> = {
  unreadable: '🤔 Something in it cannot be stored. Type it again without special characters.',
  reason_missing: '🤔 A reason is needed.',
  feature_unknown: '🤔 No plan has this feature.',
  until_past: '🤔 Its end has passed.',
  until_too_far: '🤔 It would last longer than 31 days.',
  customer_unconfirmed: '🤔 This customer is unknown: their id must be typed twice.',
  already_active: '👌 The customer has this feature already.',
  already_open: '⏳ A request for this customer is open already: /approvals shows it.',
  limit_hour: '✋ That is your fourth request within an hour; three are allowed. Ask a colleague, or wait.',
  limit_day: '✋ That is your eleventh request within a day; ten are allowed. Ask a colleague.',
  ticket_unknown: '🔎 There is no such ticket.',
  payment_of_another: '🤔 The provider says that somebody else has made this payment.',
  factor_missing: '🔐 This needs a code of your authenticator.',
};

export function requestRefusalWords(why: RequestRefusal): string {
  return `${REQUEST_REFUSALS[why]} Nothing was changed.`;
}

const DECISION_REFUSALS: Record<DecisionRefusal | GlassRefusal | ReviewRefusal, string> = {
  unknown: '🔎 There is no such request.',
  decided: '👌 That is decided already.',
  expired: '⌛ It has expired: it had to be approved within 15 minutes.',
  changed: '⚠ It is not what you were shown any more.',
  requester: '🔒 You have asked for it yourself: somebody else must look at it.',
  factor_missing: '🔐 This needs a code of your authenticator.',
  not_requester: '🔒 Only who asked for it can break the glass; you can approve it.',
  not_urgent: '🔒 The glass is for a P1 ticket that nobody else has.',
  too_early: '✋ Not before it has stood unanswered for 10 minutes.',
  not_on_call: '🔒 Only who is on call can break the glass.',
  no_glass: '👌 A second person has approved this: there is nothing to review.',
  reviewed: '👌 That is reviewed already.',
};

export function decisionRefusalWords(why: DecisionRefusal | GlassRefusal | ReviewRefusal): string {
  return `${DECISION_REFUSALS[why]} Nothing was changed.`;
}

/** The message that asks for a second person, and tells afterwards what became of it. In the group the customer is masked. */
export function renderApproval(override: Override, scope: Scope, now: Date): Picture {
  const text = [headOf(override), ...paramLines(override, scope), ...standLines(override, now)].join('\n');
  return { text, entities: [], keyboard: { inline_keyboard: approvalButtons(override) } };
}

function headOf({ id, state }: Override): string {
  return `🛠 ${overrideName(id)} · ${STATE_WORDS[state]}`;
}

const STATE_WORDS: Record<Override['state'], string> = {
  requested: 'WAITS FOR A SECOND PERSON',
  approved: 'APPROVED',
  executed: 'CARRIED OUT · A DEBT',
  reconciled: 'CONFIRMED',
  reverted: 'TAKEN BACK',
  refused: 'REFUSED',
  expired: 'EXPIRED',
};

/** What is approved, each of it. */
export function paramLines(override: Override, scope: Scope): string[] {
  const { userId, feature, until, payment, ticketId, reason, evidence } = override;
  const customer = scope === 'group' ? maskUserId(oneLine(userId, 120)) : exactWords(userId);
  const told = (text: string, lengthMax: number) =>
    oneLine(scope === 'group' ? hideUser(text, userId) : text, lengthMax);
  return [
    `${customer} gets ${oneLine(feature, 60)} until ${utcTime(until)}`,
    ...(payment === null
      ? ['no payment is known']
      : [`payment ${told(`${payment.provider} ${payment.transactionId}`, 120)}`]),
    ...(ticketId === null ? [] : [`ticket ${ticketName(ticketId)}`]),
    `reason: ${told(reason, 500)}`,
    ...(evidence === null ? [] : [`evidence: ${told(evidence, 500)}`]),
  ];
}

/** Who gives a reason often names the customer in it. */
function hideUser(text: string, userId: string): string {
  const named = new RegExp(`(?<![\\p{L}\\p{N}])${RegExp.escape(userId)}(?![\\p{L}\\p{N}])`, 'gu');
  return text.replace(named, () => maskUserId(userId));
}

function standLines(override: Override, now: Date): string[] {
  const asked = `asked for by ${oneLine(override.requestedName, 64)} at ${clockTime(override.requestedAt, now)} UTC`;
  return [asked, ...decisionLines(override, now), ...debtLines(override)];
}

function decisionLines(override: Override, now: Date): string[] {
  const { state, decidedName, breakGlass, approveUntil } = override;
  const by = oneLine(decidedName ?? 'somebody', 64);
  if (state === 'requested')
    return [`Next: somebody else approves exactly this before ${clockTime(approveUntil, now)} UTC`];
  if (state === 'refused') return [`refused by ${by}: nothing was changed`];
  if (state === 'expired') return ['nobody approved it in time: nothing was changed'];
  return [breakGlass ? `🚨 carried out by ${by} alone${reviewWords(override, now)}` : `approved by ${by}`];
}

function reviewWords({ reviewedName, reviewUntil }: Override, now: Date): string {
  if (reviewedName !== null) return `, reviewed by ${oneLine(reviewedName, 64)}`;
  return reviewUntil === null ? '' : `, to be reviewed before ${clockTime(reviewUntil, now)} UTC`;
}

function debtLines({ state, settledName, settledReason, tellError, toldAt }: Override): string[] {
  if (state === 'executed' && toldAt === null && tellError !== null)
    return [`⚠ the product has not accepted it yet: ${oneLine(tellError, 80)}`];
  if (state !== 'reconciled' && state !== 'reverted') return [];
  const by = settledName === 'itself' ? 'by itself' : `by ${oneLine(settledName ?? 'somebody', 64)}`;
  return [`${state === 'reconciled' ? 'confirmed' : 'taken back'} ${by}: ${oneLine(settledReason ?? '', 120)}`];
}

function approvalButtons(override: Override): InlineKeyboardMarkup['inline_keyboard'] {
  return listActions(override).map((row) => row.map(([label, action]) => toButton(label, action, override)));
}

type Labelled = [string, OverrideAction];

/** What can be done about it, in rows. */
function listActions({ state, breakGlass, reviewedBy }: Override): Labelled[][] {
  if (state === 'requested')
    return [
      [
        ['✅ Approve', 'approve'],
        ['❌ Refuse', 'refuse'],
      ],
    ];
  const review: Labelled[] = breakGlass && reviewedBy === null ? [['👀 Reviewed', 'review']] : [];
  if (state !== 'executed') return review.length ? [review] : [];
  return [
    [
      ['🧾 Payment confirmed', 'reconcile'],
      ['↩️ Take back', 'revert'],
    ],
    ...(review.length ? [review] : []),
  ];
}

function toButton(label: string, action: OverrideAction, { id, paramsHash }: Override) {
  return { text: label, callback_data: formatOverrideButton({ overrideId: id, action, hash: paramsHash }) };
}

/** The same with the override's name, for a list of several. */
export function namedButtons(override: Override): InlineKeyboardMarkup['inline_keyboard'] {
  return listActions(override).map((row) =>
    row.map(([label, action]) => toButton(`${label} ${overrideName(override.id)}`, action, override)),
  );
}

export function glassButton(override: Override) {
  return toButton(`🚨 Break the glass ${overrideName(override.id)}`, 'glass', override);
}

/** One debt in the list. */
export function debtLine(override: Override, now: Date): string {
  const { id, userId, feature, until, payment, breakGlass, reviewedBy } = override;
  const end = until > now ? `ends ${utcTime(until)}` : `ended ${utcTime(until)}`;
  const paid = payment === null ? 'no payment known' : `${payment.provider} ${payment.transactionId}`;
  const glass = breakGlass && reviewedBy === null ? ' · 🚨 not reviewed' : '';
  return `${overrideName(id)} · ${exactWords(userId)} · ${feature} · ${end} · ${paid}${glass}${debtLines(override)
    .map((line) => ` · ${line}`)
    .join('')}`;
}
