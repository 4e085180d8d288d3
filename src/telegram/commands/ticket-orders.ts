import type { ActResult } from '../../escalation/ticket-acts.ts';
import { resolveTicket } from '../../escalation/ticket-acts.ts';
import { changeSeverity, type MergeResult, mergeTicketInto } from '../../escalation/ticket-duty-acts.ts';
import { actorOf } from '../../people/person.ts';
import type { Severity } from '../../platform/schema.ts';
import type { Answer, BotDeps } from '../bot-context.ts';
import { type ActWord, doneWords, tooEarlyWords, truthWords } from '../buttons/press-words.ts';
import { type Command, type CommandRequest, say, sayExample, sayInPrivate } from './command.ts';
import { parseTicketId } from './parse.ts';

const REASON_LENGTH_MAX = 500;

export const resolve: Command = {
  name: 'resolve',
  hint: 'Close a ticket and say why',
  example: '/resolve T-1042 a test purchase',
  act: 'resolve',
  risk: 'R1',
  menus: ['private'],
  run: async (deps, request) => {
    if (request.scope === 'group') return sayInPrivate(request, 'Tickets are resolved by their card, or');
    const { ticketId, words } = readAim(request);
    if (ticketId === null) return sayExample(resolve, 'Which ticket, and why?');
    if (words.length === 0) return sayExample(resolve, 'For what reason?');
    const reason = reasonOf(words);
    return tell(deps, ticketId, 'resolve', await resolveTicket(deps.db, { ...actBy(request, ticketId), reason }));
  },
};

export const severity: Command = {
  name: 'severity',
  hint: 'Judge how grave a ticket is',
  example: '/severity T-1042 P3 a single test customer',
  act: 'acknowledge',
  risk: 'R1',
  menus: ['private'],
  run: async (deps, request) => {
    if (request.scope === 'group') return sayInPrivate(request, 'The severity is changed');
    const { ticketId, words } = readAim(request);
    const [to = '', ...reason] = words;
    if (ticketId === null || !/^P[1-4]$/i.test(to)) return sayExample(severity, 'Which ticket, and P1, P2, P3 or P4?');
    const wanted = { to: to.toUpperCase() as Severity, reason: reasonOf(reason) };
    return tell(deps, ticketId, 'severity', await changeSeverity(deps.db, { ...actBy(request, ticketId), ...wanted }));
  },
};

export const merge: Command = {
  name: 'merge',
  hint: 'Make one ticket part of another',
  example: '/merge T-1043 into T-1042',
  act: 'acknowledge',
  risk: 'R1',
  menus: ['private'],
  run: async (deps, request) => {
    if (request.scope === 'group') return sayInPrivate(request, 'Tickets are merged');
    const { ticketId, words } = readAim(request);
    const intoId = parseTicketId(words.filter((word) => !/^(?:into|to)$/i.test(word)).join(' '));
    if (ticketId === null || intoId === null) return sayExample(merge, 'Which ticket into which?');
    const result = await mergeTicketInto(deps.db, { ...actBy(request, ticketId), intoId });
    return MERGE_MISTAKES[result.outcome]?.(intoId) ?? tell(deps, ticketId, 'merge', result as ActResult);
  },
};

const MERGE_MISTAKES: Partial<Record<MergeResult['outcome'], (intoId: number) => Answer>> = {
  same: () => say('🤔 A ticket can’t be merged into itself. Nothing has changed.'),
  into_unknown: (intoId) => say(`🔎 There is no ticket T-${intoId}. Nothing has changed.`),
  into_done: (intoId) => say(`🤔 T-${intoId} is not open. Reopen it first. Nothing has changed.`),
};

function readAim({ args }: CommandRequest): { ticketId: number | null; words: string[] } {
  const [first = '', ...words] = args.split(/\s+/);
  return { ticketId: parseTicketId(first), words };
}

/** A line of the ticket’s story, not a letter. */
function reasonOf(words: string[]): string | null {
  return Array.from(words.join(' ')).slice(0, REASON_LENGTH_MAX).join('') || null;
}

function actBy({ person, updateId }: CommandRequest, ticketId: number) {
  return { ticketId, actor: actorOf(person!), commandId: `update:${updateId}`, seenRevision: null };
}

function tell(deps: BotDeps, ticketId: number, act: ActWord, { outcome, ticket }: ActResult): Answer {
  if (outcome === 'unknown' || ticket === null)
    return say(`🔎 There is no ticket T-${ticketId}. /tickets shows the open ones.`);
  deps.wake('card');
  deps.wake('notice');
  if (outcome === 'too_early') return say(tooEarlyWords(ticket));
  if (outcome === 'stale') return say(`🤔 Nothing was done. ${truthWords(ticket, deps.clock.now())}`);
  return say(doneWords(act, ticket));
}
