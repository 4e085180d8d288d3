-- The ledger: every webhook we answered for, what it says, and what became of it. PostgreSQL 15 to 18.

-- A row is one verified webhook, as received (one item of it where a provider sends several in a body).
-- Fillfactor 50: claiming is an update of unindexed columns, and stays inside the page (HOT) only if there is room.
create table event (
  provider text not null,
  id bigint generated always as identity,
  dedup_key text not null,
  body_hash bytea not null,
  kind text not null,
  provider_type text,
  transaction_id text,
  subscription_id text,
  user_id text,
  amount_minor bigint,
  currency text,
  payer_country text,
  plan text,
  occurred_at timestamptz,
  facts jsonb,
  country text,
  late boolean not null default false,
  conflicts int not null default 0,
  received_at timestamptz not null,
  state text not null,
  reason text,
  error_family text,
  due_at timestamptz not null,
  tries int not null default 0,
  attempts int not null default 0,
  fence bigint not null default 0,
  lease_until timestamptz,
  lost_leases int not null default 0,
  ticket_id bigint,
  redrive_id bigint,
  settled_by text,
  settled_reason text,
  finished_at timestamptz,
  primary key (provider, id),
  constraint "an event arrives once" unique (provider, dedup_key),
  constraint "a dedup key has at most 255 bytes" check (octet_length(dedup_key) <= 255),
  constraint "an event is in a known state" check (state in ('pending', 'retrying', 'applied', 'ignored', 'dead', 'overridden')),
  constraint "only a dead event has a reason" check ((state = 'dead') = (reason is not null)),
  constraint "a dead event has a known reason" check (reason in ('permanent', 'transient_exhausted', 'malformed', 'crashed')),
  constraint "only a waiting event is leased" check (lease_until is null or state in ('pending', 'retrying'))
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);

-- The queue is the ledger. `processing` is a waiting event with a lease in force: no column of an index changes when it is claimed.
create index event_fresh on event (id) where state = 'pending';
create index event_due_again on event (due_at) where state = 'retrying';
create index event_suspect on event (id) where lost_leases > 0 and state in ('pending', 'retrying');
create index event_of_ticket on event (ticket_id, user_id) where ticket_id is not null;
create index event_of_redrive on event (redrive_id) where redrive_id is not null;

-- A row says that an event is about a transaction. Apart from the event, whose every change of state would otherwise write a new
-- entry into one more index.
create table transaction_event (
  provider text not null,
  transaction_id text not null,
  event_id bigint not null,
  primary key (provider, transaction_id, event_id)
);

-- A row is the raw body of an event. Partitioned by month of receipt (UTC) so that retention drops a table and deletes no row.
create table payload (
  provider text not null,
  event_id bigint not null,
  month date not null,
  content_encoding text,
  -- the few headers that the reading of the bytes depends on
  headers jsonb,
  body bytea not null,
  primary key (provider, event_id, month)
) partition by range (month);

-- Makes the partitions from this month to `ahead` months on; answers how many were missing.
create function create_payload_partitions(ahead int, at_time timestamptz default clock_timestamp()) returns int
language plpgsql as $$
declare
  made int := 0;
  first_day date := date_trunc('month', at_time at time zone 'utc')::date;
begin
  for i in 0..ahead loop
    declare
      from_day date := (first_day + make_interval(months => i))::date;
      to_day date := (first_day + make_interval(months => i + 1))::date;
      partition_name text := 'payload_' || to_char(from_day, 'YYYY_MM');
    begin
      if to_regclass(partition_name) is null then
        begin
          execute format('create table %I partition of payload for values from (%L) to (%L)', partition_name, from_day, to_day);
          made := made + 1;
        exception when duplicate_table then null; -- another replica was quicker
        end;
      end if;
    end;
  end loop;
  return made;
end $$;

-- A row is one try to deliver an event: what was called, what came of it, and when we decided to try again.
create table attempt (
  provider text not null,
  event_id bigint not null,
  n int not null,
  started_at timestamptz not null,
  duration_ms int not null,
  dependency text not null,
  outcome text not null,
  http_status int,
  error_code text,
  error text,
  delay_ms int,
  primary key (provider, event_id, n),
  constraint "an attempt has a known outcome" check (outcome in ('ok', 'transient', 'permanent', 'throttled', 'handed_back'))
);

