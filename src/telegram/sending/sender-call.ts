import type { Clock } from '../../platform/clock.ts';
import type { Db } from '../../platform/database.ts';
import type { Logger } from '../../platform/log.ts';
import type { Metrics } from '../../platform/metrics.ts';
import { type Api, readCallFailure } from './api-client.ts';
import type { BudgetRequest } from './budget.ts';
import { insertSpending, takeBackSpending } from './budget-store.ts';
import { classifyTelegramRefusal, type TelegramAct } from './telegram-errors.ts';

export type CallDeps = {
  db: Db;
  api: Api;
  clock: Clock;
  log: Logger;
  metrics: Pick<Metrics, 'telegramUnknownErrors'>;
  /** For tests that do not want to wait; `CALL_TIMEOUT_MS` otherwise. */
  callTimeoutMs?: number;
};

type ApiSignal = Parameters<Api['getMe']>[0];

/** `lost`: nobody knows whether it was done, unless it is `unsent`. */
export type CallResult<T> =
  | { outcome: 'done'; result: T }
  | { outcome: 'refused'; act: TelegramAct; description: string }
  | { outcome: 'lost'; unsent: boolean; description: string };

/**
 * Shorter than the sender's lease: whoever still waits for an answer still holds the lease. With the longest pause between tries
 * it is also why Telegram's return is noticed within ten seconds.
 */
export const CALL_TIMEOUT_MS = 8_000;

/** grammY names the type of a polyfill, and takes Node's own just as well. */
export function callSignal(timeoutMs = CALL_TIMEOUT_MS): ApiSignal {
  return AbortSignal.timeout(timeoutMs) as unknown as ApiSignal;
}

export async function callTelegram<T>(
  deps: CallDeps,
  method: string,
  run: (api: Api, signal: ApiSignal) => Promise<T>,
): Promise<CallResult<T>> {
  try {
    return { outcome: 'done', result: await run(deps.api, callSignal(deps.callTimeoutMs)) };
  } catch (error) {
    return readFailedCall(deps, method, error);
  }
}

/** A call that costs the chat's budget; a refused one costs nothing. */
export async function spendAndCall<T>(
  deps: CallDeps,
  spending: { chatId: number; request: BudgetRequest; method: string },
  run: (api: Api, signal: ApiSignal) => Promise<T>,
): Promise<CallResult<T>> {
  const spendingId = await insertSpending(deps.db, spending.chatId, spending.request, deps.clock.now());
  const called = await callTelegram(deps, spending.method, run);
  if (called.outcome === 'refused' || (called.outcome === 'lost' && called.unsent)) {
    await takeBackSpending(deps.db, spendingId);
  }
  return called;
}

function readFailedCall(deps: CallDeps, method: string, error: unknown): CallResult<never> {
  const failure = readCallFailure(error);
  if (failure.kind === 'lost') return { outcome: 'lost', unsent: failure.unsent, description: failure.description };
  const act = classifyTelegramRefusal(failure);
  const description = `${failure.code} ${failure.description}`;
  // A gateway in between may answer 5xx for what Telegram has done.
  if (act.act === 'retry') return { outcome: 'lost', unsent: false, description };
  if (act.act === 'unknown') {
    deps.metrics.telegramUnknownErrors.inc({ method, code: String(failure.code) });
    deps.log.warn({ method, description }, 'Telegram gave an error that is not in the table of errors');
  }
  return { outcome: 'refused', act, description };
}
