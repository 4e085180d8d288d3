import type { MessageEntity } from '@grammyjs/types';
import type { FormattedText } from './formatted-text.ts';
import { refusals } from './refusal.ts';

type OpenTag = { name: string; startedAt: number; attributes: Record<string, string> };
type Scan = { source: string; at: number; text: string; open: OpenTag[]; entities: MessageEntity[] };

const TYPE_OF_TAG: Record<string, MessageEntity['type']> = {
  b: 'bold',
  strong: 'bold',
  i: 'italic',
  em: 'italic',
  u: 'underline',
  ins: 'underline',
  s: 'strikethrough',
  strike: 'strikethrough',
  del: 'strikethrough',
  'tg-spoiler': 'spoiler',
  span: 'spoiler',
  a: 'text_link',
  code: 'code',
  pre: 'pre',
  blockquote: 'blockquote',
  'tg-emoji': 'custom_emoji',
};

/** Telegram's own small HTML, with its own words about what is wrong; byte offsets count UTF-8 of the source. */
export function parseHtml(source: string): FormattedText {
  const scan: Scan = { source, at: 0, text: '', open: [], entities: [] };
  while (scan.at < source.length) {
    if (source[scan.at] === '<') readTag(scan);
    else readCharacter(scan);
  }
  const unclosed = scan.open.at(-1);
  if (unclosed) {
    throw refusals.cantParseEntities(`Can't find end tag corresponding to start tag "${unclosed.name}"`);
  }
  return { text: scan.text, entities: scan.entities };
}

const byteOffset = (scan: Scan, at: number) => Buffer.byteLength(scan.source.slice(0, at));

function readTag(scan: Scan): void {
  if (scan.source[scan.at + 1] === '/') readEndTag(scan);
  else readStartTag(scan);
}

function readStartTag(scan: Scan): void {
  const startedAt = scan.at;
  const end = scan.source.indexOf('>', startedAt);
  if (end === -1) throw refusals.cantParseEntities(`Unclosed start tag at byte offset ${byteOffset(scan, startedAt)}`);
  const inside = scan.source.slice(startedAt + 1, end);
  const name = inside.split(/\s/, 1)[0]!.toLowerCase();
  const attributes = readAttributes(inside.slice(name.length));
  if (!isSupported(name, attributes)) {
    throw refusals.cantParseEntities(`Unsupported start tag "${name}" at byte offset ${byteOffset(scan, startedAt)}`);
  }
  scan.open.push({ name, startedAt: scan.text.length, attributes });
  scan.at = end + 1;
}

const isSupported = (name: string, attributes: Record<string, string>) =>
  Object.hasOwn(TYPE_OF_TAG, name) && (name !== 'span' || attributes.class === 'tg-spoiler');

function readAttributes(inside: string): Record<string, string> {
  const attributes: Record<string, string> = {};
  for (const match of inside.matchAll(/([\w-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|(\S+)))?/g)) {
    attributes[match[1]!.toLowerCase()] = decodeEntities(match[2] ?? match[3] ?? match[4] ?? '');
  }
  return attributes;
}

function readEndTag(scan: Scan): void {
  const startedAt = scan.at;
  const end = scan.source.indexOf('>', startedAt);
  const offset = byteOffset(scan, startedAt);
  if (end === -1) throw refusals.cantParseEntities(`Unclosed end tag at byte offset ${offset}`);
  const name = scan.source
    .slice(startedAt + 2, end)
    .trim()
    .toLowerCase();
  const opened = scan.open.pop();
  if (!opened) throw refusals.cantParseEntities(`Unexpected end tag at byte offset ${offset}`);
  if (name !== '' && name !== opened.name) {
    throw refusals.cantParseEntities(
      `Unmatched end tag at byte offset ${offset}, expected "</${opened.name}>", found "</${name}>"`,
    );
  }
  closeTag(scan, opened);
  scan.at = end + 1;
}

function closeTag(scan: Scan, { name, startedAt, attributes }: OpenTag): void {
  const length = scan.text.length - startedAt;
  if (length === 0) return;
  const place = { offset: startedAt, length };
  if (name === 'a') {
    const url = attributes.href || scan.text.slice(startedAt);
    scan.entities.push({ type: 'text_link', ...place, url });
  } else if (name === 'tg-emoji') {
    scan.entities.push({ type: 'custom_emoji', ...place, custom_emoji_id: attributes['emoji-id'] ?? '' });
  } else if (name === 'blockquote' && attributes.expandable !== undefined) {
    scan.entities.push({ type: 'expandable_blockquote', ...place });
  } else {
    scan.entities.push({ type: TYPE_OF_TAG[name], ...place } as MessageEntity);
  }
}

function readCharacter(scan: Scan): void {
  const next = scan.source.indexOf('<', scan.at);
  const end = next === -1 ? scan.source.length : next;
  scan.text += decodeEntities(scan.source.slice(scan.at, end));
  scan.at = end;
}

const NAMED: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"' };

function decodeEntities(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(lt|gt|amp|quot));?/gi, (whole, hex, decimal, named) => {
    if (named) return NAMED[named.toLowerCase()] ?? whole;
    const code = hex ? Number.parseInt(hex, 16) : Number(decimal);
    return code > 0 && code <= 0x10_ff_ff ? String.fromCodePoint(code) : whole;
  });
}
