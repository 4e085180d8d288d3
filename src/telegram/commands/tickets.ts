import { FormattedString, fmt } from '@grammyjs/parse-mode';
import { listOpenTickets } from '../../escalation/ticket-query.ts';
import type { TicketView } from '../../escalation/ticket-view.ts';
import { causeWords } from '../card-text.ts';
import { countWords } from '../count-words.ts';
import { oneLine } from '../line-words.ts';
import { type Command, say } from './command.ts';

const SHOWN = 15;

export const tickets: Command = {
  name: 'tickets',
  hint: 'All open tickets, the gravest first',
  example: '/tickets',
  act: 'read',
  risk: 'R0',
  menus: ['group', 'private'],
  run: async (deps) => {
    const open = await listOpenTickets(deps.db, { limit: SHOWN + 1 });
    return open.length === 0 ? say('✅ No open tickets.') : { text: renderTickets(open) };
  },
};

function renderTickets(open: TicketView[]): FormattedString {
  const shown = open.slice(0, SHOWN).map(ticketLine);
  const more = open.length > SHOWN ? [fmt`… and more. The gravest ${SHOWN} are shown.`] : [];
  const head = open.length === 1 ? '1 open ticket' : `${Math.min(open.length, SHOWN)} open tickets, the gravest first`;
  return FormattedString.join([fmt`🎫 ${FormattedString.bold(head)}`, ...shown, ...more], '\n');
}

function ticketLine(ticket: TicketView): FormattedString {
  const owner = ticket.ownerName === null ? 'nobody yet' : oneLine(ticket.ownerName, 64);
  const count = `${countWords(ticket.failures)} ${ticket.failures === 1 ? 'failure' : 'failures'}`;
  return fmt`${FormattedString.bold(`${ticket.severity} ${ticket.name}`)} · ${causeWords(ticket)} · ${count} · ${owner}`;
}
