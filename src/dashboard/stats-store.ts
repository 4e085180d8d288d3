import { sql } from 'kysely';
import type { Db } from '../platform/database.ts';

/** A day more than the longest picture shows. */
const KEEP_DAYS = 8;
/** Twice what the picture of minutes shows. */
const MINUTES_FOR_HOURS = 2;
/** The share of what was put together; connections have shares from 0 on. */
const TOGETHER = -1;

export type Condensed = { condensed: number; deleted: number };

/**
 * Puts the minutes that only longer pictures show together, a quarter of an hour of all connections in one row, and deletes those that no
 * picture shows: a busy service writes some hundred rows a minute, and a week of them is to be read while somebody waits.
 */
export async function condenseStats(db: Db, now: Date | null = null): Promise<Condensed> {
  return db.transaction().execute(async (trx) => {
    const clock = sql`coalesce(${now}::timestamptz, clock_timestamp())`;
    const old = sql`minute < ${clock} - make_interval(hours => ${MINUTES_FOR_HOURS}) and share <> ${TOGETHER}`;
    const quarterHour = sql`date_bin('15 minutes', minute, 'epoch')`;
    const deliveries = await sql`
      with gone as (delete from delivery_minute where ${old} returning *)
      insert into delivery_minute as m (minute, share, provider, state, quarter, events)
      select ${quarterHour}, ${TOGETHER}::int, provider, state, quarter, sum(events) from gone group by 1, 3, 4, 5
      on conflict (minute, share, provider, state, quarter) do update set events = m.events + excluded.events`.execute(
      trx,
    );
    const calls = await sql`
      with gone as (delete from call_minute where ${old} returning *)
      insert into call_minute as m (minute, share, dependency, outcome, calls)
      select ${quarterHour}, ${TOGETHER}::int, dependency, outcome, sum(calls) from gone group by 1, 3, 4
      on conflict (minute, share, dependency, outcome) do update set calls = m.calls + excluded.calls`.execute(trx);
    const forgotten = sql`minute < ${clock} - make_interval(days => ${KEEP_DAYS})`;
    const gone = [
      await sql`delete from delivery_minute where ${forgotten}`.execute(trx),
      await sql`delete from call_minute where ${forgotten}`.execute(trx),
    ];
    return { condensed: countOf([deliveries, calls]), deleted: countOf(gone) };
  });
}

function countOf(results: { numAffectedRows?: bigint }[]): number {
  return results.reduce((sum, { numAffectedRows }) => sum + Number(numAffectedRows ?? 0n), 0);
}
