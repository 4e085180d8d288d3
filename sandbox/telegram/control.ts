import type { ChatMember, Message, User } from '@grammyjs/types';
import type { LiveEvent } from '../live-feed.ts';
import { STEP_MS, showCode } from './authenticator.ts';
import type { BotApi } from './bot-api-route.ts';
import { asMember } from './bot-methods.ts';
import { isMember } from './chat-access.ts';
import { type ChatMessage, toChatMessage } from './chat-message.ts';
import type { Fault, PlannedFault } from './fault-plan.ts';
import type { FloodBudgets } from './flood-control.ts';
import { formatPlain } from './formatted-text.ts';
import type { RefusalRecord, RequestRecord } from './request-log.ts';
import { asReplyTarget, asText } from './sending.ts';
import {
  ConnectionLost,
  type PressAnswer,
  storeMessage,
  type Telegram,
  type TelegramSettings,
  unixSeconds,
} from './telegram.ts';
import {
  type ChatSeed,
  createChat,
  findMessage,
  getChat,
  getPerson,
  isBotIn,
  type MediaKind,
  type MemberStatus,
  type Person,
  privateChatOf,
  type StoredChat,
  type StoredMessage,
  toApiBot,
  toApiChat,
  toApiUser,
  type World,
} from './world.ts';

export type Press = {
  queryId: string;
  /** Settles when the bot answers, or when it is too late to answer. */
  answer: Promise<PressAnswer>;
};

/** What people do in Telegram, what can be looked at, and what can be made to go wrong. */
export type TelegramControl = {
  readonly token: string;
  readonly bot: User;
  readonly world: World;

  addPerson(person: Person): Person;
  /** A new group, supergroup or channel; the bot is a member unless `botStatus` says otherwise. */
  addChat(seed: ChatSeed): StoredChat;
  join(personId: number, chatId: number, status?: MemberStatus): void;
  /** Presses Start: opens the private chat and says /start (with the payload of a deep link, if any). */
  startPrivate(personId: number, payload?: string): Message;
  say(personId: number, chatId: number, text: string, options?: { replyTo?: number; threadId?: number }): Message;
  /** What the person's authenticator shows, so many steps of thirty seconds from now; throws while it has scanned nothing. */
  code(personId: number, steps?: number): string;
  /** Presses a button by its callback data or its label (whole, or a part of it). */
  press(personId: number, chatId: number, messageId: number, button: string): Press;
  /** Presses a button that has meanwhile gone from the card: the finger was faster than the edit. */
  pressStale(personId: number, chatId: number, messageId: number, button: string): Press;
  anonymousAdminPress(chatId: number, messageId: number, button: string): Press;
  pressAsChannel(channelId: number, chatId: number, messageId: number, button: string): Press;
  /** An anonymous administrator or a channel speaks: `sender_chat` is set and `from` is a stand-in. */
  sayAs(senderChatId: number, chatId: number, text: string): Message;
  deleteMessage(chatId: number, messageId: number): void;

  /** Messages that stand in the chat now, oldest first. */
  messages(chatId: number): ChatMessage[];
  message(chatId: number, messageId: number): ChatMessage;
  /** The first message that is, or becomes, what is asked for; rejects with what is there instead. */
  waitForMessage(
    chatId: number,
    predicate: (message: ChatMessage) => boolean,
    timeoutMs?: number,
  ): Promise<ChatMessage>;

  readonly requests: RequestRecord[];
  requestsOf(method: string): RequestRecord[];
  /** Every refusal given; scheduled ones are marked, a well-behaved bot has no others. */
  readonly refusals: RefusalRecord[];
  clearLog(): void;

  fault(fault: Fault): PlannedFault;
  clearFaults(): void;
  /** Every connection of the bot is reset until `up`; people and the page go on. */
  down(): void;
  up(): void;
  readonly isDown: boolean;
  /** The bot waits for updates right now. */
  readonly isPolled: boolean;
  /** Every call takes this much longer; 0 ends it. */
  slow(delayMs: number): void;
  setBudgets(budgets: Partial<FloodBudgets>): void;
  set(settings: Partial<TelegramSettings>): void;

  /** A basic group becomes a supergroup: new id, no old messages, a service message on either side. */
  migrateGroup(chatId: number): number;
  enableTopics(chatId: number): void;
  kickBot(chatId: number): void;
  removeBot(chatId: number): void;
  addBot(chatId: number, status?: MemberStatus): void;
  deleteGroup(chatId: number): void;
  /** Takes rights from the bot as an administrator. */
  setBotRights(chatId: number, rights: Partial<StoredChat['bot']['rights']>): void;
  /** What ordinary members, the bot among them, may not send. */
  forbid(chatId: number, what: MediaKind[]): void;
  blockBy(personId: number): void;
  unblockBy(personId: number): void;
  deactivate(personId: number): void;
};

/** Long after any answer could be in time. */
const QUERY_KEPT_MS = 600_000;

