import type { MessageEntity, Update } from '@grammyjs/types';
import { maskCustomerTokens } from '../../people/customer-token.ts';
import { hasOnlyAddresses, maskAddresses, scrubText } from '../../platform/scrub.ts';
import { kindOf } from './update-lane.ts';

export const MASKED_CODE = '••••••';
/** However they are set apart; some keyboards and apps put marks around them that nobody sees. */
const SIX_DIGITS = /^[\s\p{Cf}]*(?:\d[\s\p{Cf}\p{Pd}.]*){6}$/u;
/** An authenticator’s secret: 160 bits in base32. Who answers the picture of /enroll has Telegram send its caption along. */
const FACTOR_SECRET = /\b[A-Z2-7]{32}\b/g;

/** Fields in which a person's own words arrive. Ids, names and button data are not words and stay as they are. */
const WORDS = new Set(['text', 'caption', 'query', 'file_name', 'url']);
const ENTITIES_OF: Record<string, string> = { text: 'entities', caption: 'caption_entities' };

type Fields = Record<string, unknown>;

/**
 * The update as it may be written down: codes, card numbers, addresses and tokens masked wherever people write (a customer's token by its hash, which
 * is what the handler looks up), entities moved with the text, and nothing in it that Postgres cannot store.
 */
export function maskUpdate(update: Update): Update {
  const isPrivate = isFromPrivateChat(update);
  return maskValue(update, isPrivate) as Update;
}

type Typed = { updateId: number; personId: number; text: string };

/** Six digits that somebody typed to us in private themselves; null for everything else. */
export function readTypedCode(update: Update): { updateId: number; personId: number; code: string } | null {
  const typed = readTyped(update);
  if (typed === null || !SIX_DIGITS.test(typed.text)) return null;
  return { updateId: typed.updateId, personId: typed.personId, code: typed.text.replace(/\D/g, '') };
}

/** Words that somebody typed to us in private themselves and in which e-mail addresses, and nothing else, are masked; null for everything else. */
export function readTypedAddress(update: Update): { updateId: number; personId: number; words: string } | null {
  const typed = readTyped(update);
  if (typed === null) return null;
  const words = storableText(typed.text);
  return maySeal(words) ? { updateId: typed.updateId, personId: typed.personId, words } : null;
}

function readTyped(update: Update): Typed | null {
  const { message } = update;
  if (message?.chat?.type !== 'private' || message.from?.id !== message.chat.id) return null;
  if (typeof message.text !== 'string') return null;
  if (message.forward_origin !== undefined || 'forward_date' in message) return null;
  return { updateId: update.update_id, personId: message.from.id, text: message.text };
}

/** Beside an address six digits may be a code, although among other words they are none. */
const SIX_DIGITS_AMONG_WORDS = /(?<!\d)(?:\d[\s\p{Cf}\p{Pd}.]*){6}(?!\d)/u;

function maySeal(words: string): boolean {
  if (!hasOnlyAddresses(words) || maskCustomerTokens(words) !== words) return false;
  return words.search(FACTOR_SECRET) < 0 && !SIX_DIGITS_AMONG_WORDS.test(maskAddresses(words, '@'));
}

function isFromPrivateChat(update: Update): boolean {
  const content = (update as unknown as Record<string, { chat?: { type?: string } } | undefined>)[kindOf(update)];
  return content?.chat?.type === 'private';
}

function maskValue(value: unknown, isPrivate: boolean): unknown {
  if (typeof value === 'string') return storableText(value);
  if (Array.isArray(value)) return value.map((item) => maskValue(item, isPrivate));
  if (typeof value !== 'object' || value === null) return value;
  return maskFields(value as Fields, isPrivate);
}

function maskFields(fields: Fields, isPrivate: boolean): Fields {
  const masked: Fields = {};
  for (const [key, value] of Object.entries(fields)) {
    const isWords = WORDS.has(key) && typeof value === 'string';
    masked[key] = isWords ? maskWords(value, isPrivate) : maskValue(value, isPrivate);
  }
  for (const [textKey, entitiesKey] of Object.entries(ENTITIES_OF)) moveEntities(fields, masked, textKey, entitiesKey);
  return masked;
}

function maskWords(text: string, isPrivate: boolean): string {
  if (SIX_DIGITS.test(text)) return MASKED_CODE;
  const storable = maskCustomerTokens(storableText(text));
  return scrubText(isPrivate ? storable.replace(FACTOR_SECRET, MASKED_CODE) : storable);
}

/** jsonb takes neither a NUL nor half a surrogate pair, and one such update must not hold up the others of its insert. */
function storableText(text: string): string {
  return text.replaceAll('\u0000', '').toWellFormed();
}

function moveEntities(before: Fields, masked: Fields, textKey: string, entitiesKey: string): void {
  const [from, to, entities] = [before[textKey], masked[textKey], masked[entitiesKey]];
  if (typeof from !== 'string' || typeof to !== 'string' || !Array.isArray(entities) || from === to) return;
  masked[entitiesKey] = keepEntities(entities as MessageEntity[], from, to);
}

/** Those before the first masked character stay, those after the last move with their text, the others are dropped. */
function keepEntities(entities: MessageEntity[], from: string, to: string): MessageEntity[] {
  const prefix = commonPrefixLength(from, to);
  const suffix = commonSuffixLength(from, to, prefix);
  const shift = to.length - from.length;
  return entities.flatMap((entity) => {
    if (entity.offset + entity.length <= prefix) return [entity];
    if (entity.offset >= from.length - suffix) return [{ ...entity, offset: entity.offset + shift }];
    return [];
  });
}

function commonPrefixLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length += 1;
  return length;
}

function commonSuffixLength(a: string, b: string, prefix: number): number {
  const longest = Math.min(a.length, b.length) - prefix;
  let length = 0;
  while (length < longest && a[a.length - 1 - length] === b[b.length - 1 - length]) length += 1;
  return length;
}
