-- Facts that wait for their user, found by the subscription whose user was told; without this, all facts nobody claims would be read.
create index fact_without_user_of_subscription on fact (provider, subscription_id)
  where user_id is null and subscription_id is not null;