-- A row is a provider's transaction: whose it is and when we first heard of it. What happened to it is in its events and facts.
create table payment (
  provider text not null,
  transaction_id text not null,
  user_id text,
  subscription_id text,
  amount_minor bigint,
  currency text,
  payer_country text,
  first_received_at timestamptz not null,
  primary key (provider, transaction_id)
) with (fillfactor = 80);

-- A row links what comes later without a transaction of its own (renewals, cancellations) to a user.
create table subscription (
  provider text not null,
  subscription_id text not null,
  user_id text,
  first_received_at timestamptz not null,
  primary key (provider, subscription_id)
) with (fillfactor = 80);

-- A row is one thing an event or an override says about a user. Never changed but for learning its user; never deleted.
create table fact (
  provider text not null,
  -- the transaction, or `subscription:<id>` where there is none
  subject text not null,
  effect text not null,
  type text not null,
  event_id bigint not null,
  transaction_id text,
  subscription_id text,
  user_id text,
  amount_minor bigint,
  currency text,
  plan text,
  at timestamptz,
  received_at timestamptz not null,
  detail jsonb,
  constraint "a payment takes an effect once" primary key (provider, subject, effect),
  constraint "a fact has a known type" check
    (type in ('paid', 'refunded', 'disputed', 'dispute_won', 'dispute_lost', 'canceled', 'granted'))
) with (fillfactor = 90);
create index fact_of_user on fact (user_id) where user_id is not null;
create index fact_without_user on fact (provider, subject) where user_id is null;

-- Two tellings of one paid period: the earliest beginning and the latest end that either of them names.
create function merge_periods(a jsonb, b jsonb) returns jsonb language sql immutable as $$
  select nullif(jsonb_strip_nulls(jsonb_build_object(
    'periodStart', least(a ->> 'periodStart', b ->> 'periodStart'),
    'periodEnd', greatest(a ->> 'periodEnd', b ->> 'periodEnd'))), '{}'::jsonb)
$$;

-- A row is a user the product was told about; `sending_until` is held by whoever is telling it, over all replicas.
create table customer (
  user_id text primary key,
  sending_until timestamptz,
  sending_token bigint not null default 0
) with (fillfactor = 80);

-- A row is a feature a user has, or once had. `revision` rises with every change; `sent_revision` is what the product accepted.
create table entitlement (
  user_id text not null,
  feature text not null,
  since timestamptz not null,
  until timestamptz,
  revoked boolean not null,
  revision bigint not null,
  sent_revision bigint not null default 0,
  changed_at timestamptz not null default clock_timestamp(),
  primary key (user_id, feature)
) with (fillfactor = 80);

-- The counters of conservation, spread over rows so that replicas do not queue for one; the truth is their sum.
create table counter (
  shard int primary key,
  received bigint not null default 0,
  stored bigint not null default 0,
  duplicate bigint not null default 0,
  refused bigint not null default 0,
  applied bigint not null default 0,
  ignored bigint not null default 0,
  waiting bigint not null default 0,
  dead bigint not null default 0,
  overridden bigint not null default 0
) with (fillfactor = 50);
insert into counter (shard) select generate_series(0, 63);

-- A row is a webhook that failed verification. `sealed` is its raw bytes, encrypted, emptied after seven days.
create table refusal (
  id bigint generated always as identity primary key,
  provider text not null,
  cause text not null,
  detail text,
  country text,
  received_at timestamptz not null,
  age_seconds double precision,
  header_names text[] not null,
  secret_fingerprints text[] not null,
  body_hash bytea not null,
  body_bytes int not null,
  sealed bytea,
  ticket_id bigint,
  verified_at timestamptz,
  event_provider text,
  event_id bigint
);
create index refusal_of_ticket on refusal (ticket_id) where verified_at is null;
create index refusal_to_empty on refusal (received_at) where sealed is not null;

