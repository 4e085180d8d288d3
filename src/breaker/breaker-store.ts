import { type RawBuilder, sql } from 'kysely';
import type { Db } from '../platform/database.ts';
import { rowsOf } from '../platform/rows.ts';
import type { BreakerState } from '../platform/schema.ts';
import type { CompleteSettings } from './settings.ts';

/**
 * Every transition but a person's. Each is one UPDATE that decides on the columns of the row it locks and on nothing else, under the epoch
 * it was thought out for. `now` is given by tests only.
 */

type Now = Date | null | undefined;

function clock(now: Now): RawBuilder<unknown> {
  return sql`(select coalesce(${now ?? null}::timestamptz, clock_timestamp()) as now)`;
}

/** The dependency's row, made when it is first used; settings that changed are written to it. */
export async function ensureBreaker(db: Db, name: string, settings: CompleteSettings, now?: Now): Promise<void> {
  await sql`
    insert into breaker as b (name, entered_at, window_ms, minimum_volume, failure_ratio, open_ms, open_ms_max, probes,
      close_after, lease_ms, probes_lost_max, failures_in_row_max)
    select ${name}, now, ${settings.windowMs}::int, ${settings.minimumVolume}::int, ${settings.failureRatio}::numeric,
      ${settings.openMs}::int, ${settings.openMsMax}::int, ${settings.probes}::int, ${settings.closeAfter}::int,
      ${settings.leaseMs}::int, ${settings.probesLostMax}::int, ${settings.failuresInRow}::int
    from ${clock(now)} as clock
    on conflict (name) do update set
      (window_ms, minimum_volume, failure_ratio, open_ms, open_ms_max, probes, close_after, lease_ms, probes_lost_max, failures_in_row_max) =
      (excluded.window_ms, excluded.minimum_volume, excluded.failure_ratio, excluded.open_ms, excluded.open_ms_max,
       excluded.probes, excluded.close_after, excluded.lease_ms, excluded.probes_lost_max, excluded.failures_in_row_max)
    where (b.window_ms, b.minimum_volume, b.failure_ratio, b.open_ms, b.open_ms_max, b.probes, b.close_after, b.lease_ms, b.probes_lost_max, b.failures_in_row_max)
      is distinct from
      (excluded.window_ms, excluded.minimum_volume, excluded.failure_ratio, excluded.open_ms, excluded.open_ms_max,
       excluded.probes, excluded.close_after, excluded.lease_ms, excluded.probes_lost_max, excluded.failures_in_row_max)`.execute(
    db,
  );
}

/** Calls that ended `ageMs` ago under `epoch`. */
export type ResultCount = { name: string; epoch: number; ok: number; failed: number; ageMs: number };

const RESULT_COUNT = { name: 'text', epoch: 'bigint', ok: 'int', failed: 'int', ageMs: 'float8' } as const;

/**
 * Adds what this replica saw to its own ring of rows; what is of another epoch, or older than the window, is dropped. While a
 * breaker is held closed it is counted to be shown, and opens nothing. Commit it before `evaluate` begins: in one transaction replicas that record at the same moment do not see each other, and nobody opens.
 */
export async function recordResults(db: Db, replica: string, counts: ResultCount[], now?: Now): Promise<void> {
  // The counts of the last moments before a crash of the server may be lost: nothing to wait for a disk for.
  await sql`
    with relaxed as materialized (select set_config('synchronous_commit', 'off', true)),
    clock as materialized (select breaker_ms(now) as now_ms from relaxed, ${clock(now)} as clock),
    bucket as (
      select b.name, b.epoch, b.window_ms, sum(r.ok)::int as ok, sum(r.failed)::int as failed,
        floor((now_ms - r.age_ms) / breaker_bucket_ms(b.window_ms))::bigint * breaker_bucket_ms(b.window_ms) as started_ms
      from clock, ${rowsOf(counts, RESULT_COUNT)} as r(name, epoch, ok, failed, age_ms)
      join breaker b on b.name = r.name and b.epoch = r.epoch and b.state in ('closed', 'forced_closed')
      where r.age_ms < b.window_ms and r.ok + r.failed > 0
      group by b.name, b.epoch, b.window_ms, started_ms
    )
    insert into breaker_bucket as k (name, replica, slot, started_ms, epoch, ok, failed)
    select name, ${replica}, breaker_slot(started_ms, window_ms), started_ms, epoch, ok, failed from bucket
    on conflict (name, replica, slot) do update set
      ok = excluded.ok + case when (k.started_ms, k.epoch) = (excluded.started_ms, excluded.epoch) then k.ok else 0 end,
      failed = excluded.failed + case when (k.started_ms, k.epoch) = (excluded.started_ms, excluded.epoch) then k.failed else 0 end,
      started_ms = excluded.started_ms, epoch = excluded.epoch`.execute(db);
}

