import type { Chat, Update, User } from '@grammyjs/types';

/** What an update is about: the name of its one field besides the id, `unknown` if it has none we can see. */
export function kindOf(update: Update): string {
  return Object.keys(update).find((key) => key !== 'update_id') ?? 'unknown';
}

/**
 * Updates of one lane are handled one after another: a person in a chat. Without a chat the lane is the person's own;
 * with neither all share the lane `none`.
 */
export function laneOf(update: Update): string {
  const { chatId, userId } = whereFrom(update);
  if (chatId === undefined) return userId === undefined ? 'none' : `user:${userId}`;
  return `${chatId}:${userId ?? chatId}`;
}

type Content = {
  from?: User;
  user?: User;
  chat?: Chat;
  sender_chat?: Chat;
  message?: { chat?: Chat };
};

function whereFrom(update: Update): { chatId: number | undefined; userId: number | undefined } {
  const content = ((update as unknown as Record<string, unknown>)[kindOf(update)] ?? {}) as Content;
  return {
    chatId: content.chat?.id ?? content.message?.chat?.id,
    userId: content.from?.id ?? content.user?.id,
  };
}
