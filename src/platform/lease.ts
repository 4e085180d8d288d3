import { sql } from 'kysely';
import type { Db, Transaction } from './database.ts';
import type { Schema } from './schema.ts';

/**
 * Takes the lease `name` for `ttlMs`, or prolongs it for who holds it already; null while another holds it. The token rises
 * whenever the holder changes: a late write that carries an old one can be told apart (a fencing token).
 */
export async function acquireLease(
  db: Db | Transaction<Schema>,
  lease: { name: string; holder: string; ttlMs: number; now?: Date },
): Promise<{ token: number } | null> {
  const now = sql`coalesce(${lease.now ?? null}::timestamptz, clock_timestamp())`;
  const { rows } = await sql<{ token: number }>`
    insert into lease (name, holder, expires_at)
      values (${lease.name}, ${lease.holder}, ${now} + ${lease.ttlMs} * interval '1 millisecond')
    on conflict (name) do update set
      token = lease.token + (lease.holder <> excluded.holder)::int,
      holder = excluded.holder,
      expires_at = excluded.expires_at
      where lease.holder = excluded.holder or lease.expires_at <= ${now}
    returning token`.execute(db);
  return rows[0] ?? null;
}

/** Lets the lease go before its time, if `holder` still has it. The row stays, so that its token never goes back. */
export async function releaseLease(
  db: Db | Transaction<Schema>,
  lease: { name: string; holder: string },
): Promise<void> {
  await sql`
    update lease set expires_at = '-infinity' where name = ${lease.name} and holder = ${lease.holder}`.execute(db);
}
