import type { FormattedString } from '@grammyjs/parse-mode';

/** Telegram counts code points and we UTF-16 units, which are never fewer (TELEGRAM.md §5). */
const TEXT_LENGTH_MAX = 4096;

/** A text in as many messages as it needs, cut between lines where it can be. */
export function splitText(text: FormattedString, lengthMax = TEXT_LENGTH_MAX): FormattedString[] {
  const parts: FormattedString[] = [];
  let rest = text;
  while (rest.rawText.length > lengthMax) {
    const end = findCut(rest.rawText, lengthMax);
    parts.push(rest.slice(0, end));
    rest = rest.slice(end);
  }
  return [...parts, rest].filter((part) => part.rawText.trim() !== '');
}

function findCut(text: string, lengthMax: number): number {
  const newline = text.lastIndexOf('\n', lengthMax);
  if (newline > lengthMax / 2) return newline;
  return isHighSurrogate(text.charCodeAt(lengthMax - 1)) ? lengthMax - 1 : lengthMax;
}

const isHighSurrogate = (unit: number) => unit >= 0xd800 && unit <= 0xdbff;
