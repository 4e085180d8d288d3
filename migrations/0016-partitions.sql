-- A partition is made beside the table and then attached: `create table … partition of` locks out everybody, so behind a backup that
-- reads the table it would wait, and every webhook behind it. Attaching disturbs neither readers nor writers.
create or replace function create_payload_partitions(ahead int, at_time timestamptz default clock_timestamp()) returns int
language plpgsql as $$
declare
  made int := 0;
  first_day date := date_trunc('month', at_time at time zone 'utc')::date;
begin
  -- Replicas take turns, and whoever comes second finds the work done; it is the lock that attaching takes anyway.
  lock table only payload in share update exclusive mode;
  for i in 0..ahead loop
    declare
      from_day date := (first_day + make_interval(months => i))::date;
      to_day date := (first_day + make_interval(months => i + 1))::date;
      partition_name text := 'payload_' || to_char(from_day, 'YYYY_MM');
    begin
      if to_regclass(partition_name) is null then
        execute format('create table %I (like payload including all)', partition_name);
        execute format('alter table payload attach partition %I for values from (%L) to (%L)', partition_name, from_day, to_day);
        made := made + 1;
      end if;
    end;
  end loop;
  return made;
end $$;
