import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import type { Schema } from './schema.ts';

export type Db = Kysely<Schema>;
export type { Transaction } from 'kysely';

/** Amounts and counts are whole numbers below 2^53; a larger one is a bug and must be loud, not rounded. */
function parseInt8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new Error(`a bigint of the database does not fit a number: ${text}`);
  return value;
}

pg.types.setTypeParser(pg.types.builtins.INT8, parseInt8);

const parseAnyTime = pg.types.getTypeParser(pg.types.builtins.TIMESTAMPTZ) as (text: string) => Date | number;

/** A session in UTC tells times in a form V8 reads several times as fast as a general parser: `2026-01-01 12:00:00.5+00`. */
function parseTime(text: string): Date | number {
  const date = text.endsWith('+00') ? new Date(`${text.slice(0, 10)}T${text.slice(11, -3)}Z`) : null;
  return date && !Number.isNaN(date.getTime()) ? date : parseAnyTime(text);
}

pg.types.setTypeParser(pg.types.builtins.TIMESTAMPTZ, parseTime);

/**
 * A pool of connections to `url`. A statement that has not answered in `statementTimeoutMs` fails on our side even when
 * the server is frozen, and its connection is thrown away.
 */
export function createPool(url: string, options: { max: number; name: string; statementTimeoutMs?: number }): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: options.max,
    application_name: options.name,
    connectionTimeoutMillis: 2_500,
    query_timeout: options.statementTimeoutMs ?? 15_000,
    idle_in_transaction_session_timeout: 30_000,
    keepAlive: true,
  });
  // An idle connection that breaks is replaced at the next use; without a listener it would end the process.
  pool.on('error', () => {});
  pool.on('connect', dropWhenSilent);
  return pool;
}

/**
 * A statement that timed out on our side leaves its connection waiting for an answer that may never come; handed out again it would
 * cost the next one its time too. Cutting the stream lets the pool notice and make another.
 */
function dropWhenSilent(client: pg.PoolClient): void {
  // While it is lent out the pool does not listen, and an error nobody hears ends the process.
  client.on('error', () => {});
  const { query } = client;
  const { stream } = (client as unknown as { connection: { stream: { destroy: () => void } } }).connection;
  client.query = ((...args: Parameters<typeof query>) => {
    const answer = query.apply(client, args) as unknown;
    if (answer instanceof Promise) {
      answer.catch((error: Error) => {
        if (/query read timeout/i.test(error.message)) stream.destroy();
      });
    }
    return answer;
  }) as typeof query;
}

export function createDb(pool: pg.Pool): Db {
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
}
