import type { ApiMethods, Message } from '@grammyjs/types';
import type { LiveFeed } from '../live-feed.ts';
import type { FaultPlan } from './fault-plan.ts';
import type { FloodControl } from './flood-control.ts';
import type { Parameters } from './parameters.ts';
import type { UpdateQueue } from './update-queue.ts';
import { type StoredChat, toApiChat, type World } from './world.ts';

export type PressAnswer =
  | { kind: 'answered'; text: string; showAlert: boolean; url?: string; afterMs: number }
  /** The bot did not answer in time; the person's client stops its spinner and says nothing. */
  | { kind: 'expired' };

export type TelegramSettings = {
  /** How long a press can be answered; nobody documents it, 10–20 s are reported. */
  callbackAnswerMs: number;
  /** First step of the webhook's back-off; seconds at Telegram, milliseconds here. */
  webhookRetryBaseMs: number;
};

/** What the methods work on. */
export type Telegram = {
  world: World;
  settings: TelegramSettings;
  now: () => number;
  queue: UpdateQueue;
  flood: FloodControl;
  faults: FaultPlan;
  feed: LiveFeed;
  openPresses: Map<string, (answer: PressAnswer) => void>;
  lastSetWebhookAtMs: number;
  startedAtMs: number;
  pumpWebhook: () => void;
  /** Something worth keeping has changed. */
  changed: () => void;
};

export type Call = { telegram: Telegram; parameters: Parameters; gone: AbortSignal };
type Results = { [M in keyof ApiMethods<never>]: ReturnType<ApiMethods<never>[M]> };
/** A Bot API method, whose result is what @grammyjs/types says it is. */
type Method<M extends keyof Results> = (call: Call) => Results[M] | Promise<Results[M]>;
export type Methods = { [M in keyof Results]?: Method<M> };

export const unixSeconds = (telegram: Telegram) => Math.floor(telegram.now() / 1000);

/** Everything but where and when it was said. */
export type MessageContent = Omit<Message, 'message_id' | 'date' | 'chat'>;

/** Writes a message down, whoever said it, and tells the page. The caller tells the bot. */
export function storeMessage(telegram: Telegram, chat: StoredChat, content: MessageContent): Message {
  const message: Message = {
    message_id: chat.messages.length + 1,
    date: unixSeconds(telegram),
    chat: toApiChat(telegram.world, chat),
    ...content,
  };
  const texts = [message.text ?? message.caption ?? ''];
  chat.messages.push({ message, texts, earlierKeyboards: [], editCount: 0, deletedAtMs: null, reactions: [] });
  touchMessage(telegram, chat, message.message_id);
  return message;
}

export function touchMessage(telegram: Telegram, chat: StoredChat, messageId: number): void {
  telegram.changed();
  telegram.feed.publish({ kind: 'message', chatId: chat.id, messageId });
}

/** Ends a long poll as a lost connection does: without an answer. */
export class ConnectionLost extends Error {}
