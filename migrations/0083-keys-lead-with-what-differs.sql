-- A house has few providers and many transactions: a key that leads with the provider has every step down its index compare two texts,
-- and lets no sort go by the first bytes. Replicas of both versions may run meanwhile; a payment that two of them lock in different orders
-- is tried again.
alter table payment drop constraint payment_pkey, add primary key (transaction_id, provider);
alter table fact drop constraint "a payment takes an effect once",
  add constraint "a payment takes an effect once" primary key (subject, provider, effect);
alter table subscription drop constraint subscription_pkey, add primary key (subscription_id, provider);
