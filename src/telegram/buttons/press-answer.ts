import { FormattedString } from '@grammyjs/parse-mode';
import { type Api, GrammyError } from 'grammy';
import type { Logger } from '../../platform/log.ts';
import { callSignal, sendAnswer } from '../sending/bot-reply.ts';

/** Nobody documents how long a press may wait for its answer; a spinner of a second is what people bear. */
const AT_THE_LATEST_MS = 1_000;
const TEXT_LENGTH_MAX = 200;

export type PressAnswer = {
  /** Tells who pressed what is true. `isImportant` stays until it is dismissed. */
  say: (text: string, isImportant?: boolean) => Promise<void>;
  /** The same, for what must reach them: false when it was too late. */
  tell: (text: string) => Promise<boolean>;
  /** Leads them to a chat of ours, by a link Telegram opens for them. */
  lead: (url: string) => Promise<void>;
  /** Ends the spinner of a press that said nothing, if it still turns. */
  end: () => Promise<void>;
};

/**
 * The one answer a press can get. If none has come after a second it is "Working…", and what is said later is seen on the card.
 * Telegram forgets presses after some seconds, and no act may fail because of that.
 */
export function createPressAnswer(api: Api, callbackId: string, log: Logger): PressAnswer {
  let answered: Promise<boolean> | undefined;
  const answer = async (text: string, isImportant: boolean, url?: string): Promise<boolean> => {
    clearTimeout(timer);
    if (answered) return false;
    answered = send(api, log, callbackId, { text, isImportant, ...(url === undefined ? {} : { url }) });
    return answered;
  };
  const timer = setTimeout(() => answer('⏳ Working…', false), AT_THE_LATEST_MS);
  return {
    say: async (text, isImportant = false) => {
      await answer(text, isImportant);
    },
    tell: (text) => answer(text, true),
    lead: async (url) => {
      await answer('', false, url);
    },
    end: async () => {
      await answer('', false);
    },
  };
}

/** For a press whose one answer was given long ago: the first thing there is to say is said to the person in private. */
export function createLateAnswer(api: Api, log: Logger, personId: number): PressAnswer {
  let isSaid = false;
  const tell = async (text: string): Promise<boolean> => {
    if (isSaid || text === '') return false;
    isSaid = true;
    return (await sendAnswer(api, log, { chatId: personId }, { text: new FormattedString(text) })).outcome === 'sent';
  };
  return {
    say: async (text) => {
      await tell(text);
    },
    tell,
    lead: async (url) => {
      await tell(url);
    },
    end: async () => {},
  };
}

async function send(
  api: Api,
  log: Logger,
  callbackId: string,
  { text, isImportant, ...link }: { text: string; isImportant: boolean; url?: string },
): Promise<boolean> {
  try {
    const shown = Array.from(text).slice(0, TEXT_LENGTH_MAX).join('');
    await api.answerCallbackQuery(callbackId, { text: shown, show_alert: isImportant, ...link }, callSignal());
    return true;
  } catch (error) {
    const isTooLate = error instanceof GrammyError && error.error_code === 400;
    if (!isTooLate) log.warn({ err: error }, 'a press could not be answered');
    return false;
  }
}
