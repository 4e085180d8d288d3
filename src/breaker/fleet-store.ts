import { sql } from 'kysely';
import type { Db } from '../platform/database.ts';
import type { Fleet } from './ramp.ts';

/** Five polls that did not come. */
const GONE_AFTER_SECONDS = 5;

/** Says that this replica is alive. */
export async function joinFleet(db: Db, replica: string): Promise<void> {
  await sql`
    with relaxed as materialized (select set_config('synchronous_commit', 'off', true))
    insert into breaker_replica (replica, seen_at) select ${replica}, clock_timestamp() from relaxed
    on conflict (replica) do update set seen_at = excluded.seen_at`.execute(db);
}

/** This replica, and the others that were alive a moment ago. */
export async function readFleet(db: Db, replica: string): Promise<Fleet> {
  const { rows } = await sql<Fleet>`
    select count(*)::int + 1 as replicas, (count(*) filter (where replica < ${replica}))::int as rank
    from breaker_replica
    where replica <> ${replica} and seen_at > clock_timestamp() - make_interval(secs => ${GONE_AFTER_SECONDS})`.execute(
    db,
  );
  return rows[0]!;
}

export async function leaveFleet(db: Db, replica: string): Promise<void> {
  await db.deleteFrom('breaker_replica').where('replica', '=', replica).execute();
}

/** Two of the longest windows. */
const FORGOTTEN_AFTER_MS = 2 * 3_600_000;

/** What replicas that are long gone have left. */
export async function forgetGoneReplicas(db: Db): Promise<void> {
  await sql`
    delete from breaker_bucket where started_ms < breaker_ms(clock_timestamp()) - ${FORGOTTEN_AFTER_MS}::int`.execute(
    db,
  );
  await sql`
    delete from breaker_replica where seen_at < clock_timestamp() - make_interval(secs => ${FORGOTTEN_AFTER_MS / 1000})`.execute(
    db,
  );
}
