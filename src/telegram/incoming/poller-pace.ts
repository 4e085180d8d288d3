import { GrammyError } from 'grammy';

/** "After Telegram comes back, tries are at most 10 s apart", start to start; the half second is for what happens between. */
const TRIES_APART_MS_MAX = 9_500;
const BACKOFF_BASE_MS = 250;
/** Telegram delays repeated 409s by three seconds itself. */
const CONFLICT_MS = 3_000;

export type Trouble = 'unreachable' | 'bad token' | 'conflict' | 'flood';

/** 404 is what Telegram answers to a token that has not even the form of one. */
export function troubleOf(error: unknown): Trouble {
  if (!(error instanceof GrammyError)) return 'unreachable';
  switch (error.error_code) {
    case 401:
    case 404:
      return 'bad token';
    case 409:
      return 'conflict';
    case 429:
      return 'flood';
    default:
      return 'unreachable';
  }
}

/** How long to wait after a try that failed and took `elapsedMs`, being the `failures`th in a row. `random` is in [0, 1). */
export function delayAfterTrouble(
  error: unknown,
  { failures, elapsedMs, random }: { failures: number; elapsedMs: number; random: number },
): number {
  switch (troubleOf(error)) {
    case 'flood':
      return ((error as GrammyError).parameters.retry_after ?? 1) * 1000;
    case 'bad token':
      return TRIES_APART_MS_MAX;
    case 'conflict':
      return CONFLICT_MS;
    case 'unreachable': {
      const backoffMs = BACKOFF_BASE_MS * 2 ** Math.min(failures - 1, 10) * (0.8 + 0.4 * random);
      return Math.max(0, Math.min(backoffMs, TRIES_APART_MS_MAX - elapsedMs));
    }
  }
}

/** A webhook is in the way, set by an earlier life of this bot or by somebody else. */
export function isWebhookInTheWay(error: unknown): boolean {
  return error instanceof GrammyError && error.error_code === 409 && /webhook/i.test(error.description);
}
