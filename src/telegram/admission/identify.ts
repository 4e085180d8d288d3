import type { Chat, Update, User } from '@grammyjs/types';

/** Administrators who hide behind their group speak through this account; so do channels through another. */
const GROUP_ANONYMOUS_BOT_ID = 1087968824;

export type Sender =
  | { kind: 'human'; id: number; firstName: string; username: string | null }
  /** An anonymous administrator, a channel, another bot: nobody whose rights could be looked up. */
  | { kind: 'faceless'; name: string };

export type Place = 'group' | 'private' | 'elsewhere';

type Content = { from?: User; sender_chat?: Chat };

/** Who sent it, by `from.id` and nothing else; names are only for showing. */
export function senderOf(update: Update): Sender {
  const content: Content = update.message ?? update.callback_query ?? update.my_chat_member ?? {};
  const { from, sender_chat: chat } = content;
  if (chat) return { kind: 'faceless', name: `chat ${chat.id}` };
  if (!from) return { kind: 'faceless', name: 'nobody' };
  if (from.id === GROUP_ANONYMOUS_BOT_ID || from.is_bot) return { kind: 'faceless', name: `bot ${from.id}` };
  return { kind: 'human', id: from.id, firstName: from.first_name, username: from.username ?? null };
}

/** Where it was said. A private chat is a person's own: its id is the person's. */
export function placeOf(chat: { id: number; type?: string } | undefined, engineeringChatId: number | null): Place {
  if (chat === undefined) return 'elsewhere';
  if (chat.id === engineeringChatId) return 'group';
  return chat.type === 'private' || chat.id > 0 ? 'private' : 'elsewhere';
}

/** How a sender stands in the audit log: by what stays, not by a name that changes. */
export function auditName(sender: Sender): string {
  return sender.kind === 'human' ? `telegram:${sender.id}` : `faceless:${sender.name}`;
}