const GROUP_ANONYMOUS_BOT: User = {
  id: 1087968824,
  is_bot: true,
  first_name: 'Group',
  username: 'GroupAnonymousBot',
};
const CHANNEL_BOT: User = { id: 136817688, is_bot: true, first_name: 'Channel', username: 'Channel_Bot' };

export function createTelegramControl(api: BotApi): TelegramControl {
  const { telegram, log, link } = api;
  const { world } = telegram;

  const say = (personId: number, chatId: number, text: string, options: { replyTo?: number; threadId?: number } = {}) =>
    speak(
      telegram,
      getOpenChat(world, personId, chatId),
      { from: toApiUser(getPerson(world, personId)) },
      text,
      options,
    );

  const pressBy = (from: User, chatId: number, messageId: number, button: string, isStale = false) =>
    press(telegram, from, getChat(world, chatId), messageId, button, isStale);

  const pressOf = (personId: number, chatId: number, messageId: number, button: string, isStale: boolean) => {
    const chat = getOpenChat(world, personId, chatId);
    return press(telegram, toApiUser(getPerson(world, personId)), chat, messageId, button, isStale);
  };

  return {
    token: api.token,
    bot: toApiBot(world),
    world,

    addPerson: (person) => {
      world.people[person.id] = person;
      announceChats(telegram);
      return person;
    },
    addChat: (seed) => {
      world.chats[seed.id] = createChat(seed);
      announceChats(telegram);
      return getChat(world, seed.id);
    },
    join: (personId, chatId, status = 'member') => {
      getPerson(world, personId);
      getChat(world, chatId).members[personId] = status;
      announceChats(telegram);
    },
    startPrivate: (personId, payload = '') => {
      if (!/^[\w-]{0,64}$/.test(payload)) throw new Error(`no deep link carries "${payload}"`);
      const chat = privateChatOf(world, getPerson(world, personId));
      if (chat.blocked) setBlocked(telegram, chat, false);
      chat.started = true;
      announceChats(telegram);
      return say(personId, personId, `/start ${payload}`.trim());
    },
    say,
    code: (personId, steps = 0) => {
      const shown = showCode(world, personId, telegram.now() + steps * STEP_MS);
      if (!shown) throw new Error(`the authenticator of ${personId} has scanned nothing`);
      return shown.code;
    },
    press: (personId, chatId, messageId, button) => pressOf(personId, chatId, messageId, button, false),
    pressStale: (personId, chatId, messageId, button) => pressOf(personId, chatId, messageId, button, true),
    anonymousAdminPress: (chatId, messageId, button) => pressBy(GROUP_ANONYMOUS_BOT, chatId, messageId, button),
    pressAsChannel: (channelId, chatId, messageId, button) => {
      getChat(world, channelId);
      return pressBy(CHANNEL_BOT, chatId, messageId, button);
    },
    sayAs: (senderChatId, chatId, text) => {
      const sender = { sender_chat: toApiChat(world, getChat(world, senderChatId)) };
      const from = senderChatId === chatId ? GROUP_ANONYMOUS_BOT : CHANNEL_BOT;
      return speak(telegram, getChat(world, chatId), { from, ...sender }, text, {});
    },
    deleteMessage: (chatId, messageId) => {
      const chat = getChat(world, chatId);
      getMessage(chat, messageId).deletedAtMs = telegram.now();
      telegram.changed();
      telegram.feed.publish({ kind: 'message', chatId, messageId });
    },

    messages: (chatId) => listMessages(getChat(world, chatId)),
    message: (chatId, messageId) => {
      const chat = getChat(world, chatId);
      const stored = chat.messages[messageId - 1];
      if (!stored) throw new Error(`chat ${chatId} has no message ${messageId}`);
      return toChatMessage(chat, stored);
    },
    waitForMessage: (chatId, predicate, timeoutMs = 5000) => waitForMessage(telegram, chatId, predicate, timeoutMs),

    requests: log.requests,
    requestsOf: (method) => log.requests.filter((record) => record.method.toLowerCase() === method.toLowerCase()),
    refusals: log.refusals,
    clearLog: () => log.clear(),

    fault: (fault) => telegram.faults.add(fault),
    clearFaults: () => telegram.faults.clear(),
    down: () => {
      link.isDown = true;
      telegram.queue.endPoll(new ConnectionLost());
      telegram.feed.publish({ kind: 'telegram' });
    },
    up: () => {
      link.isDown = false;
      telegram.feed.publish({ kind: 'telegram' });
      telegram.pumpWebhook();
    },
    get isDown() {
      return link.isDown;
    },
    get isPolled() {
      return telegram.queue.isPolled;
    },
    slow: (delayMs) => {
      link.slowMs = delayMs;
      telegram.feed.publish({ kind: 'telegram' });
    },
    setBudgets: (budgets) => telegram.flood.set(budgets),
    set: (settings) => void Object.assign(telegram.settings, settings),

    migrateGroup: (chatId) => migrate(telegram, getChat(world, chatId)),
    enableTopics: (chatId) => {
      getChat(world, chatId).isForum = true;
      announceChats(telegram);
    },
    kickBot: (chatId) => setBotStatus(telegram, getChat(world, chatId), 'kicked'),
    removeBot: (chatId) => setBotStatus(telegram, getChat(world, chatId), 'left'),
    addBot: (chatId, status = 'administrator') => setBotStatus(telegram, getChat(world, chatId), status),
    deleteGroup: (chatId) => {
      getChat(world, chatId).deleted = true;
      announceChats(telegram);
    },
    setBotRights: (chatId, rights) => {
      Object.assign(getChat(world, chatId).bot.rights, rights);
      telegram.changed();
    },
    forbid: (chatId, what) => {
      getChat(world, chatId).forbidden = what;
      telegram.changed();
    },
    blockBy: (personId) => setBlocked(telegram, privateChatOf(world, getPerson(world, personId)), true),
    unblockBy: (personId) => setBlocked(telegram, privateChatOf(world, getPerson(world, personId)), false),
    deactivate: (personId) => {
      getPerson(world, personId).deactivated = true;
      telegram.changed();
    },
  };
}

