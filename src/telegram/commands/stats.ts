import { FormattedString, fmt } from '@grammyjs/parse-mode';
import { drawStats } from '../../dashboard/picture.ts';
import { readStats } from '../../dashboard/stats-query.ts';
import { SPAN_WORDS, statsLines } from '../../dashboard/stats-text.ts';
import { SPANS, type Span, type Stats, viewStats, windowOf } from '../../dashboard/stats-view.ts';
import type { BotDeps } from '../bot-context.ts';
import { oneLine } from '../words/line-words.ts';
import { type Command, sayExample } from './command.ts';

export const stats: Command = {
  name: 'stats',
  hint: 'How delivery went: success, latency, errors, tickets of 1h, 24h or 7d',
  example: '/stats 24h',
  act: 'read',
  risk: 'R0',
  menus: ['group', 'private'],
  run: async (deps, request) => {
    const span = parseSpan(request.args);
    if (span === null) return sayExample(stats, 'Of which time? 1h, 24h or 7d.');
    const numbers = await readNumbers(deps, span);
    const text = renderStats(numbers);
    const picture = await tryToDraw(deps, numbers);
    return picture ? { text, picture } : { text };
  },
};

function parseSpan(args: string): Span | null {
  const asked = args === '' ? '1h' : args.toLowerCase();
  return SPANS.find((span) => span === asked) ?? null;
}

async function readNumbers({ db, clock }: BotDeps, span: Span): Promise<Stats> {
  const window = windowOf(span, clock.now());
  return viewStats(span, window, await readStats(db, window));
}

function renderStats(numbers: Stats): FormattedString {
  const head = fmt`📈 ${FormattedString.bold(SPAN_WORDS[numbers.span])}`;
  return FormattedString.join([head, ...statsLines(numbers).map((line) => fmt`${oneLine(line, 160)}`)], '\n');
}

/** The numbers are said also when nothing can be drawn. */
async function tryToDraw({ log }: BotDeps, numbers: Stats): Promise<Buffer | null> {
  try {
    return await drawStats(numbers);
  } catch (err) {
    log.error({ err }, 'the picture of the statistics could not be drawn');
    return null;
  }
}
