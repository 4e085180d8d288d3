-- Tickets: one cause that needs a person, with everything that fails by it attached.

create table ticket (
  id bigint generated always as identity (start with 1001) primary key,
  fingerprint text not null,
  stage text not null,
  source text not null,
  dependency text,
  error_family text not null,
  state text not null default 'open',
  severity text not null,
  owner_id bigint,
  owner_name text,
  owner_until timestamptz,
  snoozed_until timestamptz,
  merged_into bigint references ticket,
  failures bigint not null default 0,
  countries jsonb not null default '{}',
  sample_transaction text,
  opened_at timestamptz not null default clock_timestamp(),
  first_failure_at timestamptz not null,
  last_failure_at timestamptz not null,
  resolved_at timestamptz,
  resolved_by text,
  resolved_reason text,
  -- what people did: a press is compared with it
  state_revision bigint not null default 1,
  -- whether the picture in the chat is out of date; counters move only this one
  wanted_revision bigint not null default 1,
  -- set while the change was a person's: the picture may jump the queue
  urgent_revision bigint not null default 0,
  constraint "a ticket is in a known state" check (state in ('open', 'acknowledged', 'snoozed', 'resolved', 'merged')),
  constraint "a ticket has a known severity" check (severity in ('P1', 'P2', 'P3', 'P4')),
  constraint "a resolved ticket says when" check ((state = 'resolved') = (resolved_at is not null)),
  constraint "an acknowledged ticket has an owner" check (state <> 'acknowledged' or owner_id is not null)
) with (fillfactor = 70);
create unique index "one open ticket per cause" on ticket (fingerprint) where state not in ('resolved', 'merged');
create index ticket_open on ticket (severity, last_failure_at) where state not in ('resolved', 'merged');

-- A row is a cause ever seen and its latest ticket: locking it decides between opening, attaching and reopening.
create table cause (
  fingerprint text primary key,
  ticket_id bigint references ticket
) with (fillfactor = 80);

-- A row is a line of a ticket's story.
create table ticket_log (
  id bigint generated always as identity primary key,
  ticket_id bigint not null references ticket,
  at timestamptz not null default clock_timestamp(),
  kind text not null,
  actor text,
  text text not null
);
create index ticket_log_of_ticket on ticket_log (ticket_id, id);

-- A row is an act of a person on a ticket: the same press, delivered twice, acts once.
create table ticket_act (
  command_id text primary key,
  ticket_id bigint not null references ticket,
  action text not null,
  actor text not null,
  at timestamptz not null default clock_timestamp()
);
