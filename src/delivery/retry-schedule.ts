/** When to try again: pure. `random` is a number in [0, 1). */

export type RetrySchedule = { baseMs: number; capMs: number; maxTries: number };

/** min(cap, base · 2^(n−1)) · U(0.8, 1.2) for the n-th failed try: spread, so that what failed together does not return together. */
export function backoffMs(failedTries: number, schedule: RetrySchedule, random: number): number {
  const exponential = schedule.baseMs * 2 ** Math.min(Math.max(failedTries - 1, 0), 30);
  return Math.round(Math.min(schedule.capMs, exponential) * (0.8 + 0.4 * random));
}

const RETRY_AFTER_CAP_MS = 60 * 60 * 1000;
const RETRY_AFTER_SPREAD_MS = 30_000;

/**
 * Retry-After is a floor, never more than an hour, plus U(0, 20 %, at most 30 s): without the addition everything that was
 * told the same time comes back in the same instant.
 */
export function delayMs(backoff: number, retryAfterMs: number | null, random: number): number {
  if (retryAfterMs === null) return backoff;
  const floor = Math.max(backoff, Math.min(retryAfterMs, RETRY_AFTER_CAP_MS));
  return Math.round(floor + random * Math.min(floor * 0.2, RETRY_AFTER_SPREAD_MS));
}

/**
 * RFC 9110 §10.2.3: whole seconds, or a date, which is taken relative to the answer's own `Date` because our clock may differ.
 * Null for what is invalid or negative.
 */
export function parseRetryAfter(value: string | null, responseDate: string | null, now: Date): number | null {
  if (value === null) return null;
  if (/^\s*\d{1,9}\s*$/.test(value)) return Number(value) * 1000;
  const until = /[a-z]/i.test(value) ? Date.parse(value) : Number.NaN;
  const from = responseDate === null ? Number.NaN : Date.parse(responseDate);
  const ms = until - (Number.isNaN(from) ? now.getTime() : from);
  return Number.isNaN(ms) || ms < 0 ? null : ms;
}
