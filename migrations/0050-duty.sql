-- Deadlines of tickets, who is on call, and who was called.

-- A row is the policy as an admin has set it last; without one the defaults of the code hold. Every new ticket copies it.
create table duty_policy (
  singleton boolean primary key default true,
  policy jsonb not null,
  changed_by text not null,
  changed_at timestamptz not null default clock_timestamp(),
  constraint "there is one policy" check (singleton)
);

-- A row is who takes turns on a level, in this order; the turn changes every so many days at a time of day in a time zone.
create table rotation (
  level int primary key,
  people jsonb not null,
  zone text not null,
  hand_over text not null,
  every_days int not null,
  -- on this day the first of the list begins
  starts_on text not null,
  changed_by text not null,
  changed_at timestamptz not null default clock_timestamp(),
  constraint "a rotation is of the first or the second level" check (level in (1, 2)),
  constraint "a rotation has somebody in it" check (jsonb_typeof(people) = 'array' and jsonb_array_length(people) > 0),
  constraint "a turn lasts a day or more" check (every_days between 1 and 366),
  constraint "the hand-over is a time of day" check (hand_over ~ '^([01]\d|2[0-3]):[0-5]\d$'),
  constraint "a rotation begins on a day" check (starts_on ~ '^\d{4}-\d\d-\d\d$')
);

-- A row is a time in which somebody stands in for whoever's turn it is on a level. One that is called off ends early, or is gone.
create table cover (
  id bigint generated always as identity primary key,
  level int not null default 1,
  person_id bigint not null references person,
  starts_at timestamptz not null,
  ends_at timestamptz not null,
  given_by text not null,
  created_at timestamptz not null default clock_timestamp(),
  constraint "a cover is of the first or the second level" check (level in (1, 2)),
  constraint "a cover ends after it begins" check (ends_at > starts_at),
  constraint "one person covers at a time" exclude using gist (int4range(level, level, '[]') with &&, tstzrange(starts_at, ends_at) with &&)
);

-- A row is a person who was called to a ticket: why, and whether the call reached them. Without a person nobody was there to be called.
create table page (
  id bigint generated always as identity primary key,
  ticket_id bigint not null references ticket,
  person_id bigint,
  level int,
  reason text not null,
  at timestamptz not null,
  state text not null default 'waiting',
  -- the messages it stands in: the one in private, and the one in the group when that could not be delivered
  notice_key text,
  fallback_key text,
  constraint "a page is in a known state" check (state in ('waiting', 'delivered', 'fell_back')),
  constraint "a page that fell back stands in the group" check ((state = 'fell_back') = (fallback_key is not null)),
  constraint "a page stands in a message" check (notice_key is not null or fallback_key is not null)
);
create index page_of_notice on page (notice_key) where notice_key is not null;
create index page_of_fallback on page (fallback_key) where fallback_key is not null;
create index page_of_ticket on page (ticket_id);

alter table ticket
  -- as it was when the ticket opened; null of tickets from before there was one: the defaults
  add column policy jsonb,
  -- from when acknowledging and its steps count
  add column clock_at timestamptz,
  add column steps_taken int not null default 0,
  -- the highest level called since then: 1 the on-call, 2 the second level, 3 everyone
  add column called_level int not null default 0,
  -- a person asked for this level, and it was not called yet
  add column asked_level int,
  add column escalate_at timestamptz,
  add column acknowledge_by timestamptz,
  add column resolve_by timestamptz,
  -- when it is said that three quarters of the time to resolve are over, and that all of it is; null once it was said
  add column warn_at timestamptz,
  add column overdue_at timestamptz,
  -- when the owner is asked whether they still have it; null once they were. owner_until is when they have it no more
  add column confirm_at timestamptz;

-- Of the tickets that are open now the time counts from now, and the on-call is not called for each at once.
update ticket set
  clock_at = now(), steps_taken = 1, called_level = 1,
  resolve_by = now() + total, overdue_at = now() + total, warn_at = now() + total * 0.75,
  escalate_at = case when state = 'open' then now() + first_call end,
  acknowledge_by = case when state = 'open' then now() + first_call end,
  owner_until = case when state = 'acknowledged' then now() + lapse end,
  confirm_at = case when state = 'acknowledged' then now() + lapse * 2 / 3 end
from (values
  ('P1', interval '5 minutes', interval '30 minutes', interval '1 hour'),
  ('P2', interval '15 minutes', interval '2 hours', interval '4 hours'),
  ('P3', interval '1 day', null, interval '1 day'),
  ('P4', interval '1 day', null, interval '3 days')
) as given (of_severity, first_call, lapse, total)
where of_severity = severity and state not in ('resolved', 'merged');

alter table ticket
  -- the first of them; null when nothing will happen by itself
  add column next_deadline timestamptz generated always as (case state
    when 'open' then least(escalate_at, warn_at, overdue_at)
    when 'acknowledged' then least(escalate_at, confirm_at, owner_until, warn_at, overdue_at)
    when 'snoozed' then snoozed_until
  end) stored;
create index ticket_due on ticket (next_deadline) where next_deadline is not null;
