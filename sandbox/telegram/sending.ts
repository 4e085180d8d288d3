import type { Message } from '@grammyjs/types';
import { getOwnChatOf, getWritableChatOf, spendBudget } from './chat-access.ts';
import { type FormattedText, formatCaption, formatText } from './formatted-text.ts';
import { readKeyboard } from './keyboard.ts';
import { findInteger, findJson, isGiven, isRecord, isTrue, type Parameters, textOf } from './parameters.ts';
import { refusals } from './refusal.ts';
import { type Call, type MessageContent, type Methods, storeMessage } from './telegram.ts';
import { readPhoto, readUpload } from './uploads.ts';
import { findMessage, type MediaKind, type StoredChat, toApiBot } from './world.ts';

const CHAT_ACTIONS = [
  'typing',
  'upload_photo',
  'record_video',
  'upload_video',
  'record_voice',
  'upload_voice',
  'upload_document',
  'choose_sticker',
  'find_location',
  'record_video_note',
  'upload_video_note',
];

export const sendingMethods = {
  sendMessage: (call) => {
    const formatted = formatText(
      textOf(call.parameters, 'text'),
      textOf(call.parameters, 'parse_mode'),
      findJson(call.parameters, 'entities', 'message entities'),
    );
    return send(call, 'text messages', asText(formatted)) as Message.TextMessage;
  },
  sendPhoto: (call) => {
    const caption = captionOf(call.parameters);
    const photo = readPhoto(call);
    return send(call, 'photos', { photo, ...caption }) as Message.PhotoMessage;
  },
  sendDocument: (call) => {
    const caption = captionOf(call.parameters);
    const document = readUpload(call, 'document');
    return send(call, 'documents', { document, ...caption }) as Message.DocumentMessage;
  },
  sendChatAction: (call) => {
    if (!CHAT_ACTIONS.includes(textOf(call.parameters, 'action'))) throw refusals.wrongChatAction();
    const chat = getOwnChatOf(call);
    call.telegram.feed.publish({ kind: 'typing', chatId: chat.id });
    return true;
  },
  copyMessage: (call) => {
    const original = findOriginal(call) ?? refuseWith(refusals.messageToCopyNotFound());
    const sent = send(call, 'text messages', copyOf(original));
    return { message_id: sent.message_id };
  },
  forwardMessage: (call) => {
    const original = findOriginal(call) ?? refuseWith(refusals.messageToForwardNotFound());
    const { from, chat, date } = original;
    const origin = from
      ? { type: 'user' as const, sender_user: from, date }
      : { type: 'hidden_user' as const, sender_user_name: chat.title ?? '', date };
    return send(call, 'text messages', { ...copyOf(original), forward_origin: origin }) as Message;
  },
} satisfies Methods;

export const asText = ({ text, entities }: FormattedText): MessageContent => ({
  text,
  ...(entities.length > 0 ? { entities } : {}),
});

const asCaption = ({ text, entities }: FormattedText): MessageContent => ({
  ...(text === '' ? {} : { caption: text }),
  ...(entities.length > 0 ? { caption_entities: entities } : {}),
});

export function captionOf(parameters: Parameters): MessageContent {
  const given = findJson(parameters, 'caption_entities', 'message entities');
  return asCaption(formatCaption(textOf(parameters, 'caption'), textOf(parameters, 'parse_mode'), given));
}

function send(call: Call, what: MediaKind, content: MessageContent): Message {
  const keyboard = readKeyboard(findJson(call.parameters, 'reply_markup', 'reply keyboard markup'));
  const chat = getWritableChatOf(call, what);
  const place = { ...threadOf(call, chat), ...replyOf(call, chat) };
  spendBudget(call.telegram, chat, 'send');
  return storeMessage(call.telegram, chat, {
    from: toApiBot(call.telegram.world),
    ...place,
    ...content,
    ...(keyboard ? { reply_markup: keyboard } : {}),
  });
}

/** Where in a forum it goes. Outside forums a thread id is silently ignored, as Telegram does. */
function threadOf({ parameters }: Call, chat: StoredChat): MessageContent {
  const threadId = findInteger(parameters, 'message_thread_id');
  if (!chat.isForum || !threadId) return {};
  const topic = chat.topics.find((candidate) => candidate.threadId === threadId && !candidate.deleted);
  if (!topic) throw refusals.messageThreadNotFound();
  const mayWriteAnyway = chat.bot.status === 'administrator' && chat.bot.rights.can_manage_topics === true;
  if (topic.closed && !mayWriteAnyway) throw refusals.topicClosed();
  return { message_thread_id: threadId, is_topic_message: true };
}

function replyOf({ parameters }: Call, chat: StoredChat): MessageContent {
  const { messageId, isOptional } = readReply(parameters);
  if (messageId === undefined) return {};
  const target = findMessage(chat, messageId);
  if (target) return { reply_to_message: asReplyTarget(target.message) };
  if (isOptional) return {};
  throw refusals.messageToBeRepliedNotFound();
}

function readReply(parameters: Parameters): { messageId: number | undefined; isOptional: boolean } {
  if (!isGiven(parameters, 'reply_parameters')) {
    const messageId = findInteger(parameters, 'reply_to_message_id');
    return { messageId, isOptional: isTrue(parameters, 'allow_sending_without_reply') };
  }
  const given = findJson(parameters, 'reply_parameters', 'reply parameters');
  if (!isRecord(given)) throw refusals.cantParseJson('reply parameters');
  const messageId = Number(given.message_id);
  if (!Number.isInteger(messageId)) throw refusals.messageIdentifierIsNotSpecified();
  return { messageId, isOptional: given.allow_sending_without_reply === true };
}

export function asReplyTarget(message: Message): NonNullable<Message['reply_to_message']> {
  const { reply_to_message: _, ...rest } = message;
  return { ...rest, reply_to_message: undefined };
}

function findOriginal(call: Call): Message | undefined {
  const from = getOwnChatOf(call, 'from_chat_id');
  return findMessage(from, findInteger(call.parameters, 'message_id') ?? 0)?.message;
}

function copyOf({ text, entities, caption, caption_entities, photo, document }: Message): MessageContent {
  return JSON.parse(JSON.stringify({ text, entities, caption, caption_entities, photo, document })) as MessageContent;
}

function refuseWith(refusal: Error): never {
  throw refusal;
}
