import { sql } from 'kysely';
import type { Db } from './database.ts';
import type { Severity } from './schema.ts';

/** What only the database knows and `/metrics` shows. */
export type Backlog = {
  waiting: number;
  /** Of the oldest event whose time has come and that nobody is working on; 0 when there is none. */
  oldestDueSeconds: number;
  openTickets: Record<Severity, number>;
  /** Ever. */
  openedTickets: number;
  /** What promise 4 leaves unexplained; anything but 0 is a bug. */
  unexplainedReceived: number;
  unexplainedStored: number;
};

/** Its cost does not depend on how many events there are: sums of the counters' rows, and one row from the head of each queue. */
export async function readBacklog(db: Db): Promise<Backlog> {
  const counted = await sumCounters(db);
  const oldestDueSeconds = await findOldestDueSeconds(db);
  const openTickets = await countOpenTickets(db);
  const openedTickets = await countTickets(db);
  return { ...counted, oldestDueSeconds, openTickets, openedTickets };
}

async function sumCounters(db: Db): Promise<Pick<Backlog, 'waiting' | 'unexplainedReceived' | 'unexplainedStored'>> {
  return db
    .selectFrom('counter')
    .select([
      sql<number>`sum(waiting)::bigint`.as('waiting'),
      sql<number>`sum(received - stored - duplicate - refused)::bigint`.as('unexplainedReceived'),
      sql<number>`sum(stored - applied - ignored - waiting - dead - overridden)::bigint`.as('unexplainedStored'),
    ])
    .executeTakeFirstOrThrow();
}

async function findOldestDueSeconds(db: Db): Promise<number> {
  const { rows } = await sql<{ seconds: number }>`
    with held as (select events from claim where until > clock_timestamp())
    select coalesce(max(extract(epoch from clock_timestamp() - due_at)), 0)::float8 as seconds from (
      (select due_at from event where state = 'pending' and id not in (select unnest(events) from held)
         order by id limit 1)
      union all
      (select due_at from event where state = 'retrying' and id not in (select unnest(events) from held)
         order by due_at limit 1)
    ) heads where due_at <= clock_timestamp()`.execute(db);
  return rows[0]!.seconds;
}

async function countTickets(db: Db): Promise<number> {
  const { tickets } = await db
    .selectFrom('ticket')
    .select((eb) => eb.fn.countAll<number>().as('tickets'))
    .executeTakeFirstOrThrow();
  return tickets;
}

async function countOpenTickets(db: Db): Promise<Backlog['openTickets']> {
  const rows = await db
    .selectFrom('ticket')
    .select(['severity', sql<number>`count(*)`.as('tickets')])
    .where('state', 'not in', ['resolved', 'merged'])
    .groupBy('severity')
    .execute();
  return { P1: 0, P2: 0, P3: 0, P4: 0, ...Object.fromEntries(rows.map((row) => [row.severity, row.tickets])) };
}
