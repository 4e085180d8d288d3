import { createHash } from 'node:crypto';
import { FormattedString, fmt } from '@grammyjs/parse-mode';
import type { InlineKeyboardButton, InlineKeyboardMarkup, MessageEntity } from '@grammyjs/types';
import { isBreakerFamily, isRejection } from '../../escalation/fingerprint.ts';
import type { TicketLogLine, TicketView } from '../../escalation/ticket-view.ts';
import { formatMoney } from '../../ledger/money.ts';
import type { Severity, TicketState } from '../../platform/schema.ts';
import { clockTime, oneLine } from '../words/line-words.ts';
import { breakerAdvice, breakerButtons, breakerLines, breakerWords } from './breaker-card.ts';
import { countWords, roundDownAmount } from './count-words.ts';
import { dutyButtons, dutyWords } from './duty-card.ts';

/** A message as it should be: what is sent, and compared to find out whether an edit would change anything. */
export type Picture = { text: string; entities: MessageEntity[]; keyboard: InlineKeyboardMarkup };

/**
 * The card of a ticket. Words first and colour beside them; clock times and rounded counts, so that nothing goes out of date by
 * itself; no user ids. Every part has its longest length, so the whole stays far below Telegram's 4,096 characters.
 */
export function renderCard(ticket: TicketView, now: Date): Picture {
  const lines = [
    fmt`${FormattedString.bold(firstLine(ticket))}`,
    ...drillLines(ticket),
    causeLine(ticket),
    ownerLine(ticket, now),
    ...impactLines(ticket, now),
    silencedLine(ticket),
    sampleLine(ticket),
    ownerlessLine(ticket, now),
    resolutionLine(ticket, now),
    adviceLine(ticket),
    ...storyLines(ticket, now),
  ].filter((line) => line !== null);
  const { text, entities } = FormattedString.join(lines, '\n');
  return { text, entities, keyboard: renderKeyboard(ticket) };
}

/** Equal hashes: editing the one into the other changes nothing, and Telegram would refuse it. */
export function hashPicture(picture: Picture): string {
  return createHash('sha256').update(JSON.stringify(picture)).digest('base64url').slice(0, 22);
}

/** What failed and how, without anything that belongs to a customer: `stripe → activation: HTTP 503`, or `breaker activation`. */
export function causeWords(ticket: Pick<TicketView, 'source' | 'dependency' | 'errorFamily'>): string {
  if (isBreakerFamily(ticket.errorFamily)) return `breaker ${oneLine(ticket.dependency ?? '', 120)}`;
  const way = ticket.dependency === null ? ticket.source : `${ticket.source} → ${ticket.dependency}`;
  return `${oneLine(way, 120)}: ${oneLine(ticket.errorFamily, 80)}`;
}

const STATE_WORDS: Record<TicketState, string> = {
  open: 'UNACKNOWLEDGED',
  acknowledged: 'ACKNOWLEDGED',
  snoozed: 'SNOOZED',
  resolved: 'RESOLVED',
  // Its work goes on under another number, which the story tells.
  merged: 'RESOLVED',
};

const COLOURS: Record<Severity, string> = { P1: '🔴', P2: '🟠', P3: '🟡', P4: '🔵' };

function firstLine(ticket: TicketView): string {
  return `${ticket.severity} · ${STATE_WORDS[ticket.state]} · ${ticket.name}`;
}

/** Nobody may take it for a failure, from whatever part of the card they read. */
function drillLines(ticket: TicketView): FormattedString[] {
  return isDrill(ticket) ? [fmt`${FormattedString.bold('🧪 DRILL: nothing has failed, nobody waits')}`] : [];
}

/** Made up by a person, to see that the chat and the timers work. */
function isDrill({ source }: Pick<TicketView, 'source'>): boolean {
  return source === 'drill';
}

function causeLine(ticket: TicketView): FormattedString {
  return fmt`${ticket.breaker ? breakerWords(ticket.breaker) : causeWords(ticket)}`;
}

/** Who has it, and what happens next if nobody does anything. */
function ownerLine(ticket: TicketView, now: Date): FormattedString | null {
  const { ownerName, duty } = ticket;
  if (ownerName === null) return null;
  return fmt`owner ${join([oneLine(ownerName, 64), ...(duty === null ? [] : dutyWords(duty, now))])}`;
}

