-- Every webhook puts its transaction's key somewhere into this index, so it had better stay in memory: without the event's id it is a third
-- smaller, and entries of one transaction share their key. Rows are only ever inserted, one for each event, by the event's own trigger.
create index event_of_transaction_key on event_of_transaction (transaction_key);
alter table event_of_transaction drop constraint event_of_transaction_pkey;
