import type { Api } from 'grammy';
import type { Logger } from '../platform/log.ts';
import { describeError } from './incoming/update-verdict.ts';
import { callSignal } from './sending/sender-call.ts';

/** Somebody's request waits for it. */
const TIMEOUT_MS = 3_000;

/** What the bot is called in links, asked of Telegram until it has answered once; null while it does not. */
export function createBotName({ api, log }: { api: Api; log: Logger }): () => Promise<string | null> {
  let name: string | null = null;
  return async () => {
    if (name !== null) return name;
    try {
      name = (await api.getMe(callSignal(TIMEOUT_MS))).username;
    } catch (error) {
      log.warn({ detail: describeError(error) }, 'Telegram did not say what the bot is called');
    }
    return name;
  };
}
