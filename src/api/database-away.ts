const NETWORK_CODES = ['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EPIPE', 'ETIMEDOUT'];
/** Connection, resource and operator classes of SQLSTATE (PostgreSQL, appendix A): the server is away, full or stopping. */
const AWAY_CLASSES = /^(08|53|57P)/;
/** node-postgres tells these by their words alone. */
const AWAY_WORDS = /^(Connection terminated|Query read timeout|timeout exceeded when trying to connect)/;

/** Whether the same question may well be answered in a few seconds: nothing is wrong with it, nor with us. */
export function isDatabaseAway(error: unknown): boolean {
  const { code, message = '' } = error as { code?: string; message?: string };
  return NETWORK_CODES.includes(code ?? '') || AWAY_CLASSES.test(code ?? '') || AWAY_WORDS.test(message);
}
