-- Many dead events are tried again a few at first, so that a mistake costs one of them and not all.

-- A row is a retry in stages: exactly the events somebody was shown the number of, one first, then five, then the rest.
create table staged_redrive (
  id bigint generated always as identity primary key,
  command_id text not null,
  ticket_id bigint not null references ticket,
  person_id bigint not null,
  requested_by text not null,
  events bigint[] not null,
  -- how many of them were begun, in the order of their ids, and the redrive of those that were begun last
  begun int not null default 0,
  redrive_id bigint references redrive,
  -- of the stages that have ended
  applied int not null default 0,
  failed int not null default 0,
  state text not null default 'running',
  started_at timestamptz not null default clock_timestamp(),
  constraint "a retry in stages is asked for once" unique (command_id),
  constraint "a retry in stages is in a known state" check (state in ('running', 'done', 'stopped')),
  constraint "a retry in stages begins no more than it was asked for" check (begun <= cardinality(events))
);
create index staged_redrive_running on staged_redrive (id) where state = 'running';
