import type { TicketView } from '../../escalation/ticket-view.ts';
import type { VerifyAgainResult } from '../bot-context.ts';
import { stateWords } from '../words/breaker-words.ts';
import { clockTime, oneLine } from '../words/line-words.ts';

/** What is true of a ticket now, told to somebody whose button is older than that. */
export function truthWords(ticket: TicketView, now: Date): string {
  switch (ticket.state) {
    case 'open':
      return `${ticket.name} is open and nobody owns it.${lastAct(ticket, now)} The card has changed: look again.`;
    case 'acknowledged':
      return `${ownedWords(ticket, now)}.${lastAct(ticket, now)}`;
    case 'resolved':
      return `Resolved ${ticket.resolvedBy ? `by ${oneLine(ticket.resolvedBy, 64)}` : 'by itself'}${
        ticket.resolvedAt ? ` at ${clockTime(ticket.resolvedAt, now)}` : ''
      }.`;
    case 'snoozed':
      return `${ticket.name} is snoozed.${lastAct(ticket, now)} The card has changed: look again.`;
    case 'merged':
      return `${ticket.name} went on under another ticket. Its card says which.`;
  }
}

/** Why a ticket cannot be resolved yet. */
export function tooEarlyWords({ name, dependency, breaker }: TicketView): string {
  const state = breaker ? stateWords(breaker.state) : 'not closed';
  return `The breaker of ${dependency} is ${state}: ${name} stays open until it has closed. Nothing was done.`;
}

/** Whoever has it has acknowledged it, or was given it. */
function ownedWords(ticket: TicketView, now: Date): string {
  const line = ticket.log.findLast(({ kind }) => kind === 'acknowledge' || kind === 'handover');
  if (line?.kind === 'handover') return `Handed over to ${owner(ticket)}${atTime(ticket, 'handover', now)}`;
  return `Acknowledged by ${owner(ticket)}${atTime(ticket, 'acknowledge', now)}`;
}

const SAID_BY_STATE = ['acknowledge', 'handover'];
const ACTS = ['release', 'snooze', 'escalate', 'confirm', 'severity', 'reopen', 'lapsed', 'woke'];

/** What was done since, by whom and when: the state alone does not tell it. */
function lastAct(ticket: TicketView, now: Date): string {
  const line = ticket.log.findLast(({ kind }) => ACTS.includes(kind) || SAID_BY_STATE.includes(kind));
  if (!line || SAID_BY_STATE.includes(line.kind)) return '';
  const [first = '', ...rest] = oneLine(line.text, 80);
  return ` ${first.toUpperCase()}${rest.join('')} at ${clockTime(line.at, now)}.`;
}

function owner(ticket: TicketView): string {
  return oneLine(ticket.ownerName ?? 'somebody', 64);
}

function atTime(ticket: TicketView, kind: string, now: Date): string {
  const line = ticket.log.findLast((candidate) => candidate.kind === kind);
  return line ? ` at ${clockTime(line.at, now)}` : '';
}

/** What somebody did to a ticket. */
export type ActWord =
  | 'ack'
  | 'resolve'
  | 'reopen'
  | 'confirm'
  | 'release'
  | 'handover'
  | 'snooze'
  | 'escalate'
  | 'severity'
  | 'merge';

/** What an act that was done says to who pressed. */
export function doneWords(action: ActWord, ticket: TicketView): string {
  switch (action) {
    case 'confirm':
      return `✋ ${ticket.name} is still yours${ticket.duty?.ownerUntil ? `, until ${timeOf(ticket.duty.ownerUntil)} UTC` : ''}.`;
    case 'release':
      return `↪️ ${ticket.name} is yours no more; the on-call is called.`;
    case 'handover':
      return `🤝 ${ticket.name} is ${oneLine(ticket.ownerName ?? 'somebody', 64)}’s now.`;
    case 'snooze':
      return `⏸ ${ticket.name} is quiet${ticket.duty?.snoozedUntil ? ` until ${timeOf(ticket.duty.snoozedUntil)} UTC` : ''}.`;
    case 'escalate':
      return `⬆ ${ticket.name}: ${lastWords(ticket, 'escalate')}.`;
    case 'severity':
      return `🎚 ${ticket.name}: ${lastWords(ticket, 'severity')}.`;
    case 'merge':
      return `🔗 ${ticket.name}: ${lastWords(ticket, 'merge')}.`;
    case 'ack':
      return `👀 ${ticket.name} is yours now.`;
    case 'resolve':
      return `✅ ${ticket.name} is resolved${settledWords(ticket)}.`;
    case 'reopen':
      return `↩️ ${ticket.name} is open again.`;
  }
}

function timeOf(at: Date): string {
  return at.toISOString().slice(11, 16);
}

function lastWords(ticket: TicketView, kind: string): string {
  return oneLine(ticket.log.findLast((line) => line.kind === kind)?.text ?? 'done', 120);
}

function settledWords(ticket: TicketView): string {
  const line = ticket.log.findLast((candidate) => candidate.kind === 'resolve');
  const settled = /(\d+) settled/.exec(line?.text ?? '')?.[1];
  return settled ? `; ${settled} settled without a retry` : '';
}

export function paymentsWords(count: number): string {
  return count === 1 ? '1 payment' : `${count.toLocaleString('en-US')} payments`;
}

export function verifiedWords({ tried, accepted, stillRefused, causes }: VerifyAgainResult): string {
  if (tried === 0) return 'Nothing is left to verify: raw webhooks are kept for seven days.';
  const reasons = Object.entries(causes)
    .map(([cause, count]) => `${oneLine(cause, 40)} ${count}`)
    .join(', ');
  if (stillRefused === 0) return `🔏 All ${accepted} are right now and have been taken in.`;
  return `🔏 ${accepted} of ${tried} are right now; ${stillRefused} still refused (${reasons}).`;
}
