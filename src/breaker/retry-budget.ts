/**
 * How many retries a dependency gets besides its first tries: a token bucket, pure. Without it a dependency that fails gets five times the
 * traffic. No token means wait: a durable queue need not fail fast. After Finagle's `RetryBudget`.
 */
export type RetryBudget = { tokens: number; filledAtMs: number };

const PER_FIRST_TRY = 0.2;
/** For a quiet dependency, over all replicas. */
const RESERVE_PER_SECOND = 10;
/** What is saved up: ten seconds of the reserve. */
const SAVED_SECONDS = 10;

export function startBudget(nowMs: number, replicas: number): RetryBudget {
  return { tokens: RESERVE_PER_SECOND / replicas, filledAtMs: nowMs };
}

export function fillBudget({ tokens, filledAtMs }: RetryBudget, nowMs: number, replicas: number): RetryBudget {
  const reserve = (RESERVE_PER_SECOND / replicas) * ((nowMs - filledAtMs) / 1_000);
  return { tokens: Math.min(tokensMax(replicas), tokens + reserve), filledAtMs: nowMs };
}

function tokensMax(replicas: number): number {
  return Math.max(1, (RESERVE_PER_SECOND * SAVED_SECONDS) / replicas);
}

export function afterFirstTry(budget: RetryBudget, replicas: number): RetryBudget {
  return { ...budget, tokens: Math.min(tokensMax(replicas), budget.tokens + PER_FIRST_TRY) };
}

export function afterRetry(budget: RetryBudget): RetryBudget {
  return { ...budget, tokens: Math.max(0, budget.tokens - 1) };
}

/** A retry that succeeds is no extra load on something that fails: it costs nothing, so a backlog of them flows while all is well. */
export function afterGoodRetry(budget: RetryBudget, replicas: number): RetryBudget {
  return { ...budget, tokens: Math.min(tokensMax(replicas), budget.tokens + 1) };
}

/** Retries that may begin now. */
export function retriesLeft(budget: RetryBudget): number {
  return Math.floor(budget.tokens);
}
