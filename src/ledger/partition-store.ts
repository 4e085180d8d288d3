import { sql } from 'kysely';
import type { Db } from '../platform/database.ts';

/** Makes the payload partitions from this month (UTC) to `monthsAhead` on; answers how many were missing. */
export async function createPartitions(db: Db, monthsAhead: number, now: Date | null = null): Promise<number> {
  const { rows } = await sql<{ made: number }>`
    select create_payload_partitions(${monthsAhead}, coalesce(${now}::timestamptz, clock_timestamp())) as made`.execute(
    db,
  );
  return rows[0]!.made;
}

/** For how many months after this one there is a partition, without a gap. */
export async function countPartitionsAhead(db: Db, now: Date | null = null): Promise<number> {
  const { rows } = await sql<{ ahead: number }>`
    with months as (
      select n, 'payload_' || to_char(date_trunc('month', coalesce(${now}::timestamptz, clock_timestamp()) at time zone 'utc')
        + make_interval(months => n), 'YYYY_MM') as name
      from generate_series(1, 24) as n
    )
    select coalesce(min(n) - 1, 24)::int as ahead from months where to_regclass(name) is null`.execute(db);
  return rows[0]!.ahead;
}
