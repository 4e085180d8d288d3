import type { LiveEvent } from '../live-feed.ts';
import { type ChatMessage, toChatMessage } from './chat-message.ts';
import type { Telegram } from './telegram.ts';
import { getChat, type StoredChat } from './world.ts';

export function listMessages(chat: StoredChat): ChatMessage[] {
  return chat.messages.filter((stored) => stored.deletedAtMs === null).map((stored) => toChatMessage(chat, stored));
}

export function waitForMessage(
  telegram: Telegram,
  chatId: number,
  predicate: (message: ChatMessage) => boolean,
  timeoutMs: number,
): Promise<ChatMessage> {
  const find = () =>
    telegram.world.chats[chatId] ? listMessages(getChat(telegram.world, chatId)).find(predicate) : undefined;
  return new Promise((resolve, reject) => {
    const end = telegram.feed.subscribe((event: LiveEvent) => {
      const found = event.kind === 'message' && event.chatId === chatId ? find() : undefined;
      if (found) finish(() => resolve(found));
    });
    const timer = setTimeout(() => finish(() => reject(new Error(missing(telegram, chatId, timeoutMs)))), timeoutMs);
    const finish = (settle: () => void) => {
      end();
      clearTimeout(timer);
      settle();
    };
    const already = find();
    if (already) finish(() => resolve(already));
  });
}

function missing({ world }: Telegram, chatId: number, timeoutMs: number): string {
  const chat = world.chats[chatId];
  const texts = chat ? listMessages(chat).map((message) => `#${message.messageId} ${message.text}`) : [];
  return `no such message in chat ${chatId} within ${timeoutMs} ms; it has: ${texts.join(' | ') || 'nothing'}`;
}
