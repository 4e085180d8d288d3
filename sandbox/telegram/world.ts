import type { BotCommand, Chat, ChatAdministratorRights, Message, Update, User } from '@grammyjs/types';

/**
 * All that Telegram remembers: plain data, so that it can be written to a file and read back. Message ids are dense
 * in every chat (1, 2, 3 …), so the same id exists in many chats and code that forgets the chat is found out.
 */
export type World = {
  bot: { id: number; firstName: string; username: string };
  people: Record<number, Person>;
  chats: Record<number, StoredChat>;
  queue: { nextUpdateId: number; pending: PendingUpdate[]; allowed: UpdateKind[] | null };
  webhook: StoredWebhook | null;
  callbackQueries: Record<string, StoredCallbackQuery>;
  nextCallbackQuery: number;
  commands: Record<string, BotCommand[]>;
  texts: Record<string, string>;
  files: Record<string, StoredFile>;
};

export type Person = {
  id: number;
  firstName: string;
  username?: string;
  languageCode?: string;
  isBot?: boolean;
  deactivated?: boolean;
};

export type MemberStatus = 'creator' | 'administrator' | 'member' | 'left' | 'kicked';
export type MediaKind = 'text messages' | 'photos' | 'documents';

export type StoredChat = {
  id: number;
  type: Chat['type'];
  title?: string;
  username?: string;
  isForum: boolean;
  members: Record<number, MemberStatus>;
  bot: { status: MemberStatus; rights: ChatAdministratorRights };
  /** What the chat forbids to a bot that is a member; an administrator may say anything. */
  forbidden: MediaKind[];
  messages: StoredMessage[];
  topics: Topic[];
  /** Private chats: the person has pressed Start. */
  started: boolean;
  blocked: boolean;
  deleted: boolean;
  pinnedMessageIds: number[];
  migratedTo?: number;
};

export type StoredMessage = {
  message: Message;
  /** Each text the message ever showed, the current one last. */
  texts: string[];
  /** Keyboards it had before: a finger may already be on its way to one of their buttons. */
  earlierKeyboards: NonNullable<Message['reply_markup']>[];
  editCount: number;
  deletedAtMs: number | null;
  reactions: string[];
};

export type Topic = { threadId: number; name: string; iconColor: number; closed: boolean; deleted: boolean };
export type UpdateKind = Exclude<keyof Update, 'update_id'>;
export type PendingUpdate = { update: Update; expiresAtMs: number };
type StoredWebhook = {
  url: string;
  secretToken?: string;
  maxConnections: number;
  lastError?: { atMs: number; message: string };
};
type StoredCallbackQuery = { id: string; fromId: number; chatId: number; askedAtMs: number; answered: boolean };
export type StoredFile = { id: string; name: string; mimeType: string; bytesBase64: string; sizeBytes: number };

export const ENGINEERING_CHAT_ID = -1001000000001;
export const ANN = 1001;
export const BEN = 1002;
export const CARA = 2001;

export const ALL_RIGHTS: ChatAdministratorRights = {
  is_anonymous: false,
  can_manage_chat: true,
  can_delete_messages: true,
  can_manage_video_chats: false,
  can_restrict_members: false,
  can_promote_members: false,
  can_change_info: false,
  can_invite_users: true,
  can_post_stories: false,
  can_edit_stories: false,
  can_delete_stories: false,
  can_pin_messages: true,
  can_manage_topics: true,
  can_send_welcome_messages: false,
};

