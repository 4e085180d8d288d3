import type { InlineKeyboardButton } from '@grammyjs/types';
import { whyOpened } from '../../escalation/breaker-words.ts';
import type { TicketBreaker } from '../../escalation/ticket-view.ts';
import type { BreakerState } from '../../platform/schema.ts';
import { formatBreakerButton } from '../buttons/button-data.ts';
import type { Order } from '../words/breaker-words.ts';
import { clockTime, oneLine } from '../words/line-words.ts';
import { countWords } from './count-words.ts';

/** What stands on the card of a breaker's ticket: pure. */

const CARD_WORDS: Record<BreakerState, string> = {
  closed: 'CLOSED',
  open: 'OPEN',
  half_open: 'HALF-OPEN',
  forced_open: 'OPEN (forced)',
  forced_closed: 'HELD CLOSED',
};

/** `breaker activation OPEN` */
export function breakerWords({ name, state }: Pick<TicketBreaker, 'name' | 'state'>): string {
  return `breaker ${oneLine(name, 80)} ${CARD_WORDS[state]}`;
}

/** Who waits; since when and until when; why. A closed one has nobody waiting behind it. */
export function breakerLines(breaker: TicketBreaker, now: Date): string[] {
  const why = breaker.opening ? [`why: ${oneLine(whyOpened(breaker.opening), 300)}`] : [];
  return [[...waitingWords(breaker), timesWords(breaker, now)].join(' · '), ...why];
}

function waitingWords({ state, waiting, people }: TicketBreaker): string[] {
  if (state === 'closed') return [];
  if (waiting + people === 0) return ['nothing waits'];
  const events = `${countWords(waiting)} ${waiting === 1 ? 'event' : 'events'} waiting`;
  const persons = people === 1 ? '1 person waiting' : `${countWords(people)} people waiting`;
  return [...(waiting === 0 ? [] : [events]), ...(people === 0 ? [] : [persons])];
}

function timesWords(breaker: TicketBreaker, now: Date): string {
  const since = `since ${clockTime(breaker.since, now)} UTC`;
  const end = endWords(breaker, now);
  return end === null ? since : `${since} · ${end}`;
}

function endWords({ state, forcedUntil, nextProbeAt }: TicketBreaker, now: Date): string | null {
  if (state === 'closed') return null;
  if (state === 'forced_open' || state === 'forced_closed')
    return forcedUntil === null ? 'no end' : `until ${clockTime(forcedUntil, now)} UTC`;
  if (state === 'half_open' && (nextProbeAt === null || nextProbeAt <= now)) return 'probing now';
  return nextProbeAt === null ? null : `next probe ${clockTime(nextProbeAt, now)} UTC`;
}

/** What usually helps. */
export function breakerAdvice({ name, state }: TicketBreaker, deadEvents: number): string {
  const callee = oneLine(name, 60);
  switch (state) {
    case 'closed':
      return deadEvents > 0 ? `${callee} answers again: press Retry for what was given up` : 'nothing, it has closed';
    case 'open':
    case 'half_open':
      return `mend ${callee}; probes close it by themselves, and what waits costs no try`;
    case 'forced_open':
      return `nothing is called until somebody releases it; what waits costs no try`;
    case 'forced_closed':
      return `it is called whatever fails; release it when ${callee} is well`;
  }
}

/** How long the button holds; a longer one is typed. */
export const HOLD_BUTTON_MS = 10 * 60 * 1000;

const BUTTON_WORDS: Record<Order, string> = {
  trip: '⛔ Trip',
  release: '🩺 Release: probe first',
  reset: '♻️ Reset',
  hold: '✊ Hold 10 min',
};

/** The orders that change something in this state, the careful ones first. */
const ORDERS_OF: Record<BreakerState, Order[]> = {
  closed: ['trip', 'hold'],
  open: ['reset', 'hold', 'trip'],
  half_open: ['reset', 'hold', 'trip'],
  forced_open: ['release', 'reset', 'hold'],
  forced_closed: ['release', 'trip'],
};

export function breakerButtons(
  ticketId: number,
  { state, epoch }: Pick<TicketBreaker, 'state' | 'epoch'>,
): InlineKeyboardButton[][] {
  const button = (order: Order) => ({
    text: order === 'release' && state === 'forced_closed' ? '🩺 Release' : BUTTON_WORDS[order],
    callback_data: formatBreakerButton({ ticketId, order, epoch }),
  });
  return [ORDERS_OF[state].map(button)];
}
