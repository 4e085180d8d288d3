import type { InlineKeyboardMarkup, Message, Update } from '@grammyjs/types';
import { getOwnChatOf, spendBudget } from './chat-access.ts';
import { formatText } from './formatted-text.ts';
import { readKeyboard } from './keyboard.ts';
import { findInteger, findJson, getMessageId, isRecord, textOf } from './parameters.ts';
import { refusals } from './refusal.ts';
import { asText, captionOf } from './sending.ts';
import { type Call, type MessageContent, type Methods, touchMessage, unixSeconds } from './telegram.ts';
import { findMessage, isGroup, type StoredChat, type StoredMessage } from './world.ts';

type Edited<M> = Update.Edited & M;
const DELETE_WITHIN_SECONDS = 48 * 3600;
const REACTIONS =
  '👍👎❤🔥🥰👏😁🤔🤯😱🤬😢🎉🤩🤮💩🙏👌🕊🤡🥱🥴😍🐳🌚🌭💯🤣⚡🍌🏆💔🤨😐🍓🍾💋🖕😈😴😭🤓👻👨‍💻👀🎃🙈😇😨🤝✍🤗🫡🎅🎄☃💅🤪🗿🆒💘🙉🦄😘💊🙊😎👾😡';

export const editingMethods = {
  editMessageText: (call) => {
    const formatted = formatText(
      textOf(call.parameters, 'text'),
      textOf(call.parameters, 'parse_mode'),
      findJson(call.parameters, 'entities', 'message entities'),
    );
    return edit(call, ({ message }) => {
      if (message.text === undefined) throw refusals.noTextToEdit();
      return { entities: undefined, ...asText(formatted) };
    }) as Edited<Message.TextMessage>;
  },
  editMessageCaption: (call) => {
    const caption = captionOf(call.parameters);
    return edit(call, ({ message }) => {
      if (!message.photo && !message.document) throw refusals.noCaptionToEdit();
      return { caption: undefined, caption_entities: undefined, ...caption };
    }) as Edited<Message.CaptionableMessage>;
  },
  editMessageReplyMarkup: (call) => edit(call, () => ({})) as Edited<Message>,
  deleteMessage: (call) => {
    const chat = getOwnChatOf(call);
    const stored = findMessage(chat, getMessageId(call.parameters));
    if (!stored) throw refusals.messageToDeleteNotFound();
    checkDeletable(call, chat, stored);
    remove(call, chat, stored);
    return true;
  },
  deleteMessages: (call) => {
    const chat = getOwnChatOf(call);
    const ids = findJson(call.parameters, 'message_ids', 'message identifiers');
    if (!Array.isArray(ids) || ids.length === 0) throw refusals.messageIdentifierIsNotSpecified();
    for (const id of ids.slice(0, 100)) {
      const stored = findMessage(chat, Number(id));
      if (stored && isDeletable(call, chat, stored)) remove(call, chat, stored);
    }
    return true;
  },
  setMessageReaction: (call) => {
    const chat = getOwnChatOf(call);
    const stored = findMessage(chat, getMessageId(call.parameters));
    if (!stored) throw refusals.messageToReactNotFound();
    stored.reactions = readReactions(findJson(call.parameters, 'reaction', 'reaction types'));
    touchMessage(call.telegram, chat, stored.message.message_id);
    return true;
  },
  pinChatMessage: (call) => {
    const chat = getPinningChat(call);
    const messageId = getMessageId(call.parameters);
    if (!findMessage(chat, messageId)) throw refusals.messageToPinNotFound();
    chat.pinnedMessageIds = [messageId, ...chat.pinnedMessageIds.filter((pinned) => pinned !== messageId)];
    touchMessage(call.telegram, chat, messageId);
    return true;
  },
  unpinChatMessage: (call) => {
    const chat = getPinningChat(call);
    const messageId = findInteger(call.parameters, 'message_id') ?? chat.pinnedMessageIds[0];
    if (messageId === undefined || !chat.pinnedMessageIds.includes(messageId)) throw refusals.messageToUnpinNotFound();
    chat.pinnedMessageIds = chat.pinnedMessageIds.filter((pinned) => pinned !== messageId);
    touchMessage(call.telegram, chat, messageId);
    return true;
  },
} satisfies Methods;