-- A row is a redrive asked for: a person's press, once. Its outcome is read from the events that carry its id.
create table redrive (
  id bigint generated always as identity primary key,
  command_id text not null,
  scope text not null,
  ticket_id bigint,
  provider text,
  transaction_id text,
  requested_by text not null,
  requested_at timestamptz not null default clock_timestamp(),
  events int not null default 0,
  constraint "a press redrives once" unique (command_id)
);

create function note_transactions() returns trigger language plpgsql as $$
begin
  insert into transaction_event (provider, transaction_id, event_id)
    select provider, transaction_id, id from new_rows where transaction_id is not null;
  return null;
end $$;
create trigger "a transaction's events are found by it" after insert on event
  referencing new table as new_rows for each statement execute function note_transactions();

-- The counters change in the transaction of what they count, whoever changes it: a service, a migration, a person in psql.
create function count_events() returns trigger language plpgsql as $$
declare
  d record;
begin
  if tg_op = 'INSERT' then
    select count(*) as stored,
           count(*) filter (where state in ('pending', 'retrying')) as waiting,
           count(*) filter (where state = 'applied') as applied,
           count(*) filter (where state = 'ignored') as ignored,
           count(*) filter (where state = 'dead') as dead,
           count(*) filter (where state = 'overridden') as overridden
      into d from new_rows;
  elsif tg_op = 'UPDATE' then
    select 0::bigint as stored,
           coalesce(sum(sign) filter (where state in ('pending', 'retrying')), 0) as waiting,
           coalesce(sum(sign) filter (where state = 'applied'), 0) as applied,
           coalesce(sum(sign) filter (where state = 'ignored'), 0) as ignored,
           coalesce(sum(sign) filter (where state = 'dead'), 0) as dead,
           coalesce(sum(sign) filter (where state = 'overridden'), 0) as overridden
      into d from (select 1 as sign, state from new_rows union all select -1, state from old_rows) moved;
  end if;
  if (d.stored, d.waiting, d.applied, d.ignored, d.dead, d.overridden) = (0, 0, 0, 0, 0, 0) then
    return null;
  end if;
  update counter set
      stored = counter.stored + d.stored, waiting = counter.waiting + d.waiting, applied = counter.applied + d.applied,
      ignored = counter.ignored + d.ignored, dead = counter.dead + d.dead, overridden = counter.overridden + d.overridden
    where shard = pg_backend_pid() % 64;
  return null;
end $$;
create trigger "stored events are counted" after insert on event
  referencing new table as new_rows for each statement execute function count_events();
create trigger "changed states are counted" after update on event
  referencing old table as old_rows new table as new_rows for each statement execute function count_events();
create function refuse_event_deletion() returns trigger language plpgsql as $$
begin
  raise exception 'events are never deleted';
end $$;
create trigger "an event is never deleted" before delete or truncate on event
  for each statement execute function refuse_event_deletion();

-- Takes due events for a worker: first tries and due-again ones 1:1, so that neither starves the other, and the rest of the room
-- by whichever there is more of. The planner may not sort: its statistics are of a time when the queue was empty, so it would read
-- and sort the whole backlog for every claim instead of walking along the index.
create function claim_events(room int, lease_ms int, busy_users text[], after_id bigint, at_time timestamptz) returns setof event
language plpgsql
set enable_sort = off set enable_bitmapscan = off set enable_seqscan = off
as $$
#variable_conflict use_column
begin
  return query with fresh as materialized (
    select provider, id, row_number() over () as place from (
      select provider, id from event
      where state = 'pending' and id > after_id and due_at <= at_time and lost_leases = 0 and lease_until is null
        and (user_id is null or user_id <> all(busy_users))
      order by id limit room for update skip locked
    ) first_tries
  ), again as materialized (
    select provider, id, row_number() over () as place from (
      select provider, id from event
      where state = 'retrying' and due_at <= at_time and lost_leases = 0 and lease_until is null
        and (user_id is null or user_id <> all(busy_users))
      order by due_at limit room for update skip locked
    ) retries
  ), picked as (
    select provider, id from (select * from fresh union all select * from again) due order by place limit room
  )
  update event e set fence = e.fence + 1, lease_until = at_time + lease_ms * interval '1 millisecond'
  from picked where e.provider = picked.provider and e.id = picked.id
  returning e.*;
end $$;
