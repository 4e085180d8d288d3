import type { AttemptOutcome } from '../platform/schema.ts';

/** What a call to a dependency came to. Expected failures are values; only bugs are thrown. */
export type CallResult =
  | { kind: 'answered'; status: number; retryAfterMs: number | null; excerpt: string | null }
  | { kind: 'failed'; code: string; message: string }
  | { kind: 'timed_out'; afterMs: number }
  | { kind: 'answer_too_large'; status: number; limitBytes: number };

export type Verdict = {
  outcome: AttemptOutcome;
  /** The family of errors that makes one cause, e.g. `HTTP 503`, `timeout`; null when it went well. */
  family: string | null;
  httpStatus: number | null;
  errorCode: string | null;
  error: string | null;
  retryAfterMs: number | null;
};

/**
 * What a result means for the event. 408, 409, 429 and every 5xx may pass by themselves; other 4xx will be the same next time;
 * a redirect is a wrong address, and is not followed. What is unknown is transient, since tries are bounded anyway.
 */
export function judgeCall(result: CallResult): Verdict {
  switch (result.kind) {
    case 'answered':
      return judgeStatus(result);
    case 'failed':
      return failure('transient', failureFamily(result.code), { errorCode: result.code, error: result.message });
    case 'timed_out':
      return failure('transient', 'timeout', { errorCode: 'TIMEOUT', error: `no answer within ${result.afterMs} ms` });
    case 'answer_too_large':
      return failure('transient', 'answer too large', {
        httpStatus: result.status,
        errorCode: 'ANSWER_TOO_LARGE',
        error: `the answer is larger than ${result.limitBytes} bytes`,
      });
  }
}

function judgeStatus(result: Extract<CallResult, { kind: 'answered' }>): Verdict {
  const { status } = result;
  if (status >= 200 && status < 300) return { ...failure('ok', null, {}), httpStatus: status };
  const error = { httpStatus: status, error: result.excerpt, retryAfterMs: result.retryAfterMs };
  return failure(outcomeOf(status), `HTTP ${status}`, error);
}

function outcomeOf(status: number): AttemptOutcome {
  if (status === 429) return 'throttled';
  if (status === 408 || status === 409 || status >= 500) return 'transient';
  return status >= 300 ? 'permanent' : 'transient';
}

function failure(outcome: AttemptOutcome, family: string | null, details: Partial<Verdict>): Verdict {
  return { outcome, family, httpStatus: null, errorCode: null, error: null, retryAfterMs: null, ...details };
}

const FAMILIES: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection reset',
  UND_ERR_SOCKET: 'connection reset',
  ENOTFOUND: 'name not found',
  EAI_AGAIN: 'name not found',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  ETIMEDOUT: 'timeout',
  UND_ERR_CONNECT_TIMEOUT: 'timeout',
};

function failureFamily(code: string): string {
  if (/CERT|TLS|SSL|SIGNED/.test(code)) return 'TLS';
  return FAMILIES[code] ?? 'call failed';
}

/** What a call says about whether its dependency works, which is another question: an answer that refuses this event is none of it. */
export type DependencyResult = { outcome: 'ok' | 'fail' | 'ignored'; throttled: boolean; retryAfterMs: number | null };

export function judgeDependency({ outcome, httpStatus, retryAfterMs }: Verdict): DependencyResult {
  const asksForPause = httpStatus === 429 || (httpStatus === 503 && retryAfterMs !== null);
  const pause = { throttled: asksForPause, retryAfterMs: asksForPause ? retryAfterMs : null };
  if (outcome === 'ok') return { outcome: 'ok', ...pause };
  return { outcome: outcome === 'transient' && !isAboutTheCall(httpStatus) ? 'fail' : 'ignored', ...pause };
}

/** 409: somebody else is at it; 501: it does not know this call. Both come from a dependency that works. */
function isAboutTheCall(status: number | null): boolean {
  return status === 409 || status === 501;
}
