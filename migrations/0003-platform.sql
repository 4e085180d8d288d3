-- What replicas share to work as one: leases, runs of timed jobs, heartbeats, the audit log, the people.

-- A row is a job that only one replica does at a time (the long poller, a chat's sender). A lease, never a session lock.
create table lease (
  name text primary key,
  holder text not null,
  token bigint not null default 1,
  expires_at timestamptz not null
) with (fillfactor = 50);

-- A row is one due run of a timed job; who inserts it runs it.
create table job_run (
  name text not null,
  due_at timestamptz not null,
  holder text not null,
  started_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  outcome jsonb,
  error text,
  primary key (name, due_at)
);

-- A row is a running process. Writing it is also how a process knows that it can commit.
create table replica (
  id text primary key,
  roles text not null,
  started_at timestamptz not null default clock_timestamp(),
  seen_at timestamptz not null default clock_timestamp()
) with (fillfactor = 50);

-- A row is a person who may act. The environment only seeds an empty table.
create table person (
  telegram_id bigint primary key,
  first_name text,
  username text,
  role text not null,
  active boolean not null default true,
  private_chat boolean not null default false,
  created_at timestamptz not null default clock_timestamp(),
  constraint "a person has a known role" check (role in ('viewer', 'engineer', 'lead', 'admin'))
);

-- A row is one attempt to act, allowed or not, chained to the one before: hash = sha256(previous hash, everything in the row).
create table audit (
  id bigint primary key,
  at timestamptz not null,
  actor text not null,
  action text not null,
  target text not null,
  allowed boolean not null,
  detail jsonb not null,
  previous_hash bytea not null,
  hash bytea not null
);
-- The one row that holds the end of the chain; locking it puts writers in a line.
create table audit_head (
  singleton boolean primary key default true check (singleton),
  id bigint not null,
  hash bytea not null
);
insert into audit_head (id, hash) values (0, sha256('breakwater'));
create function refuse_audit_change() returns trigger language plpgsql as $$
begin
  raise exception 'the audit log is only ever added to';
end $$;
create trigger "audit rows do not change" before update or delete or truncate on audit
  for each statement execute function refuse_audit_change();
