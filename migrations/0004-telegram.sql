-- The chat: what came in, what should be shown, and what the chat's budget was spent on.

-- A row is an update from Telegram, kept 48 hours; its payload is emptied when done. A lane is one person in one chat.
create table telegram_update (
  update_id bigint primary key,
  lane text not null,
  kind text not null,
  payload jsonb,
  state text not null default 'pending',
  failures int not null default 0,
  error text,
  received_at timestamptz not null default clock_timestamp(),
  lease_until timestamptz,
  finished_at timestamptz,
  constraint "an update is in a known state" check (state in ('pending', 'done', 'dead'))
) with (fillfactor = 60);
create index telegram_update_pending on telegram_update (update_id) where state = 'pending';

-- A row is a message that pictures a ticket. The ticket is the truth; `shown_revision` says how old the picture is.
create table card (
  ticket_id bigint primary key references ticket,
  chat_id bigint not null,
  message_id bigint,
  shown_revision bigint not null default 0,
  shown_text_hash text,
  first_shown_at timestamptz,
  last_drawn_at timestamptz,
  in_digest bigint,
  error text
) with (fillfactor = 70);

-- A row is a message to be sent that is not a card: an answer under a card, a report, a word to a person.
create table notice (
  id bigint generated always as identity primary key,
  key text not null,
  chat_id bigint,
  person_id bigint,
  ticket_id bigint,
  kind text not null,
  body jsonb not null,
  wanted_revision bigint not null default 1,
  shown_revision bigint not null default 0,
  message_id bigint,
  failures int not null default 0,
  not_before timestamptz,
  state text not null default 'pending',
  error text,
  created_at timestamptz not null default clock_timestamp(),
  sent_at timestamptz,
  constraint "a notice is said once" unique (key),
  constraint "a notice is in a known state" check (state in ('pending', 'sent', 'failed'))
);
create index notice_pending on notice (id) where state = 'pending';

-- A row is a send or an edit made in a chat: the budget of the last minute is counted from here, so it survives a fail-over.
create table chat_spending (
  id bigint generated always as identity primary key,
  chat_id bigint not null,
  at timestamptz not null default clock_timestamp(),
  method text not null,
  class text not null
);
create index chat_spending_recent on chat_spending (chat_id, at);

-- A row is a chat as we know it now: a migrated group's new id wins over the environment, a broken chat is not written to.
create table chat (
  configured_id bigint primary key,
  chat_id bigint not null,
  paused_until timestamptz,
  broken text,
  changed_at timestamptz not null default clock_timestamp()
);
