import { FormattedString } from '@grammyjs/parse-mode';
import type { ForceReply, InlineKeyboardMarkup } from '@grammyjs/types';
import { type Api, GrammyError, InputFile } from 'grammy';
import type { Logger } from '../platform/log.ts';
import type { Answer } from './bot-context.ts';
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
  if (answer.picture) return sendPhoto(api, to, answer.picture, answer);
  const parts = splitText(answer.text);
  let messageId = 0;
  for (const [i, part] of parts.entries()) {
    const reply = await trySend(api, to, part, i === parts.length - 1 ? markupOf(answer) : undefined);
    if (reply.outcome === 'unreachable') {
      log.warn({ because: reply.because }, 'an answer could not be given');
      return reply;
    }
    messageId = reply.messageId;
  }
  return { outcome: 'sent', messageId };
}

/** The text is its caption, which must be a short one. */
async function sendPhoto(api: Api, to: Destination, png: Buffer, answer: Answer): Promise<Reply> {
  const { text, keyboard } = answer;
  const options = {
    caption: text.text,
    caption_entities: text.entities,
    ...(keyboard ? { reply_markup: keyboard } : {}),
  };
  try {
    const sent = await api.sendPhoto(to.chatId, new InputFile(png, 'picture.png'), options, callSignal());
    return { outcome: 'sent', messageId: sent.message_id };
  } catch (error) {
    const { act, description } = readRefusal(error);
    if (UNREACHABLE.has(act)) return { outcome: 'unreachable', because: description };
    throw error;
  }
}

type Markup = InlineKeyboardMarkup | ForceReply;

/** A question opens the answer at once, for the person it names and for nobody else. */
function markupOf({ keyboard, question }: Answer): Markup | undefined {
  return question ? { force_reply: true, selective: true, input_field_placeholder: 'The reason' } : keyboard;
}

/** A topic that is gone, and entities that are not understood, are left out. */
async function trySend(api: Api, to: Destination, text: FormattedString, markup: Markup | undefined): Promise<Reply> {
  try {
    const options = { entities: text.entities, ...placeOptions(to), ...(markup ? { reply_markup: markup } : {}) };
    const sent = await api.sendMessage(to.chatId, text.text, options, callSignal());
    return { outcome: 'sent', messageId: sent.message_id };
  } catch (error) {
    const { act, description } = readRefusal(error);
    if (act === 'recreate_thread' && to.threadId !== undefined) {
      return trySend(api, withoutThread(to), text, markup);
    }
    if (act === 'plain_text' && text.entities.length > 0) {
      return trySend(api, to, new FormattedString(text.text), markup);
    }
    if (UNREACHABLE.has(act)) return { outcome: 'unreachable', because: description };
    throw error;
  }
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
