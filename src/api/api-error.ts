/** From what went wrong to what the product is told: the one table of the API's refusals. */
export type ApiError = { statusCode: number; error: string; message: string };

export const UNAUTHORIZED: ApiError = {
  statusCode: 401,
  error: 'unauthorized',
  message: 'this needs the header Authorization: Bearer <API_TOKEN>',
};

const INTERNAL: ApiError = {
  statusCode: 500,
  error: 'internal',
  message: 'this failed on our side; our log says why',
};

const UNAVAILABLE: ApiError = {
  statusCode: 503,
  error: 'unavailable',
  message: 'the database does not answer; try again in a few seconds',
};

export function notFound(message: string): ApiError {
  return { statusCode: 404, error: 'not_found', message };
}

/** What the caller did wrong is told as it is; what went wrong here is told without a word of its inside. */
export function describeFailure(error: unknown): ApiError {
  const { statusCode = 500, message = '' } = error as { statusCode?: number; message?: string };
  if (statusCode >= 400 && statusCode < 500) return { statusCode, error: wordOf(statusCode), message };
  return isDatabaseAway(error) ? UNAVAILABLE : INTERNAL;
}

const WORDS: Record<number, string> = { 404: 'not_found', 405: 'method_not_allowed', 413: 'too_large' };

function wordOf(statusCode: number): string {
  return WORDS[statusCode] ?? 'bad_request';
}

const NETWORK_CODES = ['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EPIPE', 'ETIMEDOUT'];
/** Connection, resource and operator classes of SQLSTATE (PostgreSQL, appendix A): the server is away, full or stopping. */
const AWAY_CLASSES = /^(08|53|57P)/;
/** node-postgres tells these by their words alone. */
const AWAY_WORDS = /^(Connection terminated|Query read timeout|timeout exceeded when trying to connect)/;

function isDatabaseAway(error: unknown): boolean {
  const { code, message = '' } = error as { code?: string; message?: string };
  return NETWORK_CODES.includes(code ?? '') || AWAY_CLASSES.test(code ?? '') || AWAY_WORDS.test(message);
}
