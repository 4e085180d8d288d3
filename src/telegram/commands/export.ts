import { fmt } from '@grammyjs/parse-mode';
import { listPagesOf } from '../../duty/page-store.ts';
import { findTicket, listStory, listTicketEvents } from '../../escalation/ticket-query.ts';
import type { TicketView } from '../../escalation/ticket-view.ts';
import type { Answer, BotDeps } from '../bot-context.ts';
import { renderExport } from '../words/export-text.ts';
import { type Command, say, sayExample, sayInPrivate } from './command.ts';
import { parseTicketId } from './parse.ts';

const EVENTS_MAX = 500;

/** `export` is a word of the language. */
export const exportTicket: Command = {
  name: 'export',
  hint: 'A ticket and its whole story as a Markdown file',
  example: '/export T-1042',
  act: 'read',
  risk: 'R0',
  menus: ['private'],
  run: async (deps, request) => {
    if (request.scope === 'group') return sayInPrivate(request, 'Files are sent');
    const id = parseTicketId(request.args);
    if (id === null) return sayExample(exportTicket, 'Which ticket? Send its number.');
    const ticket = await findTicket(deps.db, id);
    return ticket ? giveFile(deps, ticket) : say(`🔎 There is no ticket T-${id}. /tickets shows the open ones.`);
  },
};

async function giveFile({ db, clock }: BotDeps, ticket: TicketView): Promise<Answer> {
  const [story, pages] = [await listStory(db, ticket.id), await listPagesOf(db, ticket.id)];
  const events = await listTicketEvents(db, ticket.id, { limit: EVENTS_MAX });
  const text = renderExport({ ticket, story, pages, events }, clock.now());
  return { text: fmt`📄 ${ticket.name} and its story.`, document: { name: `${ticket.name}.md`, text } };
}
