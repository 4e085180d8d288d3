import { ticketName } from '../../escalation/ticket-view.ts';
import type { DrillState } from '../../platform/schema.ts';
import type { DrillProgress } from '../drill-store.ts';
import { oneLine } from './line-words.ts';

/** How a drill goes on, and what its report says: pure. */

/** As long as a drill waits for somebody to acknowledge it. */
export const DRILL_MINUTES_MAX = 10;

export type DrillEnd = Exclude<DrillState, 'running'>;

/** How it has ended; null while it has not. Whoever resolves its ticket has seen enough. */
export function findEnd(drill: DrillProgress, now: Date): DrillEnd | null {
  if (drill.acknowledgedAt !== null && drill.redrawnAt !== null) return 'passed';
  if (drill.isResolved) return drill.acknowledgedAt === null ? 'stopped' : 'passed';
  const isOver = now.getTime() - drill.startedAt.getTime() > DRILL_MINUTES_MAX * 60_000;
  if (!isOver) return null;
  return drill.acknowledgedAt === null ? 'unanswered' : 'passed';
}

const HEADS: Record<DrillEnd, string> = {
  passed: 'answered',
  unanswered: `nobody acknowledged it in ${DRILL_MINUTES_MAX} minutes`,
  stopped: 'stopped',
};

export function reportText(drill: DrillProgress, end: DrillEnd): string {
  const { startedAt, shownAt, acknowledgedAt, redrawnAt } = drill;
  const by = drill.acknowledgedBy === null ? '' : ` by ${oneLine(drill.acknowledgedBy, 64)}`;
  return [
    `🧪 Drill ${ticketName(drill.ticketId)}: ${HEADS[end]}`,
    shownAt === null ? 'its card never came to the chat' : `card shown after ${seconds(startedAt, shownAt)}`,
    acknowledgedAt === null ? 'not acknowledged' : `acknowledged after ${seconds(startedAt, acknowledgedAt)}${by}`,
    ...(acknowledgedAt === null ? [] : [redrawnWords(acknowledgedAt, redrawnAt)]),
    'Its ticket is resolved; no payment was touched.',
  ].join('\n');
}

function redrawnWords(acknowledgedAt: Date, redrawnAt: Date | null): string {
  return redrawnAt === null
    ? 'the card did not show it in time'
    : `the card showed it ${seconds(acknowledgedAt, redrawnAt)} later`;
}

/** `0.4 s`, `42 s`, `3 min 20 s`. */
function seconds(from: Date, to: Date): string {
  const passed = Math.max(0, to.getTime() - from.getTime()) / 1000;
  if (passed < 10) return `${passed.toFixed(1)} s`;
  if (passed < 60) return `${Math.round(passed)} s`;
  return `${Math.floor(passed / 60)} min ${Math.round(passed % 60)} s`;
}
