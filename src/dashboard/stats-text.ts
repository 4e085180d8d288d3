import type { Severity } from '../platform/schema.ts';
import type { Span, Stats } from './stats-view.ts';

/** The numbers of a window in words, for under the picture and in its place: pure, and far below a caption's 1,024 characters. */

export const SPAN_WORDS: Record<Span, string> = {
  '1h': 'the last hour',
  '24h': 'the last 24 hours',
  '7d': 'the last 7 days',
};

const DEPENDENCIES_SHOWN = 5;

export function statsLines(stats: Stats): string[] {
  return [deliveryLine(stats), latencyLine(stats), ...errorLines(stats), ticketLine(stats), openLine(stats)];
}

function deliveryLine({ ended, failed, successRate }: Stats): string {
  if (successRate === null) return 'success: nothing was delivered';
  return `success ${percentWords(successRate)} · ${countOf(ended)} delivered, ${countOf(failed)} of them given up`;
}

function latencyLine({ p50Ms, p95Ms }: Stats): string {
  if (p50Ms === null || p95Ms === null) return 'received → applied: nothing was applied';
  return `received → applied: p50 ${durationWords(p50Ms)}, p95 ${durationWords(p95Ms)}`;
}

function errorLines({ dependencies }: Stats): string[] {
  if (dependencies.length === 0) return ['errors: nobody was called'];
  return dependencies
    .slice(0, DEPENDENCIES_SHOWN)
    .map(
      ({ name, calls, failed }) =>
        `errors of ${name.slice(0, 60)}: ${percentWords(failed / calls)}, ${countOf(failed)} of ${countOf(calls)} calls`,
    );
}

function ticketLine({ opened, resolved }: Stats): string {
  return `tickets: ${countOf(opened)} opened, ${countOf(resolved)} resolved`;
}

function openLine({ open }: Stats): string {
  const words = (Object.entries(open) as [Severity, number][])
    .filter(([, tickets]) => tickets > 0)
    .map(([severity, tickets]) => `${severity} ${countOf(tickets)}`);
  return words.length === 0 ? 'open now: none' : `open now: ${words.join(', ')}`;
}

/** Never 100 % while anything failed, nor 0 % while anything did not. */
export function percentWords(share: number): string {
  if (share === 0 || share === 1) return `${share * 100} %`;
  const percent = Math.min(99.99, Math.max(0.01, share * 100));
  return `${percent >= 99.9 || percent < 0.1 ? percent.toFixed(2) : percent.toFixed(1)} %`;
}

/** `8 ms`, `1.3 s`, `4 min`, `2 h`: two digits are all that is known. */
export function durationWords(ms: number): string {
  if (ms < 1_000) return `${Number(ms.toPrecision(2))} ms`;
  if (ms < 60_000) return `${Number((ms / 1_000).toPrecision(2))} s`;
  return ms < 3_600_000
    ? `${Number((ms / 60_000).toPrecision(2))} min`
    : `${Number((ms / 3_600_000).toPrecision(2))} h`;
}

function countOf(count: number): string {
  return count.toLocaleString('en-US');
}
