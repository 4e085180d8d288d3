import type { BotCommand, ChatFullInfo, ChatMember, ChatMemberAdministrator, ChatMemberOwner } from '@grammyjs/types';
import { getChatOf, getOwnChatOf, isAdministrator } from './chat-access.ts';
import { findInteger, findJson, isRecord, isTrue, textOf } from './parameters.ts';
import { refusals } from './refusal.ts';
import { type Call, type Methods, touchMessage } from './telegram.ts';
import type { MemberStatus, StoredChat, World } from './world.ts';
import { ALL_RIGHTS, getPerson, toApiBot, toApiChat, toApiUser } from './world.ts';

const CALLBACK_ANSWER_LENGTH_MAX = 200;
const COMMANDS_MAX = 100;
const TEN_MINUTES_MS = 600_000;

export const botMethods = {
  getMe: ({ telegram: { world } }) => ({
    ...toApiBot(world),
    is_bot: true as const,
    username: world.bot.username,
    can_join_groups: true,
    can_read_all_group_messages: false,
    supports_guest_queries: false,
    supports_inline_queries: false,
    can_connect_to_business: false,
    has_main_web_app: false,
    has_topics_enabled: false,
    allows_users_to_create_topics: false,
    can_manage_bots: false,
    supports_join_request_queries: false,
  }),
  logOut: () => true,
  close: ({ telegram }) => {
    const waitMs = telegram.startedAtMs + TEN_MINUTES_MS - telegram.now();
    if (waitMs > 0) throw refusals.flood(Math.ceil(waitMs / 1000));
    return true;
  },
  answerCallbackQuery: (call) => {
    const { telegram, parameters } = call;
    const query = telegram.world.callbackQueries[textOf(parameters, 'callback_query_id')];
    const age = query ? telegram.now() - query.askedAtMs : Number.POSITIVE_INFINITY;
    if (!query || query.answered || age > telegram.settings.callbackAnswerMs) throw refusals.queryIsTooOld();
    const text = textOf(parameters, 'text');
    if ([...text].length > CALLBACK_ANSWER_LENGTH_MAX) throw refusals.callbackAnswerTooLong();
    query.answered = true;
    const url = textOf(parameters, 'url');
    const answer = { kind: 'answered' as const, text, showAlert: isTrue(parameters, 'show_alert'), afterMs: age };
    telegram.openPresses.get(query.id)?.(url === '' ? answer : { ...answer, url });
    telegram.changed();
    return true;
  },
  setMyCommands: (call) => {
    const commands = readCommands(findJson(call.parameters, 'commands', 'list of commands'));
    call.telegram.world.commands[scopeKeyOf(call)] = commands;
    announceCommands(call);
    return true;
  },
  getMyCommands: (call) => call.telegram.world.commands[scopeKeyOf(call)] ?? [],
  deleteMyCommands: (call) => {
    delete call.telegram.world.commands[scopeKeyOf(call)];
    announceCommands(call);
    return true;
  },
  setMyDescription: (call) => setText(call, 'description', 512),
  setMyShortDescription: (call) => setText(call, 'short_description', 120),
  getMyDescription: (call) => ({ description: findText(call, 'description') }),
  getMyShortDescription: (call) => ({ short_description: findText(call, 'short_description') }),
  setMyName: (call) => setText(call, 'name', 64),
  getMyName: (call) => ({ name: findText(call, 'name') || call.telegram.world.bot.firstName }),
  setChatMenuButton: () => true,
  getChat: (call) => {
    const chat = getChatOf(call);
    if (chat.type !== 'private') getOwnChatOf(call);
    return toFullInfo(call.telegram.world, chat);
  },
  getChatMember: (call) => {
    const chat = getOwnChatOf(call);
    const userId = findInteger(call.parameters, 'user_id');
    if (userId === undefined || userId <= 0) throw refusals.invalidUserId();
    return memberOf(call.telegram.world, chat, userId);
  },
  getChatMemberCount: (call) => {
    const chat = getOwnChatOf(call);
    return Object.values(chat.members).filter((status) => status !== 'left' && status !== 'kicked').length + 1;
  },
  getChatAdministrators: (call) => {
    const chat = getOwnChatOf(call);
    if (chat.type === 'private') throw refusals.noAdministratorsInPrivate();
    const { world } = call.telegram;
    const ids = Object.keys(chat.members).map(Number);
    const people = ids.filter((id) => isAdministrator(chat, id)).map((id) => memberOf(world, chat, id));
    const self = chat.bot.status === 'administrator' ? [memberOf(world, chat, world.bot.id)] : [];
    return [...people, ...self] as (ChatMemberOwner | ChatMemberAdministrator)[];
  },
  leaveChat: (call) => {
    const chat = getOwnChatOf(call);
    if (chat.type === 'private') throw refusals.cantLeavePrivate();
    chat.bot.status = 'left';
    touchMessage(call.telegram, chat, 0);
    return true;
  },
  getFile: ({ telegram: { world }, parameters }) => {
    const file = world.files[textOf(parameters, 'file_id')];
    if (!file) throw refusals.wrongFileId();
    if (file.sizeBytes > 20_000_000) throw refusals.fileIsTooBig();
    return {
      file_id: file.id,
      file_unique_id: `unique-${file.id}`,
      file_size: file.sizeBytes,
      file_path: `files/${file.id}`,
    };
  },
} satisfies Methods;