/** For a breaker with the rule about failures in a row. A success among them ends the row, whichever of them came last. */
export async function countFailuresInRow(db: Db, count: ResultCount): Promise<void> {
  await sql`
    update breaker set failures_in_row = case when ${count.ok} > 0 then 0 else failures_in_row + ${count.failed} end
    where name = ${count.name} and epoch = ${count.epoch} and state = 'closed' and failures_in_row_max is not null`.execute(
    db,
  );
}

/** What the window of a closed breaker holds, and whether that opened it. */
export type Evaluation = { ok: number; failed: number; opened: boolean };

const RATIO_REACHED = sql`
  (seen.ok + seen.failed >= b.minimum_volume and seen.failed >= b.failure_ratio * (seen.ok + seen.failed))`;

/** Opens a closed breaker whose window says so; null when it is not closed. */
export async function evaluate(db: Db, name: string, replica: string, now?: Now): Promise<Evaluation | null> {
  const { rows } = await sql<Evaluation>`
    with clock as materialized (select now from ${clock(now)} as clock),
    seen as materialized (
      select b.name, b.epoch, coalesce(sum(k.ok), 0)::int as ok, coalesce(sum(k.failed), 0)::int as failed,
        count(distinct k.replica) filter (where k.failed > 0)::int as replicas
      from clock cross join breaker b
      left join breaker_bucket k on k.name = b.name and k.epoch = b.epoch
        and k.started_ms > breaker_ms(now) - b.window_ms and k.started_ms <= breaker_ms(now)
      where b.name = ${name} and b.state = 'closed'
      group by b.name, b.epoch
    ), opened as (
      update breaker b set
        state = 'open', epoch = b.epoch + 1, entered_at = now, failures_in_row = 0,
        open_streak = breaker_next_streak(b, now),
        open_until = now + breaker_open_for(breaker_next_streak(b, now), b.open_ms, b.open_ms_max),
        reason = case when ${RATIO_REACHED} then 'failure_ratio' else 'failures_in_row' end, note = null, actor = ${replica},
        evidence = jsonb_build_object('ok', seen.ok, 'failed', seen.failed, 'replicas', seen.replicas, 'failuresInRow', b.failures_in_row)
      from seen cross join clock
      where b.name = seen.name and b.epoch = seen.epoch and b.state = 'closed'
        and (${RATIO_REACHED} or b.failures_in_row >= b.failures_in_row_max)
      returning b.name
    )
    select ok, failed, exists (select from opened) as opened from seen`.execute(db);
  return rows[0] ?? null;
}

/** Leave to make one call while the breaker is half-open. */
export type Lease = { name: string; epoch: number; lease: string };

const LEASES_LOST = sql`(breaker_lease_count(b.leases) - breaker_lease_count(breaker_live_leases(b.leases, now)))`;

/** An end further away than an opening can last was written by a clock that has jumped back since (a fail-over): it counts as passed. */
const OPENING_OVER = sql`(b.open_until <= now or b.open_until > now + make_interval(secs => b.open_ms_max / 1000.0))`;
const MAY_BE_ASKED = sql`(b.not_before is null or b.not_before <= now or b.not_before > now + interval '1 hour')`;

/** A lease on a probe: the first one makes an open breaker whose time has come half-open. Null when there is none to be had. */
export async function acquireLease(
  db: Db,
  probe: { name: string; replica: string; lease: string },
  now?: Now,
): Promise<Lease | null> {
  const { rows } = await sql<Lease>`
    update breaker b set
      state = 'half_open', epoch = b.epoch + (b.state = 'open')::int, open_until = null,
      entered_at = case b.state when 'open' then now else b.entered_at end,
      reason = case b.state when 'open' then 'open_elapsed' else b.reason end,
      note = case b.state when 'open' then null else b.note end,
      actor = case b.state when 'open' then ${probe.replica} else b.actor end,
      evidence = null,
      probes_lost = b.probes_lost + ${LEASES_LOST},
      leases = breaker_live_leases(b.leases, now)
        || jsonb_build_object(${probe.lease}::text, jsonb_build_object('replica', ${probe.replica}::text, 'until', breaker_ms(now) + b.lease_ms))
    from ${clock(now)} as clock
    where b.name = ${probe.name} and ${MAY_BE_ASKED}
      and ((b.state = 'open' and ${OPENING_OVER})
        or (b.state = 'half_open'
          and breaker_lease_count(breaker_live_leases(b.leases, now)) + b.probes_ok < b.probes
          and b.probes_lost + ${LEASES_LOST} < b.probes_lost_max))
    returning b.name, b.epoch, ${probe.lease}::text as lease`.execute(db);
  return rows[0] ?? null;
}

export type ProbeOutcome = 'ok' | 'fail' | 'ignored';

