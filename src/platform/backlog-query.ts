import { sql } from 'kysely';
import type { Db } from './database.ts';
import type { Severity } from './schema.ts';

/** Tickets that nobody can have seen in the chat yet, neither on a card nor on the storm card. */
export type CardBacklog = { cardsWaiting: number; oldestCardSeconds: number };

/** What only the database knows and `/metrics` shows. */
export type Backlog = CardBacklog & {
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
  const cards = await readCardBacklog(db);
  return { ...counted, ...cards, oldestDueSeconds, openTickets, openedTickets };
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

/** Those whose news the card of an outage tells do not wait. */
export async function readCardBacklog(db: Db): Promise<CardBacklog> {
  const { rows } = await sql<CardBacklog>`
    select count(*)::int as "cardsWaiting",
      coalesce(max(extract(epoch from clock_timestamp() - t.opened_at)), 0)::float8 as "oldestCardSeconds"
    from ticket t left join card c on c.ticket_id = t.id left join silenced_ticket s on s.ticket_id = t.id
    where t.state not in ('resolved', 'merged') and c.first_shown_at is null and s.parent_id is null`.execute(db);
  return rows[0]!;
}

async function countTickets(db: Db): Promise<number> {
  const { tickets } = await db
    .selectFrom('ticket')
    .select((eb) => eb.fn.countAll<number>().as('tickets'))
    .where('source', '<>', 'drill')
    .executeTakeFirstOrThrow();
  return tickets;
}

async function countOpenTickets(db: Db): Promise<Backlog['openTickets']> {
  const rows = await db
    .selectFrom('ticket')
    .select(['severity', sql<number>`count(*)`.as('tickets')])
    .where('state', 'not in', ['resolved', 'merged'])
    .where('source', '<>', 'drill')
    .groupBy('severity')
    .execute();
  return { P1: 0, P2: 0, P3: 0, P4: 0, ...Object.fromEntries(rows.map((row) => [row.severity, row.tickets])) };
}
