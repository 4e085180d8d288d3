-- What delivery did in each minute, added up by the statement that does it: a picture of a week reads minutes instead of events.

-- A row is the deliveries that one share of the workers ended in a minute, by provider, how they ended and how long they took since their
-- webhook came: `quarter` is four times the binary logarithm of the milliseconds, so a percentile is known to a fifth. Shares keep workers apart.
create table delivery_minute (
  minute timestamptz not null,
  share int not null,
  provider text not null,
  state text not null,
  quarter int not null,
  events bigint not null,
  primary key (minute, share, provider, state, quarter),
  constraint "a delivery ended in a known state" check (state in ('applied', 'ignored', 'dead'))
) with (fillfactor = 50);

-- A row is the calls of a dependency that one share of the workers made in a minute, by what came of them.
create table call_minute (
  minute timestamptz not null,
  share int not null,
  dependency text not null,
  outcome text not null,
  calls bigint not null,
  primary key (minute, share, dependency, outcome),
  constraint "a call has a known outcome" check (outcome in ('ok', 'transient', 'permanent', 'throttled', 'handed_back'))
) with (fillfactor = 50);

create function latency_quarter(seconds double precision) returns int language sql immutable parallel safe as $$
  select floor(4 * ln(greatest(1, seconds * 1000)) / ln(2::float8))::int
$$;

-- The days that the pictures show, once.
insert into delivery_minute (minute, share, provider, state, quarter, events)
  select date_trunc('minute', finished_at), 0, provider, state, latency_quarter(extract(epoch from finished_at - received_at)::float8), count(*)
  from event where finished_at > now() - interval '7 days' and state in ('applied', 'ignored', 'dead')
  group by 1, 3, 4, 5;
insert into call_minute (minute, share, dependency, outcome, calls)
  select date_trunc('minute', started_at), 0, dependency, outcome, count(*)
  from attempt where started_at > now() - interval '7 days'
  group by 1, 3, 4;
