import type { InlineKeyboardButton, MessageEntity } from '@grammyjs/types';
import type { StoredChat, StoredMessage } from './world.ts';

/** A message as a person sees it now, and what it was before. */
export type ChatMessage = {
  chatId: number;
  messageId: number;
  threadId?: number;
  from: { id: number; firstName: string; isBot: boolean };
  /** The text, or the caption of a photo or document; empty for a service message. */
  text: string;
  entities: MessageEntity[];
  buttons: Button[][];
  replyToMessageId?: number;
  photoFileId?: string;
  document?: { fileId: string; name: string };
  /** What a service message says: `forum_topic_created`, `migrate_to_chat_id` … */
  service?: string;
  atMs: number;
  editedAtMs?: number;
  editCount: number;
  /** Every text it ever had, the current one last. */
  history: string[];
  isDeleted: boolean;
  isPinned: boolean;
  reactions: string[];
};

type Button = { text: string; data?: string; url?: string };

const SERVICE_FIELDS = [
  'migrate_to_chat_id',
  'migrate_from_chat_id',
  'forum_topic_created',
  'forum_topic_edited',
  'forum_topic_closed',
  'forum_topic_reopened',
  'new_chat_members',
  'left_chat_member',
] as const;

export function toChatMessage(chat: StoredChat, stored: StoredMessage): ChatMessage {
  const { message } = stored;
  const photo = message.photo?.at(-1);
  const service = SERVICE_FIELDS.find((field) => message[field] !== undefined);
  return {
    chatId: chat.id,
    messageId: message.message_id,
    ...(message.message_thread_id === undefined ? {} : { threadId: message.message_thread_id }),
    from: {
      id: message.from?.id ?? 0,
      firstName: message.from?.first_name ?? '',
      isBot: message.from?.is_bot ?? false,
    },
    text: message.text ?? message.caption ?? '',
    entities: message.entities ?? message.caption_entities ?? [],
    buttons: (message.reply_markup?.inline_keyboard ?? []).map((row) => row.map(toButton)),
    ...(message.reply_to_message ? { replyToMessageId: message.reply_to_message.message_id } : {}),
    ...(photo ? { photoFileId: photo.file_id } : {}),
    ...(message.document
      ? { document: { fileId: message.document.file_id, name: message.document.file_name ?? 'file' } }
      : {}),
    ...(service ? { service } : {}),
    atMs: message.date * 1000,
    ...(message.edit_date === undefined ? {} : { editedAtMs: message.edit_date * 1000 }),
    editCount: stored.editCount,
    history: stored.texts,
    isDeleted: stored.deletedAtMs !== null,
    isPinned: chat.pinnedMessageIds.includes(message.message_id),
    reactions: stored.reactions,
  };
}

function toButton(button: InlineKeyboardButton): Button {
  return {
    text: button.text,
    ...('callback_data' in button ? { data: button.callback_data } : {}),
    ...('url' in button ? { url: button.url } : {}),
  };
}