/** Whatever the edit does not name stays, except the keyboard: without `reply_markup` it goes. */
function edit(call: Call, change: (stored: StoredMessage) => Partial<MessageContent>): Message {
  const { telegram } = call;
  const keyboard = readKeyboard(findJson(call.parameters, 'reply_markup', 'reply keyboard markup'));
  const messageId = getMessageId(call.parameters);
  const chat = getOwnChatOf(call);
  const stored = getEditable(call, chat, messageId);
  const { reply_markup: before, ...rest } = stored.message;
  const content = { ...rest, ...change(stored), ...(keyboard ? { reply_markup: keyboard } : {}) };
  spendBudget(telegram, chat, 'edit');
  if (looksOf(content) === looksOf(stored.message)) throw refusals.messageIsNotModified();
  applyEdit(stored, dropUndefined(content), before, unixSeconds(telegram));
  touchMessage(telegram, chat, messageId);
  return stored.message;
}

function getEditable({ telegram }: Call, chat: StoredChat, messageId: number): StoredMessage {
  const stored = findMessage(chat, messageId);
  if (!stored) throw refusals.messageToEditNotFound();
  if (stored.message.from?.id !== telegram.world.bot.id) throw refusals.messageCantBeEdited();
  return stored;
}

function applyEdit(
  stored: StoredMessage,
  content: Message,
  before: InlineKeyboardMarkup | undefined,
  editDate: number,
): void {
  if (before) stored.earlierKeyboards.push(before);
  stored.message = { ...content, edit_date: editDate };
  stored.texts.push(content.text ?? content.caption ?? '');
  stored.editCount += 1;
}

const looksOf = ({ text, entities, caption, caption_entities, reply_markup }: Partial<Message>) =>
  JSON.stringify([text, entities ?? [], caption, caption_entities ?? [], reply_markup ?? null]);

const dropUndefined = (message: Message): Message => JSON.parse(JSON.stringify(message)) as Message;

function checkDeletable(call: Call, chat: StoredChat, stored: StoredMessage): void {
  if (isDeletable(call, chat, stored)) return;
  throw isTooOld(call, stored) ? refusals.messageCantBeDeletedForEveryone() : refusals.messageCantBeDeleted();
}

const isTooOld = ({ telegram }: Call, { message }: StoredMessage) =>
  message.date < unixSeconds(telegram) - DELETE_WITHIN_SECONDS;

function isDeletable(call: Call, chat: StoredChat, stored: StoredMessage): boolean {
  if (isGroup(chat) && chat.bot.status === 'administrator' && chat.bot.rights.can_delete_messages) return true;
  if (isTooOld(call, stored)) return false;
  return stored.message.from?.id === call.telegram.world.bot.id || chat.type === 'private';
}

function remove({ telegram }: Call, chat: StoredChat, stored: StoredMessage): void {
  stored.deletedAtMs = telegram.now();
  touchMessage(telegram, chat, stored.message.message_id);
}

function readReactions(given: unknown): string[] {
  if (given === undefined) return [];
  if (!Array.isArray(given) || given.length > 1) throw refusals.reactionInvalid();
  return given.map((reaction: unknown) => {
    if (!isRecord(reaction) || reaction.type !== 'emoji') throw refusals.reactionInvalid();
    const emoji = String(reaction.emoji);
    if (emoji === '' || !REACTIONS.includes(emoji)) throw refusals.reactionIsNotAvailable();
    return emoji;
  });
}

function getPinningChat(call: Call): StoredChat {
  const chat = getOwnChatOf(call);
  const isAllowed =
    chat.type === 'private' || (chat.bot.status === 'administrator' && chat.bot.rights.can_pin_messages === true);
  if (!isAllowed) throw refusals.notEnoughRights('manage pinned messages in the chat');
  return chat;
}
