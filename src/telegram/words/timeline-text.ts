import { FormattedString, fmt } from '@grammyjs/parse-mode';
import type { TicketLogLine, TicketView } from '../../escalation/ticket-view.ts';
import { causeWords } from '../cards/card-text.ts';
import { clockTime, oneLine } from './line-words.ts';

/** Longer stories begin later; /export has them whole. */
const LINES_MAX = 60;

export function renderTimeline(ticket: TicketView, story: TicketLogLine[], now: Date): FormattedString {
  const left = story.length - LINES_MAX;
  const earlier = left > 0 ? [fmt`… ${left} earlier lines. /export ${ticket.name} has them all.`] : [];
  const lines = story.slice(-LINES_MAX).map((line) => fmt`${clockTime(line.at, now)} ${storyLine(line)}`);
  const head = fmt`📜 ${FormattedString.bold(ticket.name)} · ${causeWords(ticket)} · times in UTC`;
  return FormattedString.join([head, ...earlier, ...lines], '\n');
}

/** What happened, and who did it where the words do not say so. */
export function storyLine({ text, actor }: TicketLogLine): string {
  const who = actor === null || text.includes(actor) ? '' : `${oneLine(actor, 64)}: `;
  return `${who}${oneLine(text, 500)}`;
}
