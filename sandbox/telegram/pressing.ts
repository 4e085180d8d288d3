import type { User } from '@grammyjs/types';
import { getMessage } from './speaking.ts';
import type { PressAnswer, Telegram } from './telegram.ts';
import type { StoredChat, StoredMessage } from './world.ts';

export type Press = {
  queryId: string;
  /** Settles when the bot answers, or when it is too late to answer. */
  answer: Promise<PressAnswer>;
};

/** Long after any answer could be in time. */
const QUERY_KEPT_MS = 600_000;

export function press(
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
