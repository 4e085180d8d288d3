-- What a claim costs for each of its events.

-- A list of ids was compressed when it was written and unpacked when it was let go: several hundred of them are some kilobytes.
alter table claim alter column events set storage external;

drop function claim_events(uuid, int, int, boolean, int, text[], bigint, timestamptz);
drop function claim_suspect(uuid, int, text[], timestamptz);

-- What a worker is told of an event. Not the table's own row: columns that were dropped from it long ago make the server take each row
-- apart and put it together again.
create type claimed_event as (
  provider text, id bigint, kind text, transaction_id text, subscription_id text, user_id text, amount_minor bigint, currency text,
  payer_country text, plan text, occurred_at timestamptz, received_at timestamptz, facts jsonb, country text, tries int, attempts int,
  lost_leases int, failed_probes int, error_family text, ticket_id bigint
);

-- Takes due events for a worker: first tries and due-again ones 1:1, so that neither starves the other, and the rest of the room
-- by whichever there is more of; of the due-again ones `again_room` at most. With `newest`, where calls are what takes the time, half
-- the room is for what came last, and what waits longest (due again, then oldest) gets the other half: after an outage somebody who pays
-- now would otherwise wait behind all who paid meanwhile. Claims take turns, so that no two take the same event; one that is lost with the
-- server's memory was held by nobody, so its commit waits for no disk. The planner may not sort: its statistics are of a time when the
-- queue was empty, so it would read and sort the whole backlog for every claim instead of walking along the index.
create function claim_events(claim_id uuid, room int, again_room int, newest boolean, lease_ms int, busy_users text[], after_id bigint, at_time timestamptz)
returns setof claimed_event
language plpgsql
set enable_sort = off set enable_bitmapscan = off set enable_seqscan = off set jit = off
as $$
declare
  oldest bigint[];
  fresh bigint[];
  again bigint[];
  taken bigint[];
begin
  perform pg_advisory_xact_lock(hashtext('claim_events'));
  perform set_config('synchronous_commit', 'off', true);
  oldest := array(
    select id from event
    where state = 'pending' and id > after_id and due_at <= at_time and lost_leases = 0
      and (user_id is null or user_id <> all(busy_users)) and id not in (select unnest(events) from claim)
    order by id limit room);
  fresh := oldest;
  if newest and cardinality(oldest) = room then
    fresh := array(
      select id from event
      where state = 'pending' and due_at <= at_time and lost_leases = 0
        and (user_id is null or user_id <> all(busy_users)) and id not in (select unnest(events) from claim)
      order by id desc limit room);
  end if;
  again := array(
    select id from event
    where state = 'retrying' and due_at <= at_time and lost_leases = 0
      and (user_id is null or user_id <> all(busy_users)) and id not in (select unnest(events) from claim)
    order by due_at limit least(room, again_room));
  if cardinality(again) = 0 and not newest then
    taken := fresh;
  else
    -- With one place to give, chance decides which of the two sides gets it.
    taken := array(
      select id from (
        select id, min(place) as place from (
          select * from unnest(fresh) with ordinality as f(id, place)
          union all select * from unnest(case when newest then again || oldest else again end) with ordinality as w(id, place)
        ) sides group by id
      ) due order by place, random() limit room);
  end if;
  if cardinality(taken) = 0 then
    return;
  end if;
  insert into claim (id, until, events) values (claim_id, at_time + lease_ms * interval '1 millisecond', taken);
  return query
    select e.provider, e.id, e.kind, e.transaction_id, e.subscription_id, e.user_id, e.amount_minor, e.currency, e.payer_country, e.plan,
      e.occurred_at, e.received_at, e.facts, e.country, e.tries, e.attempts, e.lost_leases, e.failed_probes, e.error_family, e.ticket_id
    from unnest(taken) as t(event_id) join event e on e.id = t.event_id;
end $$;

-- Takes one of the events whose workers ended or froze while holding them, the least suspected first.
create function claim_suspect(claim_id uuid, lease_ms int, busy_users text[], at_time timestamptz)
returns setof claimed_event language plpgsql as $$
declare
  taken bigint;
begin
  perform pg_advisory_xact_lock(hashtext('claim_events'));
  perform set_config('synchronous_commit', 'off', true);
  select id into taken from event
    where lost_leases > 0 and state in ('pending', 'retrying') and due_at <= at_time
      and (user_id is null or user_id <> all(busy_users)) and id not in (select unnest(events) from claim)
    order by lost_leases, id limit 1;
  if taken is null then
    return;
  end if;
  insert into claim (id, until, events) values (claim_id, at_time + lease_ms * interval '1 millisecond', array[taken]);
  return query
    select e.provider, e.id, e.kind, e.transaction_id, e.subscription_id, e.user_id, e.amount_minor, e.currency, e.payer_country, e.plan,
      e.occurred_at, e.received_at, e.facts, e.country, e.tries, e.attempts, e.lost_leases, e.failed_probes, e.error_family, e.ticket_id
    from event e where e.id = taken;
end $$;
