import { FormattedString, fmt } from '@grammyjs/parse-mode';
import type { InlineKeyboardMarkup } from '@grammyjs/types';
import type { PageLine } from '../../duty/page-store.ts';
import type { PageReason } from '../../duty/serve-deadlines.ts';
import { ticketName } from '../../escalation/ticket-view.ts';
import { formatTicketButton, type TicketAction } from '../buttons/button-data.ts';
import { causeWords, type Picture } from '../cards/card-text.ts';
import { oneLine } from './line-words.ts';

const TICKETS_SHOWN = 15;
const PEOPLE_SHOWN = 10;

/** What calls a person in private, with buttons when it is about one ticket. */
export function renderPage(lines: PageLine[]): Picture {
  const [first] = lines;
  if (lines.length === 1 && first) return renderOne(first);
  const head = fmt`📟 ${FormattedString.bold(`${lines.length} tickets need you`)}`;
  const end = fmt`Acknowledge what you take, on its card. /tickets unacknowledged lists what nobody has.`;
  return asPicture([head, ...ticketLines(lines), end]);
}

function renderOne(line: PageLine): Picture {
  const name = ticketName(line.ticketId);
  const text = [
    fmt`📟 ${FormattedString.bold(`${line.severity} · ${name} needs you`)}`,
    fmt`${causeWords(line)}`,
    fmt`${reasonWords(line)}`,
  ];
  return asPicture(text, keyboardOf(line));
}

function keyboardOf({ ticketId, stateRevision: revision, state }: PageLine): InlineKeyboardMarkup {
  const button = (text: string, action: TicketAction) => ({
    text,
    callback_data: formatTicketButton({ ticketId, action, revision }),
  });
  const inspect = button('🔍 Inspect', 'inspect');
  if (state === 'open') return { inline_keyboard: [[button('👀 Acknowledge', 'ack'), inspect]] };
  if (state !== 'acknowledged') return { inline_keyboard: [[inspect]] };
  return {
    inline_keyboard: [[button('✋ Confirm: still mine', 'confirm'), button('↪️ Release', 'release')], [inspect]],
  };
}

/** In the group: who should have been called in private and could not be, by name. */
export function renderPageFallback(lines: PageLine[]): Picture {
  const people = new Map(
    lines.flatMap(({ personId, personName }) => (personId === null ? [] : [[personId, personName!]])),
  );
  const tickets = [...new Map(lines.map((line) => [line.ticketId, line])).values()];
  const what = tickets.length === 1 ? '' : ` ${tickets.length} tickets:`;
  if (people.size === 0) {
    const head = fmt`📟 ${FormattedString.bold('Nobody is on call')}, because nobody may act.${what}`;
    return asPicture([
      head,
      ...ticketLines(tickets),
      fmt`An admin has to be named in ADMIN_IDS, or in the table person.`,
    ]);
  }
  const head = fmt`📟 ${mentions(people)}: you are called.${what}`;
  const end = fmt`I could not write to ${people.size === 1 ? 'you' : 'each of you'} in private: open our chat and press Start, once.`;
  return asPicture([head, ...ticketLines(tickets), end]);
}

function mentions(people: Map<number, string>): FormattedString {
  const shown = [...people].slice(0, PEOPLE_SHOWN);
  const names = shown.map(([id, name]) => FormattedString.mentionUser(oneLine(name, 64), id));
  const more = people.size > PEOPLE_SHOWN ? [fmt`${people.size - PEOPLE_SHOWN} more`] : [];
  return FormattedString.join([...names, ...more], ', ');
}

function ticketLines(lines: PageLine[]): FormattedString[] {
  const shown = lines.slice(0, TICKETS_SHOWN).map((line) => {
    const name = FormattedString.bold(`${line.severity} ${ticketName(line.ticketId)}`);
    return fmt`${name} · ${causeWords(line)} · ${reasonWords(line)}`;
  });
  return lines.length > TICKETS_SHOWN ? [...shown, fmt`… and ${lines.length - TICKETS_SHOWN} more.`] : shown;
}

/** Why now. What was true when it was put down may be over: then it says that. */
function reasonWords({ state, reason, ownerName }: PageLine): string {
  if (state === 'resolved') return 'resolved meanwhile ✓';
  if (state === 'merged') return 'went on under another ticket';
  if (state === 'acknowledged' && ownerName !== null && !OF_OWNER.includes(reason))
    return `${oneLine(ownerName, 64)} has it`;
  return REASONS[reason];
}

/** Who has the ticket is told of it because they have it. */
const OF_OWNER: PageReason[] = ['asked', 'confirm', 'warning', 'overdue'];

const REASONS: Record<PageReason, string> = {
  opened: 'nobody has it yet',
  unacknowledged: 'still nobody has acknowledged it',
  asked: 'you are asked to help',
  lapsed: 'its owner has not confirmed, so nobody has it',
  confirm: 'do you still have it? Confirm, or others are called',
  warning: 'three quarters of the time to resolve it are over',
  overdue: 'the time to resolve it is over',
};

function asPicture(lines: FormattedString[], keyboard: InlineKeyboardMarkup = { inline_keyboard: [] }): Picture {
  const { text, entities } = FormattedString.join(lines, '\n');
  return { text, entities, keyboard };
}
