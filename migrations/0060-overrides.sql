-- Access given by hand, under guard: who asked for exactly what, who approved exactly that, and what became of the debt.

-- A row is one act by hand for one customer. `requested` waits for a second person, `approved` is about to be carried out, `executed` stands
-- as a debt until the provider confirms the payment (`reconciled`) or the access is taken back (`reverted`); `refused` and `expired` never
-- gave anything.
create table override (
  id bigint generated always as identity primary key,
  command_id text not null,
  user_id text not null,
  feature text not null,
  until timestamptz not null,
  provider text,
  transaction_id text,
  ticket_id bigint references ticket,
  reason text not null,
  evidence text,
  -- of everything above: what was approved is what was asked for, and what is carried out
  params_hash text not null,
  state text not null default 'requested',
  requested_by bigint not null,
  requested_name text not null,
  requested_at timestamptz not null,
  approve_until timestamptz not null,
  decided_by bigint,
  decided_name text,
  decided_at timestamptz,
  approved_hash text,
  -- approved by the requester alone in an emergency; another person looks at it within a day
  break_glass boolean not null default false,
  review_until timestamptz,
  reviewed_by bigint,
  reviewed_name text,
  reviewed_at timestamptz,
  executed_at timestamptz,
  events_settled int not null default 0,
  settled_name text,
  settled_reason text,
  settled_at timestamptz,
  remind_at timestamptz,
  reminders int not null default 0,
  -- the product is told of it until it has accepted that
  told_at timestamptz,
  tell_at timestamptz,
  tell_failures int not null default 0,
  tell_error text,
  constraint "an override is asked for once" unique (command_id),
  constraint "an override is in a known state" check
    (state in ('requested', 'approved', 'executed', 'reconciled', 'reverted', 'refused', 'expired')),
  constraint "an override lasts at most 31 days" check (until <= requested_at + interval '31 days'),
  constraint "an override has a reason" check (btrim(reason) <> ''),
  constraint "nobody approves their own override but by breaking the glass" check
    (approved_hash is null or break_glass = (decided_by = requested_by)),
  constraint "what is approved is what was asked for" check (approved_hash is null or approved_hash = params_hash),
  constraint "an override in force was approved" check
    (state not in ('approved', 'executed', 'reconciled', 'reverted') or (approved_hash is not null and decided_by is not null)),
  constraint "an override in force was executed" check
    ((state in ('executed', 'reconciled', 'reverted')) = (executed_at is not null)),
  constraint "a broken glass is reviewed by somebody else" check (reviewed_by is null or reviewed_by <> requested_by),
  constraint "a payment is named with its provider" check ((provider is null) = (transaction_id is null))
);
create unique index "one open request per customer" on override (user_id) where state in ('requested', 'approved');
create index override_of_engineer on override (requested_by, requested_at);
create index override_open on override (id) where state in ('requested', 'approved', 'executed');
create index override_untold on override (tell_at) where tell_at is not null;
