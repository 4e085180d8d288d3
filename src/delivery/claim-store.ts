import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import type { FactSource } from '../entitlement/fact-source.ts';
import type { Db } from '../platform/database.ts';
import { arrayOf } from '../platform/rows.ts';

/** An event this worker holds. A write must name the claim: when that is gone, or holds it no more, it changes nothing. */
export type ClaimedEvent = FactSource & {
  claimId: string;
  country: string | null;
  tries: number;
  /** All attempts there were, also those that cost no try. */
  attempts: number;
  lostLeases: number;
  /** Probes in a row that failed with it. */
  failedProbes: number;
  /** What it failed of last, and the ticket it stands on since. */
  errorFamily: string | null;
  ticketId: number | null;
};

const RETURNED =
  sql.raw(`e.provider, e.id, e.kind, e.transaction_id as "transactionId", e.subscription_id as "subscriptionId",
  e.user_id as "userId", e.amount_minor as "amountMinor", e.currency, e.payer_country as "payerCountry", e.plan,
  e.occurred_at as "occurredAt", e.received_at as "receivedAt", coalesce(e.facts, '[]') as facts, e.country, e.tries, e.attempts,
  e.lost_leases as "lostLeases", e.failed_probes as "failedProbes", e.error_family as "errorFamily", e.ticket_id as "ticketId"`);

export type ClaimOptions = {
  limit: number;
  /** How many of them may be due again; all when left out. */
  againLimit?: number;
  /** Half of them the newest there are, and not the oldest. */
  newest?: boolean;
  leaseMs: number;
  /** Users somebody here is telling the product about right now: their other events wait unclaimed. */
  busyUsers: string[];
  /** First tries up to here were taken a moment ago; 0 looks at all. Saves walking over what was finished since the last vacuum. */
  afterId?: number;
  now?: Date | null;
};

/** Takes due events, first tries and due-again ones 1:1. Events of a worker that died with them are left to `claimSuspect`. */
export async function claimEvents(db: Db, options: ClaimOptions): Promise<ClaimedEvent[]> {
  const claimId = randomUUID();
  const { rows } = await sql<Omit<ClaimedEvent, 'claimId'>>`
    select ${RETURNED}
    from claim_events(${claimId}, ${options.limit}, ${options.againLimit ?? options.limit}, ${options.newest ?? false}, ${options.leaseMs},
       ${options.busyUsers}::text[], ${options.afterId ?? 0}, ${at(options.now)}) e`.execute(db);
  return rows.map((event) => ({ ...event, claimId }));
}

/**
 * An event whose worker ended or froze while holding it may be the one that ended it: such events are claimed one at a time,
 * the least suspected first, so that the guilty one takes no others down with it.
 */
export async function claimSuspect(
  db: Db,
  options: Pick<ClaimOptions, 'leaseMs' | 'busyUsers' | 'now'>,
): Promise<ClaimedEvent | null> {
  const claimId = randomUUID();
  const { rows } = await sql<Omit<ClaimedEvent, 'claimId'>>`
    select ${RETURNED}
    from claim_suspect(${claimId}, ${options.leaseMs}, ${options.busyUsers}::text[], ${at(options.now)}) e`.execute(db);
  return rows[0] ? { ...rows[0], claimId } : null;
}

function at(now: Date | null | undefined) {
  return sql`coalesce(${now ?? null}::timestamptz, clock_timestamp())`;
}

/** Says that the holder is alive and still at it, however long a call takes. What is being finished right now needs no lease. */
export async function renewClaims(db: Db, claimIds: string[], leaseMs: number): Promise<void> {
  await sql`
    with mine as materialized (
      select id from claim where id = any(${claimIds}::uuid[]) order by id for update skip locked
    )
    update claim set until = clock_timestamp() + make_interval(secs => ${leaseMs / 1000})
    from mine where claim.id = mine.id`.execute(db);
}

/** Takes events away from holders whose lease ran out, writes down that a try was lost, and answers how many there were. */
export async function reclaimExpired(db: Db, now: Date | null = null): Promise<number> {
  const { rows } = await sql<{ reclaimed: number }>`
    with expired as materialized (
      select id, events from claim where until < ${at(now)} order by id for update skip locked
    ), ended as (
      delete from claim using expired where claim.id = expired.id
    ), taken as (
      update event e set lost_leases = e.lost_leases + 1, attempts = e.attempts + 1
      from expired cross join lateral unnest(expired.events) as held(event_id)
      where e.id = held.event_id and e.state in ('pending', 'retrying')
      returning e.provider, e.id, e.attempts
    ), logged as (
      insert into attempt (provider, event_id, n, started_at, duration_ms, dependency, outcome, error_code, error)
      select provider, id, attempts, clock_timestamp(), 0, 'worker', 'handed_back', 'LEASE_LOST', 'the process that was delivering it ended or froze'
      from taken
    )
    select count(*)::int as reclaimed from taken`.execute(db);
  return rows[0]!.reclaimed;
}

/** Gives events back untouched: no try, no attempt, due again after `delayMs`; 0 leaves the events' own rows alone. */
export async function handBack(db: Db, events: HeldEvent[], delayMs: number): Promise<void> {
  const released = sql`${releaseEvents(events)} as released(id)`;
  if (delayMs === 0) await sql`select count(*) from ${released}`.execute(db);
  else
    await sql`
      update event e set due_at = clock_timestamp() + make_interval(secs => ${delayMs / 1000})
      from ${released} where e.id = released.id`.execute(db);
}

type HeldEvent = { id: number; claimId: string };

/** As a table: the ids of those that were still held. */
export function releaseEvents(events: HeldEvent[]) {
  const claimIds = events.map((event) => event.claimId);
  const ids = events.map((event) => event.id);
  return sql`release_events(${arrayOf(claimIds, 'uuid')}, ${arrayOf(ids, 'bigint')})`;
}
