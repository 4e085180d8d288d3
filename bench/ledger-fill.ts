import { query } from './place.ts';

export type Fill = {
  count: number;
  /** How many events one user has, of one payment each. */
  eventsPerUser: number;
  state: 'pending' | 'applied';
  /** Keeps the keys of two fills apart. */
  series: string;
  /** They came one after the other in this time, which ends now; all at once without it. */
  overSeconds?: number;
};

/** Rows of this many events are written by one statement. */
const CHUNK = 250_000;

/**
 * Events with their payloads as intake writes them, in no order of their keys, counted as received. A body here is short: it lies in a
 * table of its own, which neither the queue nor a duplicate's check reads.
 */
export async function fillLedger(databaseUrl: string, fill: Fill): Promise<void> {
  for (let from = 0; from < fill.count; from += CHUNK) {
    const to = Math.min(fill.count, from + CHUNK) - 1;
    await query(databaseUrl, INSERT, [
      from,
      to,
      fill.eventsPerUser,
      fill.state,
      fill.series,
      secondsApart(fill),
      fill.count,
    ]);
  }
  // As autovacuum leaves it in time; all at once, in the middle of a measurement, it would freeze five million rows.
  await query(databaseUrl, 'vacuum (freeze, analyze)');
  await query(databaseUrl, 'checkpoint');
}

function secondsApart({ count, overSeconds = 0 }: Fill): number {
  return overSeconds / count;
}

const INSERT = `
  with numbers as (
    select n, md5($5::text || n) as id, now() - make_interval(secs => ($7::bigint - n) * $6::float8) as at from generate_series($1::bigint, $2::bigint) n
  ), stored as (
    insert into event (provider, dedup_key, body_hash, kind, provider_type, transaction_id, user_id, amount_minor, currency,
      payer_country, occurred_at, facts, received_at, due_at, state, attempts, finished_at)
    select 'bench', 'evt_' || id, sha256(id::bytea), 'payment_succeeded', 'payment.succeeded', 'tx_' || id,
      'user_' || md5($5::text || n / $3::int), 999, 'EUR', 'DE', at,
      '[{"type":"paid","effect":"capture","periodEnd":null,"periodStart":null}]', at, at, $4::text,
      ($4::text = 'applied')::int, case when $4::text = 'applied' then now() end
    from numbers order by n
    returning provider, id, dedup_key, received_at
  ), arrived as (
    insert into event_arrival (key, event_id) select event_key(provider, dedup_key), id from stored
  ), kept as (
    insert into payload (provider, event_id, month, body)
    select provider, id, date_trunc('month', received_at at time zone 'utc')::date, dedup_key::bytea from stored
  )
  update counter set received = received + (select count(*) from stored) where shard = 0`;
