import { sql } from 'kysely';
import type { FactSource } from '../entitlement/apply-facts.ts';
import type { Db } from '../platform/database.ts';
import { rowsOf } from '../platform/rows.ts';

/** An event this worker holds a lease on. A write must name the fence: with another one it changes nothing. */
export type ClaimedEvent = FactSource & {
  fence: number;
  country: string | null;
  tries: number;
  /** All attempts there were, also those that cost no try. */
  attempts: number;
  lostLeases: number;
  /** What it failed of last, and the ticket it stands on since. */
  errorFamily: string | null;
  ticketId: number | null;
};

const RETURNED =
  sql.raw(`e.provider, e.id, e.fence, e.kind, e.transaction_id as "transactionId", e.subscription_id as "subscriptionId",
  e.user_id as "userId", e.amount_minor as "amountMinor", e.currency, e.payer_country as "payerCountry", e.plan,
  e.occurred_at as "occurredAt", e.received_at as "receivedAt", coalesce(e.facts, '[]') as facts, e.country, e.tries, e.attempts,
  e.lost_leases as "lostLeases", e.error_family as "errorFamily", e.ticket_id as "ticketId"`);

export type ClaimOptions = {
  limit: number;
  leaseMs: number;
  /** Users somebody here is telling the product about right now: their other events wait unclaimed. */
  busyUsers: string[];
  /** First tries up to here were taken a moment ago; 0 looks at all. Saves walking over what was finished since the last vacuum. */
  afterId?: number;
  now?: Date | null;
};

/** Takes due events, first tries and due-again ones 1:1. Events of a worker that died with them are left to `claimSuspect`. */
export async function claimEvents(db: Db, options: ClaimOptions): Promise<ClaimedEvent[]> {
  const now = sql`coalesce(${options.now ?? null}::timestamptz, clock_timestamp())`;
  const { rows } = await sql<ClaimedEvent>`
    select ${RETURNED} from claim_events(${options.limit}, ${options.leaseMs}, ${options.busyUsers}::text[], ${options.afterId ?? 0}, ${now}) e`.execute(
    db,
  );
  return rows;
}

/**
 * An event whose worker ended or froze while holding it may be the one that ended it: such events are claimed one at a time,
 * the least suspected first, so that the guilty one takes no others down with it.
 */
export async function claimSuspect(db: Db, options: Omit<ClaimOptions, 'limit'>): Promise<ClaimedEvent | null> {
  const now = sql`coalesce(${options.now ?? null}::timestamptz, clock_timestamp())`;
  const { rows } = await sql<ClaimedEvent>`
    with picked as materialized (
      select provider, id from event
      where lost_leases > 0 and state in ('pending', 'retrying') and due_at <= ${now} and lease_until is null
        and (user_id is null or user_id <> all(${options.busyUsers}::text[]))
      order by lost_leases, id limit 1 for update skip locked
    )
    update event e set fence = e.fence + 1, lease_until = ${now} + make_interval(secs => ${options.leaseMs / 1000})
    from picked where e.provider = picked.provider and e.id = picked.id
    returning ${RETURNED}`.execute(db);
  return rows[0] ?? null;
}

const KEY_AND_FENCE = { provider: 'text', id: 'bigint', fence: 'bigint' };

/** Says that the holder is alive and still at it, however long a call takes. What is being finished right now needs no lease. */
export async function renewLeases(
  db: Db,
  events: { provider: string; id: number; fence: number }[],
  leaseMs: number,
): Promise<void> {
  await sql`
    with mine as materialized (
      select e.provider, e.id from event e
      join ${rowsOf(events, KEY_AND_FENCE)} as held(provider, id, fence)
        on e.provider = held.provider and e.id = held.id and e.fence = held.fence
      where e.lease_until is not null
      order by e.provider, e.id for update of e skip locked
    )
    update event e set lease_until = clock_timestamp() + make_interval(secs => ${leaseMs / 1000})
    from mine where e.provider = mine.provider and e.id = mine.id`.execute(db);
}

/**
 * Takes events away from holders whose lease ran out, writes down that a try was lost, and answers how many there were. State by
 * state, because each has its index: asked for both at once, the whole ledger was read.
 */
export async function reclaimExpired(db: Db, now: Date | null = null): Promise<number> {
  const { rows } = await sql<{ reclaimed: number }>`
    with fresh as materialized (
      select provider, id from event
      where state = 'pending' and lease_until < coalesce(${now}::timestamptz, clock_timestamp())
      order by id for update skip locked
    ), again as materialized (
      select provider, id from event
      where state = 'retrying' and lease_until < coalesce(${now}::timestamptz, clock_timestamp())
      order by due_at for update skip locked
    ), expired as (
      select * from fresh union all select * from again
    ), taken as (
      update event e set lease_until = null, fence = e.fence + 1, lost_leases = e.lost_leases + 1, attempts = e.attempts + 1
      from expired where e.provider = expired.provider and e.id = expired.id
      returning e.provider, e.id, e.attempts
    ), logged as (
      insert into attempt (provider, event_id, n, started_at, duration_ms, dependency, outcome, error_code, error)
      select provider, id, attempts, clock_timestamp(), 0, 'worker', 'handed_back', 'LEASE_LOST', 'the process that was delivering it ended or froze'
      from taken
    )
    select count(*)::int as reclaimed from taken`.execute(db);
  return rows[0]!.reclaimed;
}

/** Gives events back untouched: no try, no attempt, due again after `delayMs`. */
export async function handBack(
  db: Db,
  events: { provider: string; id: number; fence: number }[],
  delayMs: number,
): Promise<void> {
  await sql`
    update event e set lease_until = null, due_at = clock_timestamp() + make_interval(secs => ${delayMs / 1000})
    from ${rowsOf(events, KEY_AND_FENCE)} as held(provider, id, fence)
    where e.provider = held.provider and e.id = held.id and e.fence = held.fence and e.lease_until is not null`.execute(
    db,
  );
}
