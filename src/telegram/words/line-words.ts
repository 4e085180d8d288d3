import { scrubText } from '../../platform/scrub.ts';

/** One line of visible characters, cut to `lengthMax` code points; what looks like a secret or an address is masked. */
export function oneLine(text: string, lengthMax: number): string {
  const visible = scrubText(text.toWellFormed())
    .replace(/\s+/g, ' ')
    .replace(/[\p{Cc}\p{Cf}\p{Co}]/gu, '')
    .trim();
  const characters = Array.from(visible);
  return characters.length <= lengthMax ? visible : `${characters.slice(0, lengthMax - 1).join('')}…`;
}

/** An id as it is, for who must compare it: what would not be seen, or would start another line, is spelled out. */
export function exactWords(id: string): string {
  return id.replace(
    /[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}]|[^\S ]/gu,
    (hidden) => `\\u{${hidden.codePointAt(0)!.toString(16)}}`,
  );
}

/** `12:04`, or `21 Nov 12:04` when it was not today (UTC). */
export function clockTime(at: Date, now: Date): string {
  const time = at.toISOString().slice(11, 16);
  return isSameDay(at, now) ? time : `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]} ${time}`;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

function isSameDay(a: Date, b: Date): boolean {
  return a.toISOString().slice(0, 10) === b.toISOString().slice(0, 10);
}
