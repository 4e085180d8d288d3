import { FormattedString } from '@grammyjs/parse-mode';
import type { ForceReply, InlineKeyboardMarkup } from '@grammyjs/types';
import { type Api, GrammyError, InputFile } from 'grammy';
import type { Logger } from '../../platform/log.ts';
import type { Answer } from '../bot-context.ts';
import { splitText } from './bot-split.ts';
import { classifyTelegramRefusal } from './telegram-errors.ts';

export type Destination = { chatId: number; replyTo?: number; threadId?: number };
export type Reply = { outcome: 'sent'; messageId: number } | { outcome: 'unreachable'; because: string };

/** Shorter than an update's deadline: a server that hangs is Telegram being away, not a handler that hangs. */
const CALL_TIMEOUT_MS = 4_000;

/**
 * Says it, in as many messages as it needs; the buttons are below the last, whose id is answered. `unreachable` is a person or a chat that cannot be
 * written to, which no second try would change. Everything else that fails is thrown, and the inbox tries again.
 */
export async function sendAnswer(api: Api, log: Logger, to: Destination, answer: Answer): Promise<Reply> {
  if (answer.picture) return sendPhoto(api, log, to, { ...answer, picture: answer.picture });
  const parts = splitText(answer.text);
  let messageId = 0;
  for (const [i, part] of parts.entries()) {
    const isLast = i === parts.length - 1;
    const reply = await trySend(
      api,
      to,
      part,
      isLast ? markupOf(answer) : undefined,
      isLast ? answer.document : undefined,
    );
    if (reply.outcome === 'unreachable') {
      log.warn({ because: reply.because }, 'an answer could not be given');
      return reply;
    }
    messageId = reply.messageId;
  }
  return { outcome: 'sent', messageId };
}

/** The text is its caption, which must be a short one. Where the chat takes no pictures, the words are said alone. */
async function sendPhoto(api: Api, log: Logger, to: Destination, answer: Answer & { picture: Buffer }): Promise<Reply> {
  const { picture, ...words } = answer;
  const markup = markupOf(answer);
  const { link_preview_options: _, ...place } = placeOptions(to);
  const caption = { caption: words.text.text, caption_entities: words.text.entities };
  const options = { ...caption, ...place, ...(markup ? { reply_markup: markup } : {}) };
  try {
    const sent = await api.sendPhoto(to.chatId, new InputFile(picture, 'picture.png'), options, callSignal());
    return { outcome: 'sent', messageId: sent.message_id };
  } catch (error) {
    const { act, description } = readRefusal(error);
    if (!WITHOUT_PICTURE.has(act)) throw error;
    log.warn({ description }, 'a picture was refused; its words are said alone');
    return sendAnswer(api, log, to, words);
  }
}

/** What may be the picture's fault; a person who cannot be reached is found out by the words as well. */
const WITHOUT_PICTURE = new Set<string>([
  'disable_feature',
  'recreate_thread',
  'plain_text',
  'split',
  'give_up',
  'unknown',
  'user_unreachable',
  'break_destination',
]);

type Markup = InlineKeyboardMarkup | ForceReply;

/** A question opens the answer at once, for the person it names and for nobody else. */
function markupOf({ keyboard, question }: Answer): Markup | undefined {
  return question ? { force_reply: true, selective: true, input_field_placeholder: 'The reason' } : keyboard;
}

/** A topic that is gone, and entities that are not understood, are left out. */
async function trySend(
  api: Api,
  to: Destination,
  text: FormattedString,
  markup: Markup | undefined,
  document: Answer['document'],
): Promise<Reply> {
  try {
    const options = { ...placeOptions(to), ...(markup ? { reply_markup: markup } : {}) };
    const sent = document
      ? await sendFile(api, to.chatId, document, { ...options, caption: text.text, caption_entities: text.entities })
      : await api.sendMessage(to.chatId, text.text, { ...options, entities: text.entities }, callSignal());
    return { outcome: 'sent', messageId: sent.message_id };
  } catch (error) {
    const { act, description } = readRefusal(error);
    if (act === 'recreate_thread' && to.threadId !== undefined) {
      return trySend(api, withoutThread(to), text, markup, document);
    }
    if (act === 'plain_text' && text.entities.length > 0) {
      return trySend(api, to, new FormattedString(text.text), markup, document);
    }
    if (UNREACHABLE.has(act)) return { outcome: 'unreachable', because: description };
    throw error;
  }
}

type FileOptions = Parameters<Api['sendDocument']>[2];

function sendFile(api: Api, chatId: number, { name, text }: NonNullable<Answer['document']>, options: FileOptions) {
  return api.sendDocument(chatId, new InputFile(Buffer.from(text), name), options, callSignal());
}

const UNREACHABLE = new Set<string>(['user_unreachable', 'break_destination', 'disable_feature']);

function readRefusal(error: unknown): { act: string; description: string } {
  if (!(error instanceof GrammyError)) return { act: 'thrown', description: '' };
  const { error_code: code, description, parameters } = error;
  return { act: classifyTelegramRefusal({ code, description, parameters }).act, description };
}

function withoutThread({ threadId: _, ...to }: Destination): Destination {
  return to;
}

function placeOptions({ replyTo, threadId }: Destination) {
  return {
    link_preview_options: { is_disabled: true },
    ...(replyTo === undefined ? {} : { reply_parameters: { message_id: replyTo, allow_sending_without_reply: true } }),
    ...(threadId === undefined ? {} : { message_thread_id: threadId }),
  };
}

/** grammY knows only the signals of its own polyfill by type; it needs nothing but `aborted` and the event. */
export function callSignal(): Parameters<Api['getMe']>[0] {
  return AbortSignal.timeout(CALL_TIMEOUT_MS) as unknown as Parameters<Api['getMe']>[0];
}
