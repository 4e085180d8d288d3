import type { Message, User } from '@grammyjs/types';
import { isMember } from './chat-access.ts';
import { formatPlain } from './formatted-text.ts';
import { asReplyTarget, asText } from './sending.ts';
import { storeMessage, type Telegram } from './telegram.ts';
import {
  findMessage,
  getChat,
  getPerson,
  isBotIn,
  privateChatOf,
  type StoredChat,
  type StoredMessage,
  type World,
} from './world.ts';

/** Who stands in for an administrator who remains anonymous, and for a channel. */
export const GROUP_ANONYMOUS_BOT: User = {
  id: 1087968824,
  is_bot: true,
  first_name: 'Group',
  username: 'GroupAnonymousBot',
};
export const CHANNEL_BOT: User = { id: 136817688, is_bot: true, first_name: 'Channel', username: 'Channel_Bot' };

/** A chat this person can speak in. */
export function getOpenChat(world: World, personId: number, chatId: number): StoredChat {
  const person = getPerson(world, personId);
  if (chatId === personId) {
    const chat = privateChatOf(world, person);
    if (!chat.started) throw new Error(`${person.firstName} has not pressed Start yet`);
    return chat;
  }
  const chat = getChat(world, chatId);
  if (!isMember(chat, personId)) throw new Error(`${person.firstName} is not in ${chat.title ?? chatId}`);
  return chat;
}

export function speak(
  telegram: Telegram,
  chat: StoredChat,
  sender: { from: User; sender_chat?: Message['sender_chat'] },
  text: string,
  { replyTo, threadId }: { replyTo?: number; threadId?: number },
): Message {
  const thread = threadId === undefined ? {} : { message_thread_id: threadId, is_topic_message: true };
  const reply = replyTo === undefined ? {} : { reply_to_message: asReplyTarget(getMessage(chat, replyTo).message) };
  const content = { ...sender, ...thread, ...reply, ...asText(formatPlain(text)) };
  const message = storeMessage(telegram, chat, content as Omit<Message, 'message_id' | 'date' | 'chat'>);
  if (isHeardByBot(telegram.world, chat, message)) {
    telegram.queue.push({ message: message as Message & { chat: never; from: User } });
  }
  return message;
}

/** A bot that is no administrator hears only commands, mentions and replies in a group (privacy mode). */
function isHeardByBot(world: World, chat: StoredChat, message: Message): boolean {
  if (!isBotIn(chat) || chat.blocked || chat.deleted) return false;
  if (chat.type === 'private' || chat.bot.status === 'administrator') return true;
  const text = message.text ?? '';
  const command = /^\/\w+(?:@(\w+))?/.exec(text);
  if (command) return command[1] === undefined || command[1].toLowerCase() === world.bot.username.toLowerCase();
  return message.reply_to_message?.from?.id === world.bot.id || text.includes(`@${world.bot.username}`);
}

export function getMessage(chat: StoredChat, messageId: number): StoredMessage {
  const stored = findMessage(chat, messageId);
  if (!stored) throw new Error(`chat ${chat.id} has no message ${messageId}`);
  return stored;
}
