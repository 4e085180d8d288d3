import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';

/** The kinds of values a variable can have. Each reads the text of the environment and says in words what it expected. */

export function setting<T>(expected: string, parse: (text: string) => T | undefined) {
  return z.string().transform((text, context): T => {
    const value = parse(text);
    if (value !== undefined) return value;
    context.addIssue({ code: 'custom', message: `must be ${expected}` });
    return z.NEVER;
  });
}

export function matching(pattern: RegExp, expected: string) {
  return setting(expected, (text) => (pattern.test(text) ? text : undefined));
}

export function wholeNumber(min: number, max: number) {
  return setting(`a whole number from ${min} to ${max}`, (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max ? value : undefined;
  });
}

/** Without the slash at its end, so that paths can be put behind it. */
export function url(protocols: string[]) {
  const expected = `a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`;
  return setting(expected, (text) => {
    const protocol = URL.canParse(text) ? new URL(text).protocol : '';
    return protocols.includes(protocol) ? text.replace(/\/+$/, '') : undefined;
  });
}

export function idList() {
  return setting('Telegram ids with commas between, like 111,222', (text) => {
    const ids = splitList(text).map(parseId);
    return ids.every((id) => id !== undefined && id > 0) ? (ids as number[]) : undefined;
  });
}

export function splitList(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

export function parseId(text: string): number | undefined {
  const id = /^-?\d{1,16}$/.test(text) ? Number(text) : 0;
  return id !== 0 && Number.isSafeInteger(id) ? id : undefined;
}

export type Read<T> = { value: T } | { mistakes: string[] };

export function json<T>(read: (value: unknown) => Read<T>) {
  return z.string().transform((text, context): T => {
    const parsed = parseJson(text);
    const result = 'mistakes' in parsed ? parsed : read(parsed.value);
    if ('value' in result) return result.value;
    for (const message of result.mistakes) context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
}

/** Inline, or the path of a .json file. The parser's own message quotes what it stumbled over, and that may be a secret. */
function parseJson(text: string): Read<unknown> {
  const isFile = text.endsWith('.json');
  if (isFile && !existsSync(text)) return { mistakes: [`there is no file ${text}`] };
  try {
    return { value: JSON.parse(isFile ? readFileSync(text, 'utf8') : text) };
  } catch (error) {
    const position = /position \d+/.exec(String(error))?.[0];
    return { mistakes: [`is not JSON${position ? ` (at ${position})` : ''}${isFile ? ` in ${text}` : ''}`] };
  }
}