/** One engineering supergroup with the bot as an administrator, two engineers in it, and a customer outside it. */
export function createDefaultWorld(botId: number): World {
  const world: World = {
    bot: { id: botId, firstName: 'Breakwater', username: 'breakwater_sandbox_bot' },
    people: {},
    chats: {},
    queue: { nextUpdateId: 500_000_001, pending: [], allowed: null },
    webhook: null,
    callbackQueries: {},
    nextCallbackQuery: 1,
    commands: {},
    texts: {},
    files: {},
  };
  world.people[ANN] = { id: ANN, firstName: 'Ann', username: 'ann_engineer', languageCode: 'en' };
  world.people[BEN] = { id: BEN, firstName: 'Ben', username: 'ben_engineer', languageCode: 'en' };
  world.people[CARA] = { id: CARA, firstName: 'Cara', languageCode: 'en' };
  world.chats[ENGINEERING_CHAT_ID] = createChat({
    id: ENGINEERING_CHAT_ID,
    type: 'supergroup',
    title: 'Engineering',
    members: { [ANN]: 'creator', [BEN]: 'member' },
    botStatus: 'administrator',
  });
  return world;
}

export type ChatSeed = {
  id: number;
  type: Chat['type'];
  title?: string;
  username?: string;
  isForum?: boolean;
  members?: Record<number, MemberStatus>;
  botStatus?: MemberStatus;
};

export function createChat(seed: ChatSeed): StoredChat {
  return {
    id: seed.id,
    type: seed.type,
    ...(seed.title === undefined ? {} : { title: seed.title }),
    ...(seed.username === undefined ? {} : { username: seed.username }),
    isForum: seed.isForum ?? false,
    members: seed.members ?? {},
    bot: { status: seed.botStatus ?? 'member', rights: { ...ALL_RIGHTS } },
    forbidden: [],
    messages: [],
    topics: [],
    started: false,
    blocked: false,
    deleted: false,
    pinnedMessageIds: [],
  };
}

/** A person's private chat with the bot, made when it is first needed; the person may not have pressed Start yet. */
export function privateChatOf(world: World, person: Person): StoredChat {
  world.chats[person.id] ??= createChat({
    id: person.id,
    type: 'private',
    members: { [person.id]: 'member' },
    botStatus: 'member',
  });
  return world.chats[person.id] as StoredChat;
}

export function getPerson(world: World, personId: number): Person {
  const person = world.people[personId];
  if (!person) throw new Error(`nobody in the sandbox has the id ${personId}`);
  return person;
}

export function getChat(world: World, chatId: number): StoredChat {
  const chat = world.chats[chatId];
  if (!chat) throw new Error(`the sandbox has no chat ${chatId}`);
  return chat;
}

export function findMessage(chat: StoredChat, messageId: number): StoredMessage | undefined {
  const stored = chat.messages[messageId - 1];
  return stored && stored.deletedAtMs === null ? stored : undefined;
}

export const isGroup = (chat: StoredChat) => chat.type === 'group' || chat.type === 'supergroup';
export const isIn = (status: MemberStatus | undefined) =>
  status === 'creator' || status === 'administrator' || status === 'member';
export const isBotIn = (chat: StoredChat) => isIn(chat.bot.status);

export function toApiUser(person: Person): User {
  return {
    id: person.id,
    is_bot: person.isBot ?? false,
    first_name: person.firstName,
    ...(person.username === undefined ? {} : { username: person.username }),
    ...(person.languageCode === undefined ? {} : { language_code: person.languageCode }),
  };
}

export function toApiBot(world: World): User {
  return { id: world.bot.id, is_bot: true, first_name: world.bot.firstName, username: world.bot.username };
}

export function toApiChat(world: World, chat: StoredChat): Chat {
  const username = chat.username === undefined ? {} : { username: chat.username };
  switch (chat.type) {
    case 'private': {
      const person = getPerson(world, chat.id);
      const own = person.username === undefined ? {} : { username: person.username };
      return { id: chat.id, type: 'private', first_name: person.firstName, ...own };
    }
    case 'group':
      return { id: chat.id, type: 'group', title: chat.title ?? '' };
    case 'supergroup': {
      const forum = chat.isForum ? { is_forum: true as const } : {};
      return { id: chat.id, type: 'supergroup', title: chat.title ?? '', ...username, ...forum };
    }
    case 'channel':
      return { id: chat.id, type: 'channel', title: chat.title ?? '', ...username };
  }
}
