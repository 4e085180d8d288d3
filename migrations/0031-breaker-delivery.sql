-- What delivery keeps of an event because of the breaker, and claims that leave room for what is new.

alter table event
  -- probes in a row that failed with it: they cost no try, but the third one does, else one poisoned event keeps a breaker open for ever
  add column failed_probes int not null default 0,
  -- how often it was tried again by itself after its tries were used up
  add column self_redrives int not null default 0;

-- The events that may be tried again by themselves, and nothing else.
create index event_exhausted on event (finished_at) where reason = 'transient_exhausted' and settled_by is null;

drop function claim_events(uuid, int, int, text[], bigint, timestamptz);

-- Takes due events for a worker: first tries and due-again ones 1:1, so that neither starves the other, and the rest of the room
-- by whichever there is more of; of the due-again ones `again_room` at most. With `newest`, where calls are what takes the time, half
-- the room is for what came last, and what waits longest (due again, then oldest) gets the other half: after an outage somebody who pays
-- now would otherwise wait behind all who paid meanwhile. Claims take turns, so that no two take the same event; one that is lost with the
-- server's memory was held by nobody, so its commit waits for no disk. The planner may not sort: its statistics are of a time when the
-- queue was empty, so it would read and sort the whole backlog for every claim instead of walking along the index.
create function claim_events(claim_id uuid, room int, again_room int, newest boolean, lease_ms int, busy_users text[], after_id bigint, at_time timestamptz)
returns setof event
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
  -- With one place to give, chance decides which of the two sides gets it.
  taken := array(
    select id from (
      select id, min(place) as place from (
        select * from unnest(fresh) with ordinality as f(id, place)
        union all select * from unnest(case when newest then again || oldest else again end) with ordinality as w(id, place)
      ) sides group by id
    ) due order by place, random() limit room);
  if cardinality(taken) = 0 then
    return;
  end if;
  insert into claim (id, until, events) values (claim_id, at_time + lease_ms * interval '1 millisecond', taken);
  return query select e.* from unnest(taken) as t(event_id) join event e on e.id = t.event_id;
end $$;
