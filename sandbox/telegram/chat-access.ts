import { findInteger, isGiven, type Parameters, textOf } from './parameters.ts';
import { type GroupKind, refusals } from './refusal.ts';
import type { Call, Telegram } from './telegram.ts';
import { isBotIn, isIn, type MediaKind, privateChatOf, type StoredChat, type World } from './world.ts';

/** The chat a call names, as far as the bot can see it. */
export function getChatOf({ telegram, parameters }: Call, name = 'chat_id'): StoredChat {
  if (!isGiven(parameters, name)) throw refusals.chatIdIsEmpty();
  const chat = findChat(telegram.world, parameters, name);
  if (!chat) throw refusals.chatNotFound();
  if (chat.migratedTo !== undefined) throw refusals.groupWasUpgraded(chat.migratedTo);
  return chat;
}

function findChat(world: World, parameters: Parameters, name: string): StoredChat | undefined {
  const text = textOf(parameters, name);
  if (text.startsWith('@')) return Object.values(world.chats).find((chat) => `@${chat.username}` === text);
  const chatId = findInteger(parameters, name);
  if (chatId === undefined) return undefined;
  const person = world.people[chatId];
  return person ? privateChatOf(world, person) : world.chats[chatId];
}

/** A chat the bot takes part in. */
export function getOwnChatOf(call: Call, name?: string): StoredChat {
  const chat = getChatOf(call, name);
  if (chat.type === 'private') checkPerson(call.telegram, chat);
  else checkMembership(chat, chat.type);
  return chat;
}

/** A chat the bot may say this kind of thing in. */
export function getWritableChatOf(call: Call, what: MediaKind): StoredChat {
  const chat = getOwnChatOf(call);
  if (chat.type === 'channel' && chat.bot.status !== 'administrator') throw refusals.needAdministratorInChannel();
  const isFree = chat.type === 'private' || chat.bot.status === 'administrator';
  if (!isFree && chat.forbidden.includes(what)) throw refusals.notEnoughRights(`send ${what} to the chat`);
  return chat;
}

function checkPerson({ world }: Telegram, chat: StoredChat): void {
  const person = world.people[chat.id];
  if (person?.isBot) throw refusals.cantSendToBots();
  if (person?.deactivated) throw refusals.userIsDeactivated();
  if (chat.blocked) throw refusals.botWasBlocked();
  if (!chat.started) throw refusals.cantInitiateConversation();
}

function checkMembership(chat: StoredChat, kind: GroupKind): void {
  if (chat.deleted) throw refusals.groupWasDeleted();
  if (chat.bot.status === 'kicked') throw refusals.botWasKicked(kind);
  if (!isBotIn(chat)) throw refusals.botIsNotMember(kind);
}

export const isAdministrator = (chat: StoredChat, personId: number) =>
  chat.members[personId] === 'creator' || chat.members[personId] === 'administrator';

export const isMember = (chat: StoredChat, personId: number) => isIn(chat.members[personId]);

/** Spends one message of the chat's budget, or refuses with the seconds to wait. */
export function spendBudget(telegram: Telegram, chat: StoredChat, what: 'send' | 'edit'): void {
  const retryAfterSeconds = telegram.flood.spend(chat, what, telegram.now());
  if (retryAfterSeconds !== undefined) throw refusals.flood(retryAfterSeconds);
}
