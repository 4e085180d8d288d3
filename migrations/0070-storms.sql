-- Storms: cards that give way to a graver one, pages that go another way when the chat takes nothing, and drills.

alter table card
  -- the ticket whose card tells of this one instead: an outage of a whole provider silences what it explains
  add column silenced_by bigint references ticket,
  -- what the picture says of it; a ticket that has grown grave since is drawn before the others
  add column shown_severity text,
  -- when the on-call was told in private, because the chat had not taken the card
  add column told_privately_at timestamptz;
create index card_silenced on card (silenced_by) where silenced_by is not null;

-- What an outage of a whole provider explains: while its ticket is open, other tickets of its webhooks that are no graver get no card.
create view silenced_ticket (ticket_id, parent_id) as
  select child.id, min(parent.id)
  from ticket child join ticket parent on parent.severity <= child.severity and (
    (parent.stage = 'breaker' and parent.dependency = 'provider:' || child.source
      and exists (select from breaker where name = parent.dependency and state not in ('closed', 'forced_closed')))
    or (parent.stage = 'provider' and parent.source = child.source))
  where child.stage = 'intake' and child.state not in ('resolved', 'merged') and parent.state not in ('resolved', 'merged')
  group by child.id;

-- A row is a drill: a failure made up by a person to see that the chat, the schedule and the timers work. Its ticket is a real one.
create table drill (
  id bigint generated always as identity primary key,
  -- the same command, delivered twice, begins one drill
  command_id text not null,
  ticket_id bigint not null references ticket,
  started_by bigint not null,
  started_at timestamptz not null,
  state text not null default 'running',
  shown_at timestamptz,
  acknowledged_at timestamptz,
  redrawn_at timestamptz,
  ended_at timestamptz,
  constraint "a command begins one drill" unique (command_id),
  constraint "a drill is in a known state" check (state in ('running', 'passed', 'unanswered', 'stopped')),
  constraint "a drill that is over says when" check ((state = 'running') = (ended_at is null))
);
create unique index "one drill at a time" on drill ((true)) where state = 'running';
