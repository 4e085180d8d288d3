import type { MessageEntity } from '@grammyjs/types';
import type { FormattedText } from './formatted-text.ts';
import { refusals } from './refusal.ts';

type Open = { mark: string; startedAt: number; sourceAt: number };
type Scan = { source: string; at: number; text: string; open: Open[]; entities: MessageEntity[] };

const V2_MARKS = ['__', '||', '*', '_', '~'] as const;
const V2_TYPE: Record<string, { type: MessageEntity['type']; name: string }> = {
  '*': { type: 'bold', name: 'Bold' },
  _: { type: 'italic', name: 'Italic' },
  __: { type: 'underline', name: 'Underline' },
  '~': { type: 'strikethrough', name: 'Strikethrough' },
  '||': { type: 'spoiler', name: 'Spoiler' },
};
const V2_RESERVED = '_*[]()~`>#+-=|{}.!';

/** MarkdownV2: every reserved character outside an entity must be escaped, or the message is refused. */
export function parseMarkdownV2(source: string): FormattedText {
  const scan: Scan = { source, at: 0, text: '', open: [], entities: [] };
  while (scan.at < source.length) readV2(scan);
  const unclosed = scan.open.at(-1);
  if (unclosed) throw unfinished(scan, V2_TYPE[unclosed.mark]?.name ?? 'TextUrl', unclosed.sourceAt);
  return { text: scan.text, entities: scan.entities };
}

const byteOffset = (scan: Scan, at: number) => Buffer.byteLength(scan.source.slice(0, at));
const unfinished = (scan: Scan, name: string, at: number) =>
  refusals.cantParseEntities(`Can't find end of ${name} entity at byte offset ${byteOffset(scan, at)}`);

function readV2(scan: Scan) {
  const rest = scan.source.slice(scan.at);
  if (rest[0] === '\\' && rest.length > 1) return keep(scan, rest[1]!, 2);
  if (rest.startsWith('`')) return readCode(scan);
  if (rest[0] === '[') return openMark(scan, '[');
  if (rest[0] === ']' && scan.open.at(-1)?.mark === '[') return readLinkEnd(scan);
  if (rest[0] === '>' && (scan.at === 0 || scan.source[scan.at - 1] === '\n')) return readQuote(scan);
  const mark = V2_MARKS.find((candidate) => rest.startsWith(candidate));
  if (mark) return toggleMark(scan, mark);
  if (V2_RESERVED.includes(rest[0]!)) {
    throw refusals.cantParseEntities(`Character '${rest[0]}' is reserved and must be escaped with the preceding '\\'`);
  }
  keep(scan, rest[0]!, 1);
}

function keep(scan: Scan, text: string, sourceLength: number): void {
  scan.text += text;
  scan.at += sourceLength;
}

function openMark(scan: Scan, mark: string): void {
  scan.open.push({ mark, startedAt: scan.text.length, sourceAt: scan.at });
  scan.at += mark.length;
}

function toggleMark(scan: Scan, mark: string) {
  if (scan.open.at(-1)?.mark !== mark) return openMark(scan, mark);
  const { startedAt } = scan.open.pop()!;
  addEntity(scan, { type: V2_TYPE[mark]!.type, offset: startedAt } as MessageEntity);
  scan.at += mark.length;
}

function addEntity(scan: Scan, entity: MessageEntity): void {
  const length = scan.text.length - entity.offset;
  if (length > 0) scan.entities.push({ ...entity, length });
}

function readLinkEnd(scan: Scan): void {
  const { startedAt, sourceAt } = scan.open.pop()!;
  const end = scan.source[scan.at + 1] === '(' ? scan.source.indexOf(')', scan.at) : -1;
  if (end === -1) throw unfinished(scan, 'TextUrl', sourceAt);
  const url = scan.source.slice(scan.at + 2, end).replace(/\\(.)/g, '$1');
  addEntity(scan, { type: 'text_link', offset: startedAt, length: 0, url });
  scan.at = end + 1;
}

