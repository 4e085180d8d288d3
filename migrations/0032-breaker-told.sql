-- A row is what the tickets know of a breaker: up to which transition it was told, and who waits behind it. The transitions are the
-- outbox; whoever holds this row's lock tells them, in their order and each once, and moves the epoch on in the same transaction.
create table breaker_told (
  name text primary key references breaker,
  -- of the last transition that was told; a breaker begins with 1, which is none
  epoch bigint not null default 1,
  -- as of counted_at; a count of people stops at a bound
  waiting bigint not null default 0,
  people int not null default 0,
  counted_at timestamptz,
  -- how often it was said since the last transition that it is still open
  reminders int not null default 0
) with (fillfactor = 50);
