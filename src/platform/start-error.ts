import { scrubText } from './scrub.ts';

/**
 * Why a start failed, for a person: what is wrong and which variable changes it. One line, or one per mistake of the
 * configuration; no stack, no secret.
 */
export function explainStartError(error: unknown): string {
  if (!(error instanceof Error)) return scrubText(String(error));
  if (error.name === 'ConfigError') return explainMistakes(error.message.split('\n'));
  const { code = '', syscall, port } = error as NodeJS.ErrnoException & { port?: number };
  if (syscall === 'listen') return explainListen(code, port);
  return explainDatabase(error, code) ?? scrubText(flatten(error));
}

function explainMistakes(lines: string[]): string {
  const heading =
    lines.length === 1 ? 'The configuration has a mistake' : `The configuration has ${lines.length} mistakes`;
  return [`${heading} (see .env.example):`, ...lines.map((line) => `  ${line}`)].join('\n');
}

function explainListen(code: string, port: number | undefined): string {
  if (code === 'EADDRINUSE') return `Port ${port} is taken by another program: end it, or set PORT to another one`;
  if (code === 'EACCES')
    return `Port ${port} is not for this user (below 1024 only root may listen): set PORT to another one`;
  if (code === 'EADDRNOTAVAIL') return 'This machine has no such address to listen on: set HOST to another one';
  return `Listening on port ${port} failed (${code}): see HOST and PORT`;
}

/** SQLSTATEs of PostgreSQL (appendix A of its manual) and the errors of the socket under it. */
const DATABASE: Record<string, string> = {
  ECONNREFUSED: 'The database does not answer at the address in DATABASE_URL: is it running, is the port right?',
  ENOTFOUND: 'The host in DATABASE_URL is not known: is its name right?',
  EAI_AGAIN: 'The host in DATABASE_URL could not be looked up: is its name right, does DNS work?',
  ETIMEDOUT: 'The database in DATABASE_URL cannot be reached: is a firewall between?',
  EHOSTUNREACH: 'The database in DATABASE_URL cannot be reached: is there a way to its network?',
  ECONNRESET: 'The database in DATABASE_URL broke the connection: does it ask for TLS (?sslmode=require)?',
  '28P01': 'The database refuses the password in DATABASE_URL',
  '28000': 'The database refuses the user in DATABASE_URL',
  '3D000': 'The database server in DATABASE_URL has no database of that name: create it first',
  '42501': 'The user in DATABASE_URL may not create tables: make it the owner of the database',
  '53300': 'The database in DATABASE_URL has no connection left for us: see its max_connections and DATABASE_POOL_SIZE',
  '57P03': 'The database in DATABASE_URL is just starting: try again in a moment',
};

function explainDatabase(error: Error, code: string): string | null {
  const known = DATABASE[code];
  if (known) return known;
  // Both names of one host refused: node reports them together, without a message of its own.
  if (error instanceof AggregateError) return explainStartError(error.errors[0]);
  if (/timeout expired|Connection terminated due to connection timeout/.test(error.message)) return DATABASE.ETIMEDOUT!;
  return null;
}

function flatten(error: Error): string {
  return (error.message || error.name).replace(/\s*\n\s*/g, ' ');
}
