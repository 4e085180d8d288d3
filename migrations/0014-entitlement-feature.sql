-- A row is a feature somebody has or once had: what a flag may be asked by, though no plan knows it any more.
create table feature (
  name text primary key
);
