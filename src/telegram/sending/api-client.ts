import { Api, GrammyError, HttpError } from 'grammy';
import type { Db } from '../../platform/database.ts';
import type { Metrics } from '../../platform/metrics.ts';
import { scrubText } from '../../platform/scrub.ts';
import { insertSpending } from './budget-store.ts';
import type { TelegramRefusal } from './telegram-errors.ts';

export type { Api } from 'grammy';

/** How a call failed: Telegram said no, or we never heard. `unsent`: it certainly never reached Telegram. */
export type CallFailure =
  | ({ kind: 'refused' } & TelegramRefusal)
  | { kind: 'lost'; unsent: boolean; description: string };

export type ApiClientOptions = {
  token: string;
  apiRoot?: string | undefined;
  /** grammY's own default is 500 s. */
  timeoutSeconds?: number;
  metrics: Pick<Metrics, 'telegramCalls'>;
};

/**
 * The Bot API without retries of its own (they belong to whoever knows what a second try would do), its calls counted. Its errors
 * never carry the URL, which contains the token.
 */
export function createTelegramApi({ token, apiRoot, timeoutSeconds = 30, metrics }: ApiClientOptions): Api {
  const root = apiRoot ? { apiRoot: apiRoot.replace(/\/+$/, '') } : {};
  const api = new Api(token, { ...root, timeoutSeconds });
  api.config.use(async (call, method, payload, signal) => {
    const count = (outcome: string) => metrics.telegramCalls.inc({ method, outcome });
    try {
      const answer = await call(method, payload, signal);
      count(answer.ok ? 'ok' : String(answer.error_code ?? 'malformed'));
      return answer;
    } catch (error) {
      count('lost');
      throw withoutUrl(method, error);
    }
  });
  return api;
}

/**
 * Counts what is sent through `api` directly (answers to commands) against the budget of `chatIds`, so that the sender of cards
 * knows of it.
 */
export function countAgainstBudget(
  api: Api,
  deps: { db: Db; now: () => Date; isCounted: (chatId: number) => boolean },
): void {
  api.config.use(async (call, method, payload, signal) => {
    const chatId = 'chat_id' in payload ? Number(payload.chat_id) : Number.NaN;
    const counted = deps.isCounted(chatId) ? methodOf(method) : null;
    if (counted) await insertSpending(deps.db, chatId, { method: counted, class: 'person' }, deps.now());
    return call(method, payload, signal);
  });
}

function methodOf(method: string): 'send' | 'edit' | null {
  if (/^(?:send(?!ChatAction)|copy|forward)/i.test(method)) return 'send';
  return /^editMessage/i.test(method) ? 'edit' : null;
}

/** Anything but a failed call is a bug, and thrown again. */
export function readCallFailure(error: unknown): CallFailure {
  if (error instanceof GrammyError) {
    const { error_code: code, description, parameters } = error;
    // A proxy's answer may be JSON without being Telegram's.
    if (!Number.isInteger(code))
      return { kind: 'lost', unsent: false, description: 'an answer that is not Telegram’s' };
    return { kind: 'refused', code, description: String(description ?? ''), parameters };
  }
  if (error instanceof HttpError) {
    const code = codeOf(error.error);
    return { kind: 'lost', unsent: NEVER_REACHED.has(code), description: code || 'no answer' };
  }
  throw error;
}

const NEVER_REACHED = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

function codeOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : '';
}

/** node-fetch writes the whole address into its messages; the code is all anybody needs. */
function withoutUrl(method: string, error: unknown): unknown {
  if (!(error instanceof HttpError)) return error;
  const code = codeOf(error.error);
  const inner = Object.assign(new Error(code || scrubText(nameOf(error.error))), code ? { code } : {});
  return new HttpError(`Network request for '${method}' failed: ${inner.message}`, inner);
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'unknown error';
}

/** The rights the bot needs in the engineering chat, by Telegram's names for them. */
const RIGHTS = ['can_delete_messages', 'can_pin_messages'] as const;

/**
 * What the bot lacks in the chat, by name; empty when it lacks nothing or the server does not tell.
 * @throws when Telegram does not answer
 */
export async function checkChatRights(
  api: Api,
  chatId: number,
  botId: number,
  signal?: Parameters<Api['getMe']>[0],
): Promise<string[]> {
  try {
    const member = await api.getChatMember(chatId, botId, signal);
    if (member.status === 'left' || member.status === 'kicked') return ['membership'];
    if (member.status === 'restricted') return member.can_send_messages ? [] : ['can_send_messages'];
    if (member.status === 'administrator') return RIGHTS.filter((right) => member[right] === false);
    return member.status === 'member' ? ['administrator'] : [];
  } catch (error) {
    return rightsByRefusal(error);
  }
}

function rightsByRefusal(error: unknown): string[] {
  const failure = readCallFailure(error);
  if (failure.kind === 'lost' || failure.code === 429 || failure.code >= 500) throw error;
  return failure.code === 403 || /chat not found/i.test(failure.description) ? ['membership'] : [];
}
