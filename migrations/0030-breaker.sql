-- The circuit breaker: whether a dependency may be called, decided once for all replicas.

-- A row is a dependency. Everything a decision needs is in the row, because after waiting for a lock only the locked row is read again:
-- counting another table in the same statement let too many probes through.
create table breaker (
  name text primary key,
  state text not null default 'closed',
  -- rises by one with every transition; results, leases, caches and buttons of another epoch are late and change nothing
  epoch bigint not null default 1,
  entered_at timestamptz not null default clock_timestamp(),
  open_until timestamptz,
  -- the dependency itself asked not to be called before (Retry-After)
  not_before timestamptz,
  forced_until timestamptz,
  -- openings in a row: they may last longer each time
  open_streak int not null default 0,
  -- probes under way: {"<lease>": {"replica": "…", "until": <ms since 1970>}}
  leases jsonb not null default '{}',
  probes_ok int not null default 0,
  -- probes whose lease ran out: their process ended or froze
  probes_lost int not null default 0,
  -- kept only where failures_in_row_max is set
  failures_in_row int not null default 0,
  -- of the last transition: why, what a person said to it, who, and the counts it was decided on
  reason text,
  note text,
  actor text,
  evidence jsonb,
  -- settings, written by every process that starts
  window_ms int not null,
  minimum_volume int not null,
  failure_ratio numeric not null,
  open_ms int not null,
  open_ms_max int not null,
  probes int not null,
  close_after int not null,
  lease_ms int not null,
  probes_lost_max int not null,
  -- for dependencies with too little traffic for a ratio; null: no such rule
  failures_in_row_max int,
  constraint "a breaker is in a known state" check (state in ('closed', 'open', 'half_open', 'forced_open', 'forced_closed')),
  constraint "an open breaker, and no other, says until when" check ((state = 'open') = (open_until is not null)),
  constraint "only a half-open breaker has probes" check (state = 'half_open' or (leases = '{}' and probes_ok = 0 and probes_lost = 0)),
  constraint "only a forced state ends by itself" check (forced_until is null or state in ('forced_open', 'forced_closed')),
  constraint "a breaker held closed has an end" check (state <> 'forced_closed' or forced_until is not null),
  constraint "a ratio is above 0 and at most 1" check (failure_ratio > 0 and failure_ratio <= 1),
  constraint "one result at least is needed to open" check (minimum_volume >= 1),
  constraint "enough probes are let through to close" check (close_after between 1 and probes),
  constraint "times of a breaker are positive" check (window_ms > 0 and open_ms > 0 and open_ms_max >= open_ms and lease_ms > 0)
) with (fillfactor = 50);

-- A row is a transition, whoever made it; the trigger below writes it. One message in the chat per row.
create table breaker_transition (
  id bigint generated always as identity primary key,
  name text not null references breaker,
  epoch bigint not null,
  from_state text not null,
  to_state text not null,
  reason text,
  note text,
  actor text,
  evidence jsonb,
  at timestamptz not null,
  constraint "an epoch begins once" unique (name, epoch)
);

-- A row is what one replica saw in one bucket of time. Each replica has its own ring of rows, so that replicas do not queue for one.
create table breaker_bucket (
  name text not null,
  replica text not null,
  slot smallint not null,
  started_ms bigint not null,
  epoch bigint not null,
  ok int not null,
  failed int not null,
  primary key (name, replica, slot)
) with (fillfactor = 40);

-- A row is a command of a person: the same one, delivered twice, acts once and gets the same answer.
create table breaker_command (
  command_id text primary key,
  name text not null references breaker,
  verb text not null,
  actor text not null,
  answer jsonb,
  at timestamptz not null default clock_timestamp(),
  constraint "a command has a known verb" check (verb in ('trip', 'hold_closed', 'reset', 'release'))
);

-- A row is a process that calls dependencies: after an opening they share the limit.
create table breaker_replica (
  replica text primary key,
  seen_at timestamptz not null
) with (fillfactor = 50);

create function breaker_ms(at timestamptz) returns bigint language sql immutable
  return floor(extract(epoch from at) * 1000)::bigint;

-- A window is twenty buckets; the ring has two more, so that the oldest in the window is never the one being written.
create function breaker_bucket_ms(window_ms int) returns int language sql immutable
  return (window_ms + 19) / 20;

create function breaker_slot(started_ms bigint, window_ms int) returns smallint language sql immutable
  return (started_ms / breaker_bucket_ms(window_ms) % 22)::smallint;

create function breaker_live_leases(leases jsonb, at timestamptz) returns jsonb language sql immutable
  return (select coalesce(jsonb_object_agg(key, value), '{}') from jsonb_each(leases) where (value ->> 'until')::bigint > breaker_ms(at));

create function breaker_lease_count(leases jsonb) returns int language sql immutable
  return (select count(*)::int from jsonb_object_keys(leases));

-- Twice as long with each opening of a streak, up to the setting.
create function breaker_open_for(streak int, open_ms int, open_ms_max int) returns interval language sql immutable
  return make_interval(secs => least(open_ms_max::float8, open_ms * power(2, least(greatest(streak - 1, 0), 20))) / 1000);

-- Which opening in a row the next one is. Closed for ten of its longest openings, a breaker has recovered and begins anew.
create function breaker_next_streak(b breaker, at timestamptz) returns int language sql immutable
  return case when b.state = 'closed' and b.entered_at < at - make_interval(secs => b.open_ms_max / 100.0) then 1 else b.open_streak + 1 end;

-- A trigger and not the statements, so that a transition made by hand in psql is recorded and told as well.
create function record_breaker_transition() returns trigger language plpgsql as $$
begin
  if new.epoch = old.epoch and new.state <> old.state then
    raise exception 'breaker %: the state changed without a new epoch', new.name;
  end if;
  if new.epoch not in (old.epoch, old.epoch + 1) then
    raise exception 'breaker %: after epoch % comes %, not %', new.name, old.epoch, old.epoch + 1, new.epoch;
  end if;
  if new.epoch > old.epoch then
    insert into breaker_transition (name, epoch, from_state, to_state, reason, note, actor, evidence, at)
    values (new.name, new.epoch, old.state, new.state, new.reason, new.note, new.actor, new.evidence, new.entered_at);
  end if;
  if new.epoch > old.epoch or new.not_before is distinct from old.not_before or new.open_until is distinct from old.open_until then
    perform pg_notify('breaker', json_build_object('name', new.name, 'epoch', new.epoch, 'state', new.state)::text);
  end if;
  return null;
end $$;
create trigger "a transition is recorded and told" after update on breaker
  for each row execute function record_breaker_transition();
