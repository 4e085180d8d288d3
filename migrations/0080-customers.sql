-- Customers whom the bot can tell something in private, and the links by which they let it.

-- A row is a link that ties whoever opens it first, within its day, to one user of the product. Its token is in nobody's keeping: only the hash
-- is here. `used_by_update` is the update that used it up; handled again after a crash, it is told the same.
create table customer_link (
  id bigint generated always as identity primary key,
  token_hash bytea not null,
  user_id text not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  used_at timestamptz,
  used_by_update bigint,
  constraint "a customer's link is known by its hash" unique (token_hash),
  constraint "a customer's link names a user" check (user_id <> ''),
  constraint "a customer's link ends after it began" check (expires_at > created_at),
  constraint "a customer's link that was used was used by an update" check ((used_at is null) = (used_by_update is null))
);
create index customer_link_end on customer_link (expires_at);

-- A row is a user of the product who can be told something: in the private chat of this Telegram account, since then. A later link moves it.
create table customer_chat (
  user_id text primary key,
  telegram_id bigint not null,
  since timestamptz not null,
  constraint "a customer's chat is private" check (telegram_id > 0)
);
create index customer_chat_of_account on customer_chat (telegram_id);

-- When the customer is told that what was given by hand has ended; empty once that was looked after.
alter table override add column tell_end_at timestamptz;
create index override_end_untold on override (tell_end_at) where tell_end_at is not null;
