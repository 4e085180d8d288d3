import { BotError, GrammyError, HttpError } from 'grammy';

/** After so many failures an update is dead: a person looks after it, and its lane goes on. */
const FAILURES_MAX = 5;
const RETRY_BASE_MS = 500;
const AWAY_DELAY_MS = 2_000;
/** For so long an update waits for Telegram to come back at no cost; an answer later than that is an answer to nobody. */
const WAITS_FOR_TELEGRAM_MS = 5 * 60 * 1000;

export type UpdateVerdict =
  | { outcome: 'waiting'; failures: number; delayMs: number; error: string }
  | { outcome: 'dead'; failures: number; error: string };

/** What becomes of an update whose handler failed. Telegram being away is not the update's fault, and is bounded by age. */
export function verdictOf(thrown: unknown, update: { failures: number; ageMs: number }): UpdateVerdict {
  const cause = causeOf(thrown);
  const error = describeError(cause);
  const awayMs = findAwayMs(cause);
  if (awayMs !== null && update.ageMs < WAITS_FOR_TELEGRAM_MS) {
    return { outcome: 'waiting', failures: update.failures, delayMs: awayMs, error };
  }
  const failures = update.failures + 1;
  if (failures >= FAILURES_MAX) return { outcome: 'dead', failures, error };
  return { outcome: 'waiting', failures, delayMs: RETRY_BASE_MS * 2 ** (failures - 1), error };
}

/** grammY wraps what a handler throws. */
function causeOf(thrown: unknown): unknown {
  return thrown instanceof BotError ? thrown.error : thrown;
}

/** How long to leave Telegram alone, or null when it is there and the mistake is ours. */
export function findAwayMs(error: unknown): number | null {
  if (error instanceof HttpError) return AWAY_DELAY_MS;
  if (!(error instanceof GrammyError)) return null;
  if (error.error_code === 429) return (error.parameters.retry_after ?? 1) * 1000;
  return error.error_code >= 500 ? AWAY_DELAY_MS : null;
}

export function describeError(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
