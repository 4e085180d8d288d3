import type { Message, User } from '@grammyjs/types';
import { STEP_MS, showCode } from './authenticator.ts';
import type { BotApi } from './bot-api-route.ts';
import { type ChatMessage, toChatMessage } from './chat-message.ts';
import type { Fault, PlannedFault } from './fault-plan.ts';
import type { FloodBudgets } from './flood-control.ts';
import { announceChats, migrate, setBlocked, setBotStatus } from './membership.ts';
import { type Press, press } from './pressing.ts';
import type { RefusalRecord, RequestRecord } from './request-log.ts';
import { CHANNEL_BOT, GROUP_ANONYMOUS_BOT, getMessage, getOpenChat, speak } from './speaking.ts';
import { ConnectionLost, type TelegramSettings } from './telegram.ts';
import { listMessages, waitForMessage } from './watching.ts';
import {
  type ChatSeed,
  createChat,
  getChat,
  getPerson,
  type MediaKind,
  type MemberStatus,
  type Person,
  privateChatOf,
  type StoredChat,
  toApiBot,
  toApiChat,
  toApiUser,
  type World,
} from './world.ts';

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
