import type { ChatMember, Message, User } from '@grammyjs/types';
import { asMember } from './bot-methods.ts';
import { GROUP_ANONYMOUS_BOT } from './speaking.ts';
import { storeMessage, type Telegram, unixSeconds } from './telegram.ts';
import { createChat, getPerson, type MemberStatus, type StoredChat, toApiBot, toApiChat, toApiUser } from './world.ts';

/** Answers the new id. */
export function migrate(telegram: Telegram, old: StoredChat): number {
  if (old.type !== 'group') throw new Error(`${old.id} is a ${old.type}; only a basic group becomes a supergroup`);
  const { world } = telegram;
  const newId = -1_002_000_000_000 - Object.keys(world.chats).length;
  const seed = { id: newId, type: 'supergroup' as const, title: old.title ?? '', members: { ...old.members } };
  const chat = createChat({ ...seed, botStatus: old.bot.status });
  world.chats[newId] = chat;
  announce(telegram, old, { migrate_to_chat_id: newId });
  announce(telegram, chat, { migrate_from_chat_id: old.id });
  old.migratedTo = newId;
  announceChats(telegram);
  return newId;
}

function announce(telegram: Telegram, chat: StoredChat, content: Partial<Message>): void {
  const creator = Object.entries(chat.members).find(([, status]) => status === 'creator')?.[0];
  const from = creator ? toApiUser(getPerson(telegram.world, Number(creator))) : GROUP_ANONYMOUS_BOT;
  const message = storeMessage(telegram, chat, { from, ...content });
  telegram.queue.push({ message: message as Message & { chat: never; from: User } });
}

export function setBotStatus(telegram: Telegram, chat: StoredChat, status: MemberStatus): void {
  const self = toApiBot(telegram.world);
  const before = asMember(chat.bot.status, self);
  chat.bot.status = status;
  pushOwnMembership(telegram, chat, before, asMember(status, self));
}

/** For a private chat "kicked" is how the API says blocked. */
export function setBlocked(telegram: Telegram, chat: StoredChat, blocked: boolean): void {
  const self = toApiBot(telegram.world);
  chat.blocked = blocked;
  const member = asMember('member', self);
  const kicked = asMember('kicked', self);
  pushOwnMembership(telegram, chat, blocked ? member : kicked, blocked ? kicked : member);
}

function pushOwnMembership(telegram: Telegram, chat: StoredChat, before: ChatMember, after: ChatMember): void {
  const { world } = telegram;
  const actor = chat.type === 'private' ? chat.id : Number(Object.keys(chat.members)[0]);
  const from = world.people[actor] ? toApiUser(getPerson(world, actor)) : GROUP_ANONYMOUS_BOT;
  telegram.queue.push({
    my_chat_member: {
      chat: toApiChat(world, chat),
      from,
      date: unixSeconds(telegram),
      old_chat_member: before,
      new_chat_member: after,
    },
  });
  announceChats(telegram);
}

/** Whoever looks at the chats sees that they have changed. */
export function announceChats(telegram: Telegram): void {
  telegram.changed();
  telegram.feed.publish({ kind: 'chats' });
}
