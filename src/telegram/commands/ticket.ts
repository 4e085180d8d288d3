import { FormattedString, fmt } from '@grammyjs/parse-mode';
import { findTicket, listTicketEvents, type TicketEvent } from '../../escalation/ticket-query.ts';
import type { TicketView } from '../../escalation/ticket-view.ts';
import type { Answer, BotDeps, Scope } from '../bot-context.ts';
import { renderCard } from '../cards/card-text.ts';
import { idWords } from '../words/payment-text.ts';
import { type Command, say, sayExample } from './command.ts';
import { parseTicketId } from './parse.ts';

const PAYMENTS_SHOWN = 5;

export const ticket: Command = {
  name: 'ticket',
  hint: 'One ticket and some of its payments',
  example: '/ticket T-1042',
  act: 'read',
  risk: 'R0',
  menus: ['group', 'private'],
  run: async (deps, request) => {
    const id = parseTicketId(request.args);
    if (id === null) return sayExample(ticket, 'Which ticket? Send its number.');
    const view = await findTicket(deps.db, id);
    return view
      ? showTicket(deps, view, request.scope)
      : say(`🔎 There is no ticket T-${id}. /tickets shows the open ones.`);
  },
};

/** The buttons come along in private only: in the group the card has them, and one card per ticket is enough. */
async function showTicket(deps: BotDeps, view: TicketView, scope: Scope): Promise<Answer> {
  const card = renderCard(view, deps.clock.now());
  const events = await listTicketEvents(deps.db, view.id, { limit: PAYMENTS_SHOWN + 1 });
  const text = FormattedString.join([new FormattedString(card.text, card.entities), ...paymentLines(events)], '\n');
  return scope === 'private' ? { text, keyboard: card.keyboard } : { text };
}

function paymentLines(events: TicketEvent[]): FormattedString[] {
  if (events.length === 0) return [];
  const lines = events.slice(0, PAYMENTS_SHOWN).map((event) => {
    const name = event.transactionId === null ? `event ${event.provider}.${event.id}` : event.transactionId;
    return fmt`${FormattedString.code(idWords(name))} · ${idWords(event.provider)} · ${event.state}`;
  });
  const more = events.length > PAYMENTS_SHOWN ? [fmt`… and more`] : [];
  return [fmt`💳 ${FormattedString.bold('On it, for example:')}`, ...lines, ...more];
}
