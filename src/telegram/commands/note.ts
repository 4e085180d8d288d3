import { noteTicket } from '../../escalation/ticket-acts.ts';
import { actorOf } from '../../people/person.ts';
import type { Answer, BotDeps } from '../bot-context.ts';
import { type Command, type CommandRequest, say, sayExample } from './command.ts';
import { findTicketOfMessage } from './note-query.ts';
import { parseTicketId } from './parse.ts';

const NOTE_LENGTH_MAX = 500;

export const note: Command = {
  name: 'note',
  hint: 'Add a line to a ticket: as a reply to its card, or with its number',
  example: '/note T-1042 the product is being restarted',
  act: 'note',
  risk: 'R1',
  menus: ['group', 'private'],
  run: async (deps, request) => {
    const aim = await findAim(deps, request);
    if (!aim) return sayExample(note, 'To which ticket? Reply to its card, or begin with its number.');
    if (aim.text === '') return sayExample(note, 'What shall I write down?');
    return write(deps, request, aim);
  },
};

type Aim = { ticketId: number; text: string };

/** A number at the front names the ticket, even in a reply; else it is the ticket whose card is answered. */
async function findAim(deps: BotDeps, { args, chatId, repliedMessageId }: CommandRequest): Promise<Aim | null> {
  const [first = '', ...rest] = args.split(/\s+/);
  const named = /^T-/i.test(first) || repliedMessageId === null ? parseTicketId(first) : null;
  if (named !== null) return { ticketId: named, text: rest.join(' ') };
  const ticketId = repliedMessageId === null ? null : await findTicketOfMessage(deps.db, chatId, repliedMessageId);
  return ticketId === null ? null : { ticketId, text: args.replace(/\s+/g, ' ') };
}

async function write(deps: BotDeps, request: CommandRequest, { ticketId, text }: Aim): Promise<Answer> {
  const note = Array.from(text).slice(0, NOTE_LENGTH_MAX).join('');
  const commandId = `update:${request.updateId}`;
  const { outcome } = await noteTicket(deps.db, { ticketId, actor: actorOf(request.person!), commandId, text: note });
  if (outcome === 'unknown') return say(`🔎 There is no ticket T-${ticketId}. /tickets shows the open ones.`);
  deps.wake('card');
  return say(`📝 Written down on T-${ticketId}.`);
}
