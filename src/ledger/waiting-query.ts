import { type Kysely, sql } from 'kysely';
import type { Schema } from '../platform/schema.ts';

/** What every event waits for that is not finished: telling the product. */
const ACTIVATION = 'activation';

/**
 * How many events wait for a dependency, from the counters, whatever their number. All that wait do so for the product, where one is
 * told; nothing in the ledger waits for other dependencies.
 */
export async function countWaiting(db: Kysely<Schema>, dependency: string, tellsProduct: boolean): Promise<number> {
  if (dependency !== ACTIVATION || !tellsProduct) return 0;
  const { waiting } = await db
    .selectFrom('counter')
    .select(sql<number>`sum(waiting)::bigint`.as('waiting'))
    .executeTakeFirstOrThrow();
  return waiting;
}

/** Up to this many events of each kind are looked at: whether twenty people wait or more is known long before. */
const SAMPLE = 1_000;

/** Different people behind events that wait for the dependency or are dead on the ticket; never less than there are up to the sample's size. */
export async function countPeopleBehind(
  db: Kysely<Schema>,
  dependency: string,
  tellsProduct: boolean,
  ticketIds: number[],
): Promise<number> {
  const waits = dependency === ACTIVATION && tellsProduct;
  const { rows } = await sql<{ people: number }>`
    select count(distinct person)::int as people from (
      (select coalesce(user_id, transaction_id, subscription_id) as person from event
       where ${waits} and state = 'pending' order by id limit ${SAMPLE})
      union all
      (select coalesce(user_id, transaction_id, subscription_id) from event
       where ${waits} and state = 'retrying' order by due_at limit ${SAMPLE})
      union all
      (select coalesce(user_id, transaction_id, subscription_id) from event
       where ticket_id = any(${ticketIds}::bigint[])
         and (state in ('pending', 'retrying') or (state = 'dead' and settled_by is null)) limit ${SAMPLE})
    ) behind`.execute(db);
  return rows[0]!.people;
}
