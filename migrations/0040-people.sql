-- Who is on the team, how they prove who they are, and what they did.

-- A row is a link that makes whoever opens it first a member of the team. Its secret is in nobody's keeping: only the hash is here.
create table invitation (
  id bigint generated always as identity primary key,
  token_hash bytea not null,
  role text not null,
  invited_by bigint not null references person,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  used_by bigint references person,
  used_at timestamptz,
  constraint "an invitation is known by its hash" unique (token_hash),
  constraint "an invitation offers a known role" check (role in ('viewer', 'engineer', 'lead', 'admin')),
  constraint "an invitation that was used has a user" check ((used_by is null) = (used_at is null))
);

-- A row is a person's authenticator. `secret` (sealed) counts; `offered_secret` is shown as a picture and waits for its first code.
-- `last_step` is the time step of the last code that was taken: no code of it or before it is ever taken again.
create table second_factor (
  person_id bigint primary key references person,
  secret bytea,
  confirmed_at timestamptz,
  last_step bigint not null default 0,
  verified_at timestamptz,
  wrong_codes int not null default 0,
  locked_until timestamptz,
  offered_secret bytea,
  offered_at timestamptz,
  offered_message_id bigint,
  constraint "a secret that counts was confirmed" check ((secret is null) = (confirmed_at is null)),
  constraint "only who has a secret was verified" check (verified_at is null or secret is not null),
  constraint "wrong codes are counted" check (wrong_codes >= 0)
) with (fillfactor = 70);

-- A row is what a person asked for that waits for their code: the update that asked is handled again once the code is right.
create table pending_act (
  person_id bigint primary key references person,
  update_id bigint not null,
  what text not null,
  payload jsonb not null,
  expires_at timestamptz not null
);

-- The one row says since when, by whom and why people may change nothing; empty columns say that they may.
create table change_freeze (
  singleton boolean primary key default true check (singleton),
  frozen_at timestamptz,
  frozen_by text,
  reason text,
  constraint "a freeze has a beginning, an author and a reason" check (num_nulls(frozen_at, frozen_by, reason) in (0, 3))
);
insert into change_freeze default values;

-- What became of the code that a person typed; the code itself is masked before the update is stored.
alter table telegram_update add column typed_code text;

-- Where it was asked for, by which factor it was proven, and what it changed. Rows from before hold none, and their hashes stand.
alter table audit add column place text, add column factor text, add column before jsonb, add column after jsonb;
