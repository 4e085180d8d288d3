import { findOrder, type Order } from '../words/breaker-words.ts';

/** What somebody typed after `/breaker`. */
export type AskedOfBreaker =
  | { asked: 'list' }
  | { asked: 'unknown'; word: string }
  | { asked: 'nothing_named'; order: Order }
  | { asked: 'order'; order: Order; name: string; ttlMs: number | null; reason: string };

/** `trip activation 30m the product is being moved`; `for 30m` is as good. */
export function parseBreakerArgs(args: string): AskedOfBreaker {
  const [word = '', name = '', ...rest] = args.split(/\s+/).filter((part) => part !== '');
  if (word === '') return { asked: 'list' };
  const order = findOrder(word.toLowerCase());
  if (!order) return { asked: 'unknown', word };
  if (name === '') return { asked: 'nothing_named', order };
  return { asked: 'order', order, name, ...parseEnd(rest) };
}

/** The end stands before the reason, or there is none; a duration further on is part of the reason. */
function parseEnd(words: string[]): { ttlMs: number | null; reason: string } {
  const [first = '', ...others] = words[0] === 'for' && parseDuration(words[1] ?? '') !== null ? words.slice(1) : words;
  const ttlMs = parseDuration(first);
  return { ttlMs, reason: (ttlMs === null ? words : others).join(' ') };
}

const UNIT_MS: Record<string, number> = { s: 1_000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90s`, `30m`, `30min`, `1h`, `2d`; null for anything else. */
export function parseDuration(text: string): number | null {
  const [, count, unit = ''] = /^(\d{1,7})(s|min|m|h|d)$/i.exec(text) ?? [];
  return count === undefined ? null : Number(count) * UNIT_MS[unit.toLowerCase()]!;
}
