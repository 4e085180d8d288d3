-- What the sender of cards must know after a crash or a change of replica.

alter table card
  -- sends of this card whose outcome nobody knows: stored before the call, taken back when Telegram refuses it
  add column sends_in_doubt int not null default 0,
  -- refusals in a row that the card itself provoked: each draws it plainer and waits longer
  add column failures int not null default 0,
  add column not_before timestamptz,
  -- what the ticket wanted shown when it last changed while resolved or merged; above shown_revision the picture is still to be corrected
  add column done_revision bigint not null default 0;

-- The sender looks at open tickets and at these; how many tickets there ever were must not matter.
create index card_to_correct on card (ticket_id) where done_revision > shown_revision;
create index card_of_digest on card (in_digest) where in_digest is not null;

-- Row-local on purpose: after waiting for a lock only the locked row is read again, so comparing with the ticket could miss a change.
create function note_change_of_done_ticket() returns trigger language plpgsql as $$
begin
  update card set done_revision = new.wanted_revision where ticket_id = new.id;
  return null;
end $$;
create trigger "a card of a ticket that is done is corrected once more" after update of wanted_revision, state on ticket
  for each row when (new.state in ('resolved', 'merged')) execute function note_change_of_done_ticket();

alter table chat add column failures int not null default 0;
