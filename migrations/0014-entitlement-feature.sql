-- A flag nobody's plan knows is looked for among what people have; without this each such question would read the whole table.
create index entitlement_of_feature on entitlement (feature);