function announceChats(telegram: Telegram): void {
  telegram.changed();
  telegram.feed.publish({ kind: 'chats' });
}

/** A chat this person can speak in. */
function getOpenChat(world: World, personId: number, chatId: number): StoredChat {
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

function speak(
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

function getMessage(chat: StoredChat, messageId: number): StoredMessage {
  const stored = findMessage(chat, messageId);
  if (!stored) throw new Error(`chat ${chat.id} has no message ${messageId}`);
  return stored;
}

function press(
  telegram: Telegram,
  from: User,
  chat: StoredChat,
  messageId: number,
  button: string,
  isStale: boolean,
): Press {
  const { world } = telegram;
  const stored = getMessage(chat, messageId);
  const data = findButtonData(stored, button, isStale);
  if (data === undefined) throw new Error(`message ${messageId} has no button "${button}": ${describe(stored)}`);
  forgetOldQueries(telegram);
  const id = String(4_000_000_000_000_000 + world.nextCallbackQuery++);
  world.callbackQueries[id] = { id, fromId: from.id, chatId: chat.id, askedAtMs: telegram.now(), answered: false };
  const answer = awaitAnswer(telegram, id);
  telegram.queue.push({
    callback_query: { id, from, message: stored.message, chat_instance: `-${Math.abs(chat.id)}`, data },
  });
  return { queryId: id, answer };
}

function forgetOldQueries({ world, now }: Telegram): void {
  for (const { id, askedAtMs } of Object.values(world.callbackQueries)) {
    if (askedAtMs < now() - QUERY_KEPT_MS) delete world.callbackQueries[id];
  }
}

function findButtonData(stored: StoredMessage, wanted: string, isStale: boolean): string | undefined {
  const now = stored.message.reply_markup ? [stored.message.reply_markup] : [];
  const keyboards = isStale ? [...stored.earlierKeyboards].reverse() : now;
  const buttons = keyboards.flatMap((keyboard) => keyboard.inline_keyboard.flat());
  const callbacks = buttons.filter((button) => 'callback_data' in button);
  const found =
    callbacks.find((button) => button.callback_data === wanted) ??
    callbacks.find((button) => button.text === wanted) ??
    callbacks.find((button) => button.text.toLowerCase().includes(wanted.toLowerCase()));
  return found?.callback_data;
}

function describe({ message }: StoredMessage): string {
  const labels = message.reply_markup?.inline_keyboard.flat().map((button) => button.text) ?? [];
  return labels.length === 0 ? 'it has none' : `it has ${labels.join(', ')}`;
}

function awaitAnswer(telegram: Telegram, queryId: string): Promise<PressAnswer> {
  return new Promise((resolve) => {
    const finish = (answer: PressAnswer) => {
      clearTimeout(timer);
      telegram.openPresses.delete(queryId);
      resolve(answer);
    };
    const timer = setTimeout(() => finish({ kind: 'expired' }), telegram.settings.callbackAnswerMs);
    telegram.openPresses.set(queryId, finish);
  });
}

const listMessages = (chat: StoredChat) =>
  chat.messages.filter((stored) => stored.deletedAtMs === null).map((stored) => toChatMessage(chat, stored));

function waitForMessage(
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

function migrate(telegram: Telegram, old: StoredChat): number {
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

function setBotStatus(telegram: Telegram, chat: StoredChat, status: MemberStatus): void {
  const self = toApiBot(telegram.world);
  const before = asMember(chat.bot.status, self);
  chat.bot.status = status;
  pushOwnMembership(telegram, chat, before, asMember(status, self));
}

/** For a private chat "kicked" is how the API says blocked. */
function setBlocked(telegram: Telegram, chat: StoredChat, blocked: boolean): void {
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