/** While nobody has it, what has failed is told first, and here who is called next. */
function ownerlessLine({ ownerName, duty }: TicketView, now: Date): FormattedString | null {
  return ownerName !== null || duty === null ? null : fmt`owner ${join(['–', ...dutyWords(duty, now)])}`;
}

function impactLines(ticket: TicketView, now: Date): FormattedString[] {
  const colour = isDone(ticket) ? '✅' : COLOURS[ticket.severity];
  if (!ticket.breaker) {
    const parts = [failuresWords(ticket), peopleWords(ticket), moneyWords(ticket)];
    return [fmt`${colour} ${join(parts)}`, timesLine(ticket, now)];
  }
  const [first = '', ...lines] = breakerLines(ticket.breaker, now);
  const failed = ticket.failures === 0 ? [] : [join([failuresWords(ticket), moneyWords(ticket)])];
  return [fmt`${colour} ${first}`, ...[...lines, ...failed].map((line) => fmt`${line}`)];
}

function join(parts: (string | null)[]): string {
  return parts.filter((part) => part !== null).join(' · ');
}

function failuresWords(ticket: TicketView): string {
  const ending = ticket.failures === 1 ? '' : 's';
  return `${countWords(ticket.failures)} ${failureNoun(ticket)}${ending}${ticket.breaker ? ' failed by it' : ''}`;
}

function failureNoun(ticket: TicketView): string {
  if (isRefusal(ticket)) return 'refusal';
  if (ticket.stage === 'telegram') return 'update';
  return ticket.stage === 'operations' || ticket.stage === 'provider' ? 'finding' : 'payment';
}

function peopleWords(ticket: TicketView): string | null {
  if (ticket.peopleWaiting === 0) return null;
  return ticket.peopleWaiting === 1 ? '1 person waiting' : `${countWords(ticket.peopleWaiting)} people waiting`;
}

const CURRENCIES_SHOWN = 3;

function moneyWords(ticket: TicketView): string | null {
  const sums = ticket.moneyAtRisk.filter((sum) => sum.amountMinor > 0).slice(0, CURRENCIES_SHOWN);
  if (sums.length === 0) return null;
  const rounded = ticket.failures > 10;
  const words = sums.map(({ amountMinor, currency }) => {
    const amount = formatMoney(rounded ? roundDownAmount(amountMinor) : amountMinor, currency);
    return rounded ? `${oneLine(amount, 40)}+` : oneLine(amount, 40);
  });
  return `${words.join(', ')} at risk`;
}

function timesLine(ticket: TicketView, now: Date): FormattedString {
  const times = `first ${clockTime(ticket.firstFailureAt, now)} · last ${clockTime(ticket.lastFailureAt, now)} UTC`;
  const countries = countryWords(ticket.countries);
  return fmt`${countries ? `${times} · from ${countries}` : times}`;
}

const COUNTRIES_SHOWN = 3;

function countryWords(countries: Record<string, number>): string {
  return Object.entries(countries)
    .sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1))
    .slice(0, COUNTRIES_SHOWN)
    .map(([country, count]) => `${oneLine(country, 12)} ${countWords(count)}`)
    .join(', ');
}

/** What the outage explains has no cards of its own while it lasts. */
function silencedLine(ticket: TicketView): FormattedString | null {
  if (ticket.silenced === 0 || isDone(ticket)) return null;
  return ticket.silenced === 1
    ? fmt`🔕 1 more ticket by this has no card meanwhile: /tickets`
    : fmt`🔕 ${countWords(ticket.silenced)} more tickets by this have no card meanwhile: /tickets`;
}

function sampleLine(ticket: TicketView): FormattedString | null {
  if (ticket.sampleTransaction === null) return null;
  // Scrubbed together with its words: a transaction id of six digits, standing alone, would pass for a one-time code.
  const [, sample = ''] = oneLine(`e.g. ${ticket.sampleTransaction}`, 70).split(/^e\.g\. ?/);
  return sample === '' ? null : fmt`e.g. ${FormattedString.code(sample)}`;
}

function resolutionLine(ticket: TicketView, now: Date): FormattedString | null {
  if (ticket.state !== 'resolved' || ticket.resolvedAt === null) return null;
  const who = ticket.resolvedBy === null ? 'by itself' : `by ${oneLine(ticket.resolvedBy, 64)}`;
  return fmt`resolved ${clockTime(ticket.resolvedAt, now)} UTC ${who}`;
}

