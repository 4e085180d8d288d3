import type { PageView } from '../../duty/page-store.ts';
import type { TicketEvent } from '../../escalation/ticket-query.ts';
import type { TicketLogLine, TicketView } from '../../escalation/ticket-view.ts';
import { formatMoney } from '../../ledger/money.ts';
import { scrubText } from '../../platform/scrub.ts';
import { causeWords } from '../cards/card-text.ts';
import { storyLine } from './timeline-text.ts';

/** A ticket as a file that may be passed on: exact numbers, the whole story, and no ids of customers. */
export function renderExport(
  {
    ticket,
    story,
    pages,
    events,
  }: { ticket: TicketView; story: TicketLogLine[]; pages: PageView[]; events: TicketEvent[] },
  now: Date,
): string {
  const sections = [
    [`# ${ticket.name}: ${plain(causeWords(ticket))}`, `As of ${stamp(now)} UTC. All times are UTC.`],
    factLines(ticket),
    ['## Timeline', ...story.map((line) => `- ${stamp(line.at)} ${plain(storyLine(line))}`)],
    ['## Calls', ...(pages.length === 0 ? ['Nobody was called.'] : pages.map(pageLine))],
    ['## Payments', ...eventLines(ticket, events)],
  ];
  return `${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function factLines(ticket: TicketView): string[] {
  const money = ticket.moneyAtRisk.map(({ amountMinor, currency }) => formatMoney(amountMinor, currency)).join(', ');
  const resolved = ticket.resolvedAt ? `${stamp(ticket.resolvedAt)} by ${ticket.resolvedBy ?? 'itself'}` : '–';
  const countries = Object.entries(ticket.countries)
    .map(([country, count]) => `${country} ${count}`)
    .join(', ');
  const rows = [
    ['Severity', ticket.severity],
    ['State', ticket.state],
    ['Owner', ticket.ownerName ?? '–'],
    ['Opened', stamp(ticket.openedAt)],
    ['First failure', stamp(ticket.firstFailureAt)],
    ['Last failure', stamp(ticket.lastFailureAt)],
    ['Failures', ticket.failures.toLocaleString('en-US')],
    ['People waiting', ticket.peopleWaiting.toLocaleString('en-US')],
    ['At risk', money || '–'],
    ['From', countries || '–'],
    ['Resolve by', ticket.duty?.resolveBy ? stamp(ticket.duty.resolveBy) : '–'],
    ['Resolved', resolved],
  ];
  return ['| | |', '|---|---|', ...rows.map(([name, value]) => `| ${name} | ${cell(value!)} |`)];
}

function pageLine({ at, personName, reason, state }: PageView): string {
  const how = { waiting: 'not delivered yet', delivered: 'in private', fell_back: 'in the group' }[state] ?? state;
  return `- ${stamp(at)} ${plain(personName ?? 'nobody')}: ${reason}, ${how}`;
}

function eventLines(ticket: TicketView, events: TicketEvent[]): string[] {
  if (events.length === 0) return ['None are attached.'];
  const rows = events.map((event) => {
    const cells = [event.transactionId ?? `event ${event.id}`, event.provider, event.state, event.errorFamily ?? ''];
    return `| ${cells.map(cell).join(' | ')} |`;
  });
  const more = ticket.failures > events.length ? [`\nThe first ${events.length} of ${ticket.failures} failures.`] : [];
  return ['| transaction | provider | state | error |', '|---|---|---|---|', ...rows, ...more];
}

function cell(text: string): string {
  return plain(text).replaceAll('|', '\\|');
}

/** One line that Markdown shows as it is. */
function plain(text: string): string {
  return scrubText(text.toWellFormed())
    .replace(/\s+/g, ' ')
    .replace(/[\\`*_[\]<>#]/g, '\\$&');
}

function stamp(at: Date): string {
  return at.toISOString().slice(0, 19).replace('T', ' ');
}
