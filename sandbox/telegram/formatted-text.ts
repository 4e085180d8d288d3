import type { MessageEntity } from '@grammyjs/types';
import { parseHtml } from './html-text.ts';
import { whyLinkIsWrong } from './link.ts';
import { parseMarkdown, parseMarkdownV2 } from './markdown-text.ts';
import { isRecord } from './parameters.ts';
import { refusals } from './refusal.ts';

export type FormattedText = { text: string; entities: MessageEntity[] };

const TEXT_LENGTH_MAX = 4096;
const CAPTION_LENGTH_MAX = 1024;
const RAW_TEXT_BYTES_MAX = 32_768;

/**
 * What a bot's text becomes: markup parsed, ends trimmed, what Telegram finds by itself (links, commands, mentions)
 * added. Throws the refusal when it cannot be sent. Lengths are counted in code points, offsets in UTF-16 units.
 */
export function formatText(raw: string, parseMode: string, given: unknown): FormattedText {
  if (raw === '') throw refusals.textIsEmpty();
  const formatted = formatUpTo(raw, parseMode, given);
  if (formatted.text === '') throw refusals.textMustBeNonEmpty();
  if (lengthOf(formatted.text) > TEXT_LENGTH_MAX) throw refusals.messageIsTooLong();
  return formatted;
}

/** Like a text, but it may be empty and is shorter. */
export function formatCaption(raw: string, parseMode: string, given: unknown): FormattedText {
  const formatted = formatUpTo(raw, parseMode, given);
  if (lengthOf(formatted.text) > CAPTION_LENGTH_MAX) throw refusals.captionIsTooLong();
  return formatted;
}

/** A person's words: nothing is parsed, but commands and links are found in them. */
export function formatPlain(text: string): FormattedText {
  return { text, entities: findEntities(text, []) };
}

function lengthOf(text: string): number {
  return [...text].length;
}

function formatUpTo(raw: string, parseMode: string, given: unknown): FormattedText {
  if (Buffer.byteLength(raw) > RAW_TEXT_BYTES_MAX) throw refusals.textIsTooLong();
  const parsed = parse(raw, parseMode, given);
  const trimmed = trimText(parsed);
  return { text: trimmed.text, entities: findEntities(trimmed.text, trimmed.entities) };
}

function parse(raw: string, parseMode: string, given: unknown): FormattedText {
  switch (parseMode.toLowerCase()) {
    case 'html':
      return parseHtml(raw);
    case 'markdownv2':
      return parseMarkdownV2(raw);
    case 'markdown':
      return parseMarkdown(raw);
    case '':
    case 'none':
      return { text: raw, entities: readEntities(given, raw.length) };
    default:
      throw refusals.unsupportedParseMode();
  }
}

function readEntities(given: unknown, textLength: number): MessageEntity[] {
  if (given === undefined) return [];
  if (!Array.isArray(given)) throw refusals.cantParseJson('message entities');
  return given.flatMap((entity: unknown) => readEntity(entity, textLength));
}

function readEntity(entity: unknown, textLength: number): MessageEntity[] {
  if (!isRecord(entity)) throw refusals.cantParseEntities('expected an Object');
  const { type, offset, length } = entity;
  if (typeof type !== 'string') throw refusals.cantParseEntities('Can\'t find field "type"');
  if (!Number.isInteger(offset)) throw refusals.cantParseEntities('Can\'t find field "offset"');
  if (!Number.isInteger(length)) throw refusals.cantParseEntities('Can\'t find field "length"');
  if (type === 'text_link' && typeof entity.url !== 'string') {
    throw refusals.cantParseEntities('Can\'t find field "url"');
  }
  const from = offset as number;
  const size = Math.min(length as number, textLength - from);
  return from < 0 || size <= 0 ? [] : [{ ...entity, length: size } as MessageEntity];
}

function trimText({ text, entities }: FormattedText): FormattedText {
  const start = text.length - text.trimStart().length;
  const trimmed = text.trim();
  const moved = entities.map((entity) => clipEntity(entity, start, trimmed.length));
  return { text: trimmed, entities: moved.filter((entity) => entity.length > 0 && !isWrongLink(entity)) };
}

const isWrongLink = (entity: MessageEntity) => entity.type === 'text_link' && whyLinkIsWrong(entity.url) !== undefined;

function clipEntity(entity: MessageEntity, cutAtStart: number, textLength: number): MessageEntity {
  const from = Math.max(0, entity.offset - cutAtStart);
  const to = Math.min(textLength, entity.offset - cutAtStart + entity.length);
  return { ...entity, offset: from, length: to - from };
}

const AUTOMATIC: { type: 'bot_command' | 'url' | 'email' | 'mention' | 'hashtag'; pattern: RegExp }[] = [
  { type: 'url', pattern: /https?:\/\/[^\s<>"'/]*\.[^\s<>"']*[^\s<>"'.,;:!?)\]]/g },
  { type: 'email', pattern: /(?<![\w.])[\w.+-]+@[\w-]+(\.[\w-]+)+/g },
  { type: 'bot_command', pattern: /(?<![\w/@])\/[A-Za-z0-9_]{1,32}(@[A-Za-z0-9_]{3,32})?(?![\w/])/g },
  { type: 'mention', pattern: /(?<![\w@])@[A-Za-z][A-Za-z0-9_]{3,31}/g },
  { type: 'hashtag', pattern: /(?<![\w#])#[\p{L}_][\p{L}\p{N}_]*/gu },
];

function findEntities(text: string, given: MessageEntity[]): MessageEntity[] {
  const entities = [...given];
  for (const { type, pattern } of AUTOMATIC) {
    for (const match of text.matchAll(pattern)) {
      const found: MessageEntity = { type, offset: match.index, length: match[0].length };
      if (!entities.some((entity) => overlaps(entity, found) && isExclusive(entity))) entities.push(found);
    }
  }
  return entities.sort((one, other) => one.offset - other.offset || other.length - one.length);
}

const overlaps = (one: MessageEntity, other: MessageEntity) =>
  one.offset < other.offset + other.length && other.offset < one.offset + one.length;

const isExclusive = (entity: MessageEntity) =>
  ['code', 'pre', 'text_link', 'url', 'email', 'bot_command', 'mention', 'hashtag', 'text_mention'].includes(
    entity.type,
  );
