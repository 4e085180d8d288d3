import { FormattedString, fmt } from '@grammyjs/parse-mode';
import { listOpenTickets, type TicketFilter } from '../../escalation/ticket-query.ts';
import type { TicketView } from '../../escalation/ticket-view.ts';
import type { Person } from '../../people/person.ts';
import type { Severity } from '../../platform/schema.ts';
import { causeWords } from '../cards/card-text.ts';
import { countWords } from '../cards/count-words.ts';
import { oneLine } from '../words/line-words.ts';
import { type Command, say, sayExample } from './command.ts';

const SHOWN = 15;

export const tickets: Command = {
  name: 'tickets',
  hint: 'Open tickets, the gravest first: all, mine, p1, or unacknowledged',
  example: '/tickets',
  act: 'read',
  risk: 'R0',
  menus: ['group', 'private'],
  run: async (deps, request) => {
    const filter = readFilter(request.args, request.person!);
    if (filter === null) return sayExample({ example: '/tickets mine' }, 'Which ones? mine, p1, or unacknowledged.');
    const open = await listOpenTickets(deps.db, { limit: SHOWN + 1, ...filter.by });
    return open.length === 0 ? say(`✅ No ${filter.words}.`) : { text: renderTickets(open, filter.words) };
  },
};

type Filter = { by: TicketFilter; words: string };

/** Null: nobody knows what that means. */
function readFilter(args: string, me: Person): Filter | null {
  const word = args.toLowerCase();
  if (word === '' || word === 'all') return { by: {}, words: 'open tickets' };
  if (word === 'mine') return { by: { ownerId: me.telegramId }, words: 'tickets of yours' };
  if (/^p[1-4]$/.test(word))
    return { by: { severity: word.toUpperCase() as Severity }, words: `open ${word.toUpperCase()} tickets` };
  return /^un(?:ack|acked|acknowledged)$/.test(word)
    ? { by: { state: 'open' }, words: 'unacknowledged tickets' }
    : null;
}

function renderTickets(open: TicketView[], words: string): FormattedString {
  const shown = open.slice(0, SHOWN).map(ticketLine);
  const more = open.length > SHOWN ? [fmt`… and more. The gravest ${SHOWN} are shown.`] : [];
  const one = words.replace('tickets', 'ticket');
  const head = open.length === 1 ? `1 ${one}` : `${Math.min(open.length, SHOWN)} ${words}, the gravest first`;
  return FormattedString.join([fmt`🎫 ${FormattedString.bold(head)}`, ...shown, ...more], '\n');
}

function ticketLine(ticket: TicketView): FormattedString {
  const owner = ticket.ownerName === null ? 'nobody yet' : oneLine(ticket.ownerName, 64);
  const count = `${countWords(ticket.failures)} ${ticket.failures === 1 ? 'failure' : 'failures'}`;
  return fmt`${FormattedString.bold(`${ticket.severity} ${ticket.name}`)} · ${causeWords(ticket)} · ${count} · ${owner}`;
}
