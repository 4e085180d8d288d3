import { sql } from 'kysely';
import type { Db } from '../platform/database.ts';
import type { BreakerEvidence, BreakerState } from '../platform/schema.ts';

/** A breaker as every replica keeps it. Times are what is left of them in ms, so that nobody's own clock matters; 0: passed. */
export type BreakerReading = {
  name: string;
  state: BreakerState;
  epoch: number;
  /** Since the last transition. */
  enteredMs: number;
  /** Until an open breaker lets a probe through. */
  dueMs: number;
  heldOffMs: number;
  /** null: a forced state without an end, or none. */
  forcedMs: number | null;
  /** How many leases a half-open breaker still has to give. */
  probeRoom: number;
  countsInRow: boolean;
};

/** The state of all breakers; the truth, whatever was heard before. */
export async function readBreakers(db: Db, now?: Date | null): Promise<BreakerReading[]> {
  const { rows } = await sql<BreakerReading>`
    select b.name, b.state, b.epoch,
      greatest(0, extract(epoch from now - b.entered_at) * 1000)::float8 as "enteredMs",
      -- further away than possible: written by a clock that has jumped back since
      case when b.open_until > now and b.open_until <= now + make_interval(secs => b.open_ms_max / 1000.0)
        then extract(epoch from b.open_until - now) * 1000 else 0 end::float8 as "dueMs",
      case when b.not_before > now and b.not_before <= now + interval '1 hour'
        then extract(epoch from b.not_before - now) * 1000 else 0 end::float8 as "heldOffMs",
      case when b.forced_until is not null
        then greatest(0, extract(epoch from b.forced_until - now) * 1000) end::float8 as "forcedMs",
      case when b.state = 'half_open'
        then greatest(0, b.probes - b.probes_ok - breaker_lease_count(breaker_live_leases(b.leases, now))) else 0 end as "probeRoom",
      b.failures_in_row_max is not null as "countsInRow"
    from breaker b, (select coalesce(${now ?? null}::timestamptz, clock_timestamp()) as now) as clock`.execute(db);
  return rows;
}

/** A breaker as people are shown it. */
export type BreakerView = {
  name: string;
  state: BreakerState;
  epoch: number;
  since: Date;
  openUntil: Date | null;
  forcedUntil: Date | null;
  /** When the next call, a probe if need be, may be made; null when nobody can say. */
  nextProbeAt: Date | null;
  /** Results of the window of a breaker that is closed or held closed, and the share of failures among them. */
  ok: number;
  failed: number;
  failureShare: number | null;
  /** Of the last transition. */
  reason: string | null;
  note: string | null;
  actor: string | null;
  evidence: BreakerEvidence | null;
};

export async function listBreakers(db: Db, now?: Date | null): Promise<BreakerView[]> {
  const { rows } = await sql<BreakerView>`
    select b.name, b.state, b.epoch, b.entered_at as since, b.open_until as "openUntil", b.forced_until as "forcedUntil",
      case b.state when 'open' then greatest(b.open_until, b.not_before) when 'half_open' then greatest(now, b.not_before)
        when 'forced_open' then b.forced_until end as "nextProbeAt",
      seen.ok, seen.failed, (seen.failed::float8 / nullif(seen.ok + seen.failed, 0)) as "failureShare",
      b.reason, b.note, b.actor, b.evidence
    from breaker b
    cross join (select coalesce(${now ?? null}::timestamptz, clock_timestamp()) as now) as clock
    cross join lateral (
      select coalesce(sum(k.ok), 0)::int as ok, coalesce(sum(k.failed), 0)::int as failed from breaker_bucket k
      where k.name = b.name and k.epoch = b.epoch
        and k.started_ms > breaker_ms(now) - b.window_ms and k.started_ms <= breaker_ms(now)
    ) seen
    order by b.name`.execute(db);
  return rows;
}

/** When a dependency whose breaker is closed was last known to answer: its last success, or the probes that closed it. */
export async function findAnsweredAt(db: Db, name: string): Promise<Date | null> {
  const { rows } = await sql<{ answeredAt: Date | null }>`
    select greatest(
      case when b.reason = 'probes_ok' then b.entered_at end,
      (select to_timestamp(max(k.started_ms) / 1000.0) from breaker_bucket k where k.name = b.name and k.ok > 0)
    ) as "answeredAt"
    from breaker b where b.name = ${name} and b.state = 'closed'`.execute(db);
  return rows[0]?.answeredAt ?? null;
}
