import { FormattedString, fmt } from '@grammyjs/parse-mode';
import { ticketName } from '../../escalation/ticket-view.ts';
import type { Severity } from '../../platform/schema.ts';
import { causeWords, type Picture } from './card-text.ts';

export type DigestLine = {
  ticketId: number;
  severity: Severity;
  source: string;
  dependency: string | null;
  errorFamily: string;
};

/** More on one digest would be a list nobody reads, and near Telegram's 4,096 characters; a further storm gets a further one. */
export const DIGEST_TICKETS_MAX = 100;
const LINES_IN_FULL = 20;
const CAUSE_LENGTH_MAX = 90;

/**
 * The storm card: every ticket that has opened faster than the chat may be told, by name. It says nothing that changes later
 * (owners, counts), so it is edited only when tickets are added.
 */
export function renderDigest(lines: DigestLine[]): Picture {
  const more = lines.length === 1 ? '1 more ticket' : `${lines.length.toLocaleString('en-US')} more tickets`;
  const inFull = lines.slice(0, LINES_IN_FULL).map(digestLine);
  const byName = lines.slice(LINES_IN_FULL).map((line) => ticketName(line.ticketId));
  const { text, entities } = FormattedString.join(
    [
      fmt`${FormattedString.bold(`⛈ Storm: ${more}`)}`,
      ...inFull,
      ...(byName.length > 0 ? [`also ${byName.join(' ')}`] : []),
      'Each gets its own card as soon as the chat has room. /tickets lists them, /ticket T-… shows one.',
    ],
    '\n',
  );
  return { text, entities, keyboard: { inline_keyboard: [] } };
}

function digestLine(line: DigestLine): string {
  const cause = Array.from(causeWords(line));
  const words = cause.length <= CAUSE_LENGTH_MAX ? cause.join('') : `${cause.slice(0, CAUSE_LENGTH_MAX - 1).join('')}…`;
  return `${line.severity} · ${ticketName(line.ticketId)} · ${words}`;
}