function readCode(scan: Scan): void {
  const startedAt = scan.at;
  const isPre = scan.source.startsWith('```', startedAt);
  const mark = isPre ? '```' : '`';
  const end = findUnescaped(scan.source, mark, startedAt + mark.length);
  if (end === -1) throw unfinished(scan, isPre ? 'Pre' : 'Code', startedAt);
  const inside = scan.source.slice(startedAt + mark.length, end).replace(/\\(.)/gs, '$1');
  const language = isPre ? /^(\w+)\n/.exec(inside)?.[1] : undefined;
  const offset = scan.text.length;
  scan.text += isPre ? inside.slice(language?.length ?? 0).replace(/^\n/, '') : inside;
  const type = isPre ? 'pre' : 'code';
  addEntity(scan, { type, offset, length: 0, ...(language ? { language } : {}) } as MessageEntity);
  scan.at = end + mark.length;
}

function findUnescaped(source: string, mark: string, from: number): number {
  for (let at = from; at < source.length; at += source[at] === '\\' ? 2 : 1) {
    if (source.startsWith(mark, at)) return at;
  }
  return -1;
}

function readQuote(scan: Scan): void {
  const lines = /^(?:>[^\n]*(?:\n|$))+/.exec(scan.source.slice(scan.at))![0];
  const inner = parseMarkdownV2(lines.replace(/^>/gm, '').replace(/\n$/, ''));
  const offset = scan.text.length;
  scan.entities.push(...inner.entities.map((entity) => ({ ...entity, offset: entity.offset + offset })));
  scan.text += inner.text;
  addEntity(scan, { type: 'blockquote', offset, length: 0 });
  if (lines.endsWith('\n')) scan.text += '\n';
  scan.at += lines.length;
}

/** The old Markdown: no nesting, `_ * [ \`` only, and its own wording for what is left open. */
export function parseMarkdown(source: string): FormattedText {
  const scan: Scan = { source, at: 0, text: '', open: [], entities: [] };
  while (scan.at < source.length) readV1(scan);
  return { text: scan.text, entities: scan.entities };
}

function readV1(scan: Scan) {
  const rest = scan.source.slice(scan.at);
  if (/^\\[_*`[]/.test(rest)) return keep(scan, rest[1]!, 2);
  if (rest.startsWith('```')) return readV1Span(scan, '```', 'pre');
  if (rest[0] === '`') return readV1Span(scan, '`', 'code');
  if (rest[0] === '*') return readV1Span(scan, '*', 'bold');
  if (rest[0] === '_') return readV1Span(scan, '_', 'italic');
  if (rest[0] === '[') return readV1Link(scan);
  keep(scan, rest[0]!, 1);
}

function readV1Span(scan: Scan, mark: string, type: 'pre' | 'code' | 'bold' | 'italic'): void {
  const end = scan.source.indexOf(mark, scan.at + mark.length);
  if (end === -1) throw v1Unfinished(scan);
  const offset = scan.text.length;
  scan.text += scan.source.slice(scan.at + mark.length, end);
  addEntity(scan, { type, offset, length: 0 });
  scan.at = end + mark.length;
}

function readV1Link(scan: Scan) {
  const link = /^\[([^\]]*)\]\(([^)]*)\)/.exec(scan.source.slice(scan.at));
  if (!link && !scan.source.slice(scan.at).includes(']')) throw v1Unfinished(scan);
  if (!link) return keep(scan, '[', 1);
  const offset = scan.text.length;
  scan.text += link[1]!;
  addEntity(scan, { type: 'text_link', offset, length: 0, url: link[2]! });
  scan.at += link[0].length;
}

const v1Unfinished = (scan: Scan) =>
  refusals.cantParseEntities(`Can't find end of the entity starting at byte offset ${byteOffset(scan, scan.at)}`);