function adviceLine(ticket: TicketView): FormattedString | null {
  const advice = isDone(ticket) ? null : adviceFor(ticket);
  return advice === null ? null : fmt`Next: ${advice}`;
}

function adviceFor(ticket: TicketView): string {
  if (isDrill(ticket))
    return ticket.state === 'acknowledged' ? 'nothing, it ends by itself' : 'press Acknowledge, as if it were real';
  if (ticket.breaker) return breakerAdvice(ticket.breaker, ticket.deadEvents);
  const source = oneLine(ticket.source, 60);
  const callee = oneLine(ticket.dependency ?? ticket.source, 60);
  if (isRefusal(ticket)) return `check the signing secret of ${source}; once it is right, press Verify again`;
  if (ticket.stage === 'provider')
    return `check the signing secret of ${source} and what lies between; then Verify again on its tickets: /tickets`;
  if (ticket.errorFamily === 'conflict')
    return `one event id came with two contents: ask ${source} which is true, then Resolve`;
  if (ticket.errorFamily === 'malformed') return `could not be read: check the format set for ${source}, then Retry`;
  if (ticket.stage !== 'delivery') return 'Inspect shows what happened';
  if (ticket.deadEvents === 0) return 'being retried';
  if (isRejection(ticket.errorFamily))
    return `Inspect shows why ${callee} refuses them; press Retry once that is mended`;
  return `once ${callee} answers again, press Retry`;
}

const STORY_LINES = 3;

function storyLines(ticket: TicketView, now: Date): FormattedString[] {
  return ticket.log.slice(-STORY_LINES).map((line) => fmt`${FormattedString.italic(storyWords(line, now))}`);
}

function storyWords(line: TicketLogLine, now: Date): string {
  const text = oneLine(line.text, 160);
  const actor = line.actor === null || line.text.includes(line.actor) ? '' : `${oneLine(line.actor, 64)}: `;
  return `${clockTime(line.at, now)} ${actor}${text}`;
}

function renderKeyboard(ticket: TicketView): InlineKeyboardMarkup {
  const button = (text: string, action: string): InlineKeyboardButton => ({
    text,
    callback_data: `t:${ticket.id}:${action}:${ticket.stateRevision}`,
  });
  const timeline = button('📜 Timeline', 'timeline');
  const inspect = button('🔍 Inspect', 'inspect');
  if (ticket.state === 'merged') return { inline_keyboard: [[inspect]] };
  if (ticket.state === 'resolved') return { inline_keyboard: [[button('↩️ Reopen', 'reopen'), inspect, timeline]] };
  const first = [...stateButtons(ticket, button), inspect];
  const orders = ticket.breaker ? breakerButtons(ticket.id, ticket.breaker) : [];
  return {
    inline_keyboard: [first, mendButtons(ticket, button), ...dutyButtons(ticket, button), ...orders].filter(
      (row) => row.length > 0,
    ),
  };
}

/** What a breaker that is not closed stands for goes on, whoever has seen it: there is nothing to resolve yet. */
function stateButtons(
  ticket: TicketView,
  button: (text: string, action: string) => InlineKeyboardButton,
): InlineKeyboardButton[] {
  if (ticket.state !== 'acknowledged') return [button('👀 Acknowledge', 'ack')];
  const goesOn = ticket.breaker !== null && ticket.breaker.state !== 'closed';
  return goesOn ? [] : [button('✅ Resolve', 'resolve')];
}

function mendButtons(
  ticket: TicketView,
  button: (text: string, action: string) => InlineKeyboardButton,
): InlineKeyboardButton[] {
  const retryable = ticket.deadEvents > 0 || ticket.stage === 'delivery';
  return [
    ...(retryable ? [button(ticket.deadEvents > 1 ? '🔁 Retry…' : '🔁 Retry', 'retry')] : []),
    ...(isRefusal(ticket) ? [button('🔏 Verify again', 'verify')] : []),
    ...(retryable || isRefusal(ticket) ? [button('🛠 Override… ↗', 'override')] : []),
  ];
}

function isRefusal(ticket: TicketView): boolean {
  return ticket.errorFamily.startsWith('signature') || (ticket.refusals > 0 && ticket.deadEvents === 0);
}

function isDone(ticket: TicketView): boolean {
  return ticket.state === 'resolved' || ticket.state === 'merged';
}
