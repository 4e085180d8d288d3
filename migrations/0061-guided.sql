-- Guided conversations: forms that a person fills in, step by step, in private.

-- A row is one form of one person: what they have answered, what they should see, and what is to be done when they have confirmed it. Its
-- message is a picture of it, as a card is of a ticket; its id is in every button, and in the key under which it acts once.
create table guided (
  id bigint generated always as identity primary key,
  -- chat, thread and person: one form at a time
  lane text not null,
  chat_id bigint not null,
  thread_id bigint,
  person_id bigint not null,
  form text not null,
  -- of the form's code: what another version has written is not read
  version int not null,
  phase text not null default 'asking',
  -- what @grammyjs/conversations replays; emptied at the end
  state jsonb,
  -- by the name of their step, as they were given, for a form that has to begin again
  answers jsonb not null default '{}',
  screen jsonb not null default '{}',
  -- rises with every answer; a button of an earlier one is stale
  turn int not null default 0,
  last_update_id bigint,
  action jsonb,
  deadline timestamptz,
  message_id bigint,
  old_message_id bigint,
  wanted_revision bigint not null default 1,
  shown_revision bigint not null default 0,
  drawing_until timestamptz,
  changed_at timestamptz not null,
  constraint "a form is in a known phase" check (phase in ('asking', 'acting', 'ended')),
  constraint "a form that asks has a deadline" check ((phase = 'asking') = (deadline is not null)),
  constraint "a form that acts knows what" check (phase <> 'acting' or action is not null),
  constraint "a form that has ended keeps nothing" check (phase <> 'ended' or (state is null and answers = '{}' and action is null))
) with (fillfactor = 60);
create unique index "one form at a time" on guided (lane) where phase <> 'ended';
create index guided_of_lane on guided (lane, id);
create index guided_deadline on guided (deadline) where deadline is not null;
create index guided_to_draw on guided (changed_at) where wanted_revision > shown_revision;
