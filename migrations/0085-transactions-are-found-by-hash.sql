-- Every webhook puts its transaction's key somewhere into this index, and whoever reads it asks for one key. A hash index finds the page in one
-- step; the tree of five million keys took three, each to a page that nobody had touched lately.
drop index event_of_transaction_key;
create index event_of_transaction_key on event_of_transaction using hash (transaction_key);
