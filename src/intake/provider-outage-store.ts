import { sql } from 'kysely';
import type { Db } from '../platform/database.ts';

export type Traffic = {
  provider: string;
  /** Refused in the last five minutes. */
  refused: number;
  /** Deliveries of verified webhooks that ended, however, in the same time; and in the hour before. */
  ended: number;
  endedBefore: number;
  /** A circuit breaker is not closed: deliveries wait. */
  productAway: boolean;
};

/** Providers of which webhooks were refused in the last five minutes. Reads those minutes, never the ledger. */
export async function listRefusedProviders(db: Db, now: Date | null): Promise<Traffic[]> {
  const { rows } = await sql<Traffic>`
    with clock as (select coalesce(${now}::timestamptz, clock_timestamp()) as now),
    refused as (
      select provider, count(*)::int as refused from refusal, clock
      where sealed is not null and received_at > now - interval '5 minutes' group by provider
    )
    select r.provider, r.refused,
      coalesce(sum(m.events) filter (where m.minute > now - interval '5 minutes'), 0)::bigint as ended,
      coalesce(sum(m.events) filter (where m.minute <= now - interval '5 minutes'), 0)::bigint as "endedBefore",
      exists (select from breaker where state <> 'closed') as "productAway"
    from refused r cross join clock
    left join delivery_minute m on m.provider = r.provider and m.minute > now - interval '65 minutes' and m.minute <= now
    group by r.provider, r.refused, now order by r.provider`.execute(db);
  return rows;
}

export type Outage = { ticketId: number; provider: string; endedSince: number };

/** Open tickets of whole providers; a delivery counts from the minute after they opened. */
export async function listOpenOutages(db: Db): Promise<Outage[]> {
  const { rows } = await sql<Outage>`
    select t.id as "ticketId", t.source as provider,
      (select coalesce(sum(events), 0)::bigint from delivery_minute m where m.provider = t.source and m.minute > t.opened_at) as "endedSince"
    from ticket t where t.state not in ('resolved', 'merged') and t.stage = 'provider' order by t.id`.execute(db);
  return rows;
}
