import { majorToMinor, minorFromUnknown, UnreadableAmount } from '../../ledger/money.ts';
import { isStorable, KEY_BYTES_MAX } from '../dedup-key.ts';
import { MalformedWebhook } from './malformed.ts';

/** Readers of one field each, by path (`data.object.id`, `lines.0.period`). What is not there is null; what is there
 * but unreadable throws `MalformedWebhook`. */

const splitPaths = new Map<string, string[]>();

/** The raw value at a path; undefined when any step is missing. Own properties only, so `__proto__` is a plain name. */
export function valueAt(root: unknown, path: string): unknown {
  let value = root;
  for (const step of stepsOf(path)) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string, unknown>)[step];
  }
  return value;
}

/** An id or a word: text, or a number given as its digits. Empty means not given. */
export function textAt(root: unknown, path: string): string | null {
  const value = valueAt(root, path);
  if (value === undefined || value === null || value === '') return null;
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  if (typeof value !== 'string') throw new MalformedWebhook(`${path} is neither text nor a number`);
  return storable(value, path);
}

/** The first of several places that holds text. */
export function firstText(root: unknown, ...paths: string[]): string | null {
  for (const path of paths) {
    const text = textAt(root, path);
    if (text !== null) return text;
  }
  return null;
}

/** An id, or the id of the object that stands in its place (Stripe calls that expanded). */
export function idAt(root: unknown, path: string): string | null {
  const value = valueAt(root, path);
  return typeof value === 'object' && value !== null ? textAt(value, 'id') : textAt(root, path);
}

/** Like `textAt`, for what must be there. */
export function requiredText(root: unknown, path: string): string {
  return required(textAt(root, path), path);
}

export function required<T>(value: T | null, what: string): T {
  if (value === null) throw new MalformedWebhook(`${what} is missing`);
  return value;
}

/** A word to compare with, lower case; null when the field holds no text. */
export function wordAt(root: unknown, path: string): string | null {
  return textAt(root, path)?.toLowerCase() ?? null;
}

/** `'true'` is how forms and Adyen say it. */
export function isTrueAt(root: unknown, path: string): boolean {
  const value = valueAt(root, path);
  return value === true || value === 'true';
}

export function listAt(root: unknown, path: string): unknown[] {
  const value = valueAt(root, path);
  return Array.isArray(value) ? value : [];
}

/** ISO 8601 (UTC when it names no zone: never this machine's) or unix seconds; 12 digits and more are milliseconds. */
export function timeAt(root: unknown, path: string): Date | null {
  const value = valueAt(root, path);
  if (value === undefined || value === null || value === '') return null;
  const time = typeof value === 'string' || typeof value === 'number' ? readTime(String(value)) : null;
  if (time === null) throw new MalformedWebhook(`${path} is not a time`);
  return time;
}

/** The first of several places that holds a time. */
export function firstTime(root: unknown, ...paths: string[]): Date | null {
  for (const path of paths) {
    const time = timeAt(root, path);
    if (time !== null) return time;
  }
  return null;
}

/** Integer minor units, as number or text. */
export function minorAt(root: unknown, path: string): number | null {
  return amountAt(root, path, minorFromUnknown);
}

/** A decimal of major units, as number or text, in minor units. */
export function majorAt(root: unknown, path: string, currency: string | null): number | null {
  return amountAt(root, path, (value) => majorToMinor(value as string | number, currency));
}

/** A currency or asset code, upper case. */
export function currencyAt(root: unknown, path: string): string | null {
  const code = textAt(root, path)?.toUpperCase() ?? null;
  if (code !== null && !/^[A-Z0-9]{2,12}$/.test(code)) throw new MalformedWebhook(`${path} is not a currency code`);
  return code;
}

/** The first of several places that holds two letters. A label for grouping only, so anything else is simply none. */
export function countryAt(root: unknown, ...paths: string[]): string | null {
  for (const path of paths) {
    const value = valueAt(root, path);
    if (typeof value === 'string' && /^[A-Za-z]{2}$/.test(value)) return value.toUpperCase();
  }
  return null;
}

/** Refuses text that a column or an index could not hold, naming the field and not the value. */
export function storable(text: string, what: string): string {
  if (isStorable(text)) return text;
  throw new MalformedWebhook(`${what} holds a NUL or a lone surrogate, or is longer than ${KEY_BYTES_MAX} bytes`);
}

function amountAt(root: unknown, path: string, read: (value: unknown) => number): number | null {
  const value = valueAt(root, path);
  if (value === undefined || value === null) return null;
  if (typeof value !== 'string' && typeof value !== 'number') throw new MalformedWebhook(`${path} is not an amount`);
  try {
    return read(value);
  } catch (error) {
    if (error instanceof UnreadableAmount) throw new MalformedWebhook(`${path}: ${error.message}`);
    throw error;
  }
}

const ISO = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)\s?(Z|[+-]\d{2}:?\d{2})?)?$/i;
const YEAR_2001_IN_MS = 1e11 - 1;

function readTime(text: string): Date | null {
  if (/^\d{1,14}(\.\d+)?$/.test(text)) {
    const number = Number(text);
    return validTime(new Date(number > YEAR_2001_IN_MS ? number : number * 1000));
  }
  const match = ISO.exec(text);
  if (!match || !isCalendarDay(Number(match[1]), Number(match[2]), Number(match[3]))) return null;
  const zone = (match[5] ?? 'Z').replace(/^([+-]\d{2})(\d{2})$/, '$1:$2').toUpperCase();
  return validTime(new Date(`${match[1]}-${match[2]}-${match[3]}T${match[4] ?? '00:00'}${zone}`));
}

// V8 reads 31 February as 3 March.
function isCalendarDay(year: number, month: number, day: number): boolean {
  const date = new Date(Date.UTC(year, month - 1, day));
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}

function validTime(date: Date): Date | null {
  const year = date.getUTCFullYear();
  return year >= 1970 && year <= 9999 ? date : null; // NaN is in no range; Postgres has no year 0
}

function stepsOf(path: string): string[] {
  let steps = splitPaths.get(path);
  if (!steps) {
    steps = path.split('.');
    splitPaths.set(path, steps);
  }
  return steps;
}