/**
 * What a probe came to: a failure opens again, enough successes close, and what says nothing about the dependency gives the lease back.
 * Answers the state it led to; null, and no change, when the lease is no longer held.
 */
export async function reportLease(
  db: Db,
  { name, epoch, lease }: Lease,
  outcome: ProbeOutcome,
  now?: Now,
): Promise<{ state: BreakerState; epoch: number } | null> {
  const { rows } = await sql<{ state: BreakerState; epoch: number }>`
    update breaker b set
      (state, epoch, entered_at, open_until, open_streak, leases, probes_ok, probes_lost, reason, note, actor) = (
        select step.to_state, b.epoch + step.moves::int,
          case when step.moves then now else b.entered_at end,
          case step.to_state when 'open' then now + breaker_open_for(b.open_streak + 1, b.open_ms, b.open_ms_max) end,
          b.open_streak + (step.to_state = 'open')::int,
          case when step.moves then '{}' else b.leases - ${lease}::text end,
          case when step.moves then 0 else b.probes_ok + (${outcome} = 'ok')::int end,
          case when step.moves then 0 else b.probes_lost end,
          case step.to_state when 'open' then 'probe_failed' when 'closed' then 'probes_ok' else b.reason end,
          case when step.moves then null else b.note end,
          case when step.moves then b.leases -> ${lease}::text ->> 'replica' else b.actor end
        from (
          select to_state, to_state <> 'half_open' as moves
          from (select case when ${outcome} = 'fail' then 'open'
            when ${outcome} = 'ok' and b.probes_ok + 1 >= b.close_after then 'closed' else 'half_open' end as to_state) s
        ) step
      )
    from ${clock(now)} as clock
    where b.name = ${name} and b.state = 'half_open' and b.epoch = ${epoch}
      and breaker_live_leases(b.leases, now) ? ${lease}::text
    returning b.state, b.epoch`.execute(db);
  return rows[0] ?? null;
}

/** What only time brings about, for every breaker: too many probes lost, a forced state at its end. Answers which ones changed. */
export async function tick(db: Db, now?: Now): Promise<string[]> {
  return [
    ...(await openWhereProbesAreLost(db, now)),
    ...(await closeWhereEnoughIsEnough(db, now)),
    ...(await endForcedStates(db, now)),
  ];
}

async function openWhereProbesAreLost(db: Db, now: Now): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    update breaker b set
      state = 'open', epoch = b.epoch + 1, entered_at = now, open_streak = b.open_streak + 1,
      open_until = now + breaker_open_for(b.open_streak + 1, b.open_ms, b.open_ms_max),
      leases = '{}', probes_ok = 0, probes_lost = 0, reason = 'probes_lost', note = null, actor = null, evidence = null
    from ${clock(now)} as clock
    where b.state = 'half_open' and b.probes_lost + ${LEASES_LOST} >= b.probes_lost_max
    returning b.name`.execute(db);
  return rows.map(({ name }) => name);
}

/** Settings that were changed meanwhile ask for fewer successes than there have been; no further probe would be let through. */
async function closeWhereEnoughIsEnough(db: Db, now: Now): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    update breaker b set
      state = 'closed', epoch = b.epoch + 1, entered_at = now, leases = '{}', probes_ok = 0, probes_lost = 0,
      reason = 'probes_ok', note = null, actor = null, evidence = null
    from ${clock(now)} as clock
    where b.state = 'half_open' and b.probes_ok >= b.close_after
    returning b.name`.execute(db);
  return rows.map(({ name }) => name);
}

async function endForcedStates(db: Db, now: Now): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    update breaker b set
      state = case b.state when 'forced_open' then 'half_open' else 'closed' end, epoch = b.epoch + 1, entered_at = now,
      forced_until = null, reason = 'forced_expired', note = null, actor = null, evidence = null
    from ${clock(now)} as clock
    where b.state in ('forced_open', 'forced_closed') and b.forced_until <= now
    returning b.name`.execute(db);
  return rows.map(({ name }) => name);
}

/**
 * The dependency asked for a pause (Retry-After), of which an hour at most is believed. No transition: the time passes by itself. An open
 * breaker stays open that long too, within the longest opening.
 */
export async function holdOff(db: Db, name: string, pauseMs: number, now?: Now): Promise<void> {
  if (!(pauseMs > 0)) return;
  await sql`
    update breaker b set
      not_before = pause_end,
      open_until = case b.state when 'open' then greatest(b.open_until, least(pause_end, now + make_interval(secs => b.open_ms_max / 1000.0))) end
    from ${clock(now)} as clock,
      lateral (select now + least(make_interval(secs => ${Math.min(pauseMs, 86_400_000) / 1000}), interval '1 hour') as pause_end) pause
    where b.name = ${name} and b.state <> 'forced_open'
      and (b.not_before is null or b.not_before < pause_end or b.not_before > now + interval '1 hour')`.execute(db);
}