function readCommands(given: unknown): BotCommand[] {
  if (!Array.isArray(given)) throw refusals.cantParseJson('list of commands');
  if (given.length > COMMANDS_MAX) throw refusals.botCommandsTooMuch();
  return given.map(readCommand);
}

function readCommand(given: unknown): BotCommand {
  if (!isRecord(given)) throw refusals.cantParseJson('list of commands');
  const command = String(given.command ?? '').replace(/^\//, '');
  const description = String(given.description ?? '').trim();
  if (!/^[a-z0-9_]{1,32}$/.test(command)) throw refusals.botCommandInvalid();
  if (description.length === 0 || description.length > 256) throw refusals.botCommandDescriptionInvalid();
  return { command, description };
}

const SCOPES = ['default', 'all_private_chats', 'all_group_chats', 'all_chat_administrators'];
const CHAT_SCOPES = ['chat', 'chat_administrators', 'chat_member'];

/** One list of commands per scope and language. */
function scopeKeyOf(call: Call): string {
  const scope = findJson(call.parameters, 'scope', 'BotCommandScope') ?? { type: 'default' };
  if (!isRecord(scope)) throw refusals.cantParseCommandScope('expected an Object');
  const type = String(scope.type ?? 'default');
  const language = textOf(call.parameters, 'language_code');
  if (SCOPES.includes(type)) return scopeKey(type, language);
  if (!CHAT_SCOPES.includes(type)) throw refusals.cantParseCommandScope('unsupported type specified');
  const named: Call = { ...call, parameters: { texts: { chat_id: String(scope.chat_id ?? '') }, files: {} } };
  const chat = getChatOf(named);
  return scopeKey(type, language, chat.id, type === 'chat_member' ? Number(scope.user_id) : undefined);
}

const scopeKey = (type: string, language: string, chatId?: number, userId?: number) =>
  [type, chatId ?? '', userId ?? '', language].join(':');

/** What a person sees after typing "/" in a chat: the first list that is set, in Telegram's documented order. */
export function findCommandsFor(world: World, chat: StoredChat, personId: number): BotCommand[] {
  const language = world.people[personId]?.languageCode ?? '';
  const isAdmin = isAdministrator(chat, personId);
  const scopes =
    chat.type === 'private'
      ? [scopeKey('chat', '', chat.id), scopeKey('all_private_chats', ''), scopeKey('default', '')]
      : [
          scopeKey('chat_member', '', chat.id, personId),
          ...(isAdmin ? [scopeKey('chat_administrators', '', chat.id)] : []),
          scopeKey('chat', '', chat.id),
          ...(isAdmin ? [scopeKey('all_chat_administrators', '')] : []),
          scopeKey('all_group_chats', ''),
          scopeKey('default', ''),
        ];
  const keys = scopes.flatMap((scope) => [`${scope}${language}`, scope]);
  const first = keys.find((key) => (world.commands[key] ?? []).length > 0);
  return first === undefined ? [] : (world.commands[first] ?? []);
}

function announceCommands({ telegram }: Call): void {
  telegram.changed();
  telegram.feed.publish({ kind: 'commands' });
}

function setText(call: Call, name: string, lengthMax: number): true {
  const text = textOf(call.parameters, name);
  if ([...text].length > lengthMax) throw refusals.descriptionIsTooLong();
  call.telegram.world.texts[`${name}:${textOf(call.parameters, 'language_code')}`] = text;
  call.telegram.changed();
  return true;
}

const findText = (call: Call, name: string) =>
  call.telegram.world.texts[`${name}:${textOf(call.parameters, 'language_code')}`] ?? '';

function toFullInfo(world: World, chat: StoredChat): ChatFullInfo {
  const gifts = {
    unlimited_gifts: false,
    limited_gifts: false,
    unique_gifts: false,
    premium_subscription: false,
    gifts_from_channels: false,
  };
  const pinned = chat.messages[(chat.pinnedMessageIds[0] ?? 0) - 1]?.message;
  return {
    ...toApiChat(world, chat),
    accent_color_id: 0,
    max_reaction_count: 11,
    accepted_gift_types: gifts,
    ...(pinned ? { pinned_message: pinned } : {}),
  } as ChatFullInfo;
}

/** A member as the API shows one; somebody who was never there has left. */
function memberOf(world: World, chat: StoredChat, userId: number): ChatMember {
  if (userId === world.bot.id) return botMemberOf(world, chat);
  if (!world.people[userId]) throw refusals.userNotFound();
  const user = toApiUser(getPerson(world, userId));
  return asMember(chat.members[userId] ?? 'left', user);
}

function botMemberOf(world: World, chat: StoredChat): ChatMember {
  const user = toApiBot(world);
  if (chat.bot.status !== 'administrator') return asMember(chat.bot.status, user);
  return { status: 'administrator', user, can_be_edited: false, ...chat.bot.rights };
}

export function asMember(status: MemberStatus, user: ReturnType<typeof toApiUser>): ChatMember {
  switch (status) {
    case 'creator':
      return { status, user, is_anonymous: false };
    case 'administrator':
      return { status, user, can_be_edited: false, ...ALL_RIGHTS };
    case 'member':
    case 'left':
      return { status, user };
    case 'kicked':
      return { status, user, until_date: 0 };
  }
}
