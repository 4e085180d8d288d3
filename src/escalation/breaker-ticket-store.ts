import { sql, type Transaction } from 'kysely';
import type { Db } from '../platform/database.ts';
import type { BreakerState, Schema } from '../platform/schema.ts';
import type { BreakerTransition } from './breaker-words.ts';
import { breakerCause, fingerprintOf } from './fingerprint.ts';

/** Breakers and their transitions are read as rows: the rows are how the breaker tells, and it knows nothing of tickets. */

type Trx = Transaction<Schema>;
type Now = Date | null;

/** People may begin to wait at any moment after an opening. */
const COUNT_EVERY_SECONDS = 3;

function clock(now: Now) {
  return sql`(select coalesce(${now}::timestamptz, clock_timestamp()) as now)`;
}

/** Breakers with transitions nobody has told, and those behind which it is time to count again. */
export async function listBreakersToTell(db: Db, now: Now): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select b.name from breaker b left join breaker_told told on told.name = b.name cross join ${clock(now)} as clock
    where b.epoch > coalesce(told.epoch, 1)
      or (b.state <> 'closed'
        and (told.counted_at is null or told.counted_at <= now - make_interval(secs => ${COUNT_EVERY_SECONDS})))
    order by b.name`.execute(db);
  return rows.map(({ name }) => name);
}

export type Told = { epoch: number; waiting: number; people: number; reminders: number };

/** Takes the telling of this breaker for the length of the transaction; null while another replica has it. */
export async function lockTold(trx: Trx, name: string): Promise<Told | null> {
  await trx
    .insertInto('breaker_told')
    .values({ name })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const row = await trx
    .selectFrom('breaker_told')
    .select(['epoch', 'waiting', 'people', 'reminders'])
    .where('name', '=', name)
    .forUpdate()
    .skipLocked()
    .executeTakeFirst();
  return row ?? null;
}

export async function saveTold(trx: Trx, name: string, told: Told, now: Now): Promise<void> {
  const countedAt = sql<Date>`coalesce(${now}::timestamptz, clock_timestamp())`;
  await trx
    .updateTable('breaker_told')
    .set({ ...told, counted_at: countedAt })
    .where('name', '=', name)
    .execute();
}

export type CurrentBreaker = {
  name: string;
  state: BreakerState;
  epoch: number;
  since: Date;
  forcedUntil: Date | null;
  enteredMs: number;
};

export async function getBreaker(trx: Trx, name: string, now: Now): Promise<CurrentBreaker> {
  const { rows } = await sql<CurrentBreaker>`
    select name, state, epoch, entered_at as since, forced_until as "forcedUntil",
      (extract(epoch from now - entered_at) * 1000)::float8 as "enteredMs"
    from breaker cross join ${clock(now)} as clock where name = ${name}`.execute(trx);
  return rows[0]!;
}

/** In their order; up to the epoch that the breaker was read with, so that it and its last transition are of one moment. */
export async function listTransitions(
  trx: Trx,
  name: string,
  epochs: { after: number; upTo: number },
): Promise<BreakerTransition[]> {
  return trx
    .selectFrom('breaker_transition')
    .select(['epoch', 'from_state as from', 'to_state as to', 'reason', 'note', 'actor', 'evidence', 'at'])
    .where('name', '=', name)
    .where('epoch', '>', epochs.after)
    .where('epoch', '<=', epochs.upTo)
    .orderBy('epoch')
    .execute();
}

export type OpenTicket = { id: number; fingerprint: string; errorFamily: string };

/** Open tickets of failures by this dependency. */
export async function listDeliveryTickets(trx: Trx, dependency: string): Promise<OpenTicket[]> {
  return trx
    .selectFrom('ticket')
    .select(['id', 'fingerprint', 'error_family as errorFamily'])
    .where('state', 'not in', ['resolved', 'merged'])
    .where('stage', '=', 'delivery')
    .where('dependency', '=', dependency)
    .orderBy('id')
    .execute();
}

/** Locks the events on these tickets, sorted. */
export async function lockEventsOn(trx: Trx, ticketIds: number[]): Promise<void> {
  await sql`
    select 1 from event where ticket_id = any(${ticketIds}::bigint[]) order by provider, id for update`.execute(trx);
}

/** Locks the causes of the breaker's ticket and of those that merge into it, sorted: nobody opens or attaches by them meanwhile. */
export async function lockCauses(trx: Trx, dependency: string, merging: OpenTicket[]): Promise<void> {
  const own = fingerprintOf(breakerCause(dependency));
  await trx
    .insertInto('cause')
    .values({ fingerprint: own, ticket_id: null })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const fingerprints = [own, ...merging.map((ticket) => ticket.fingerprint)];
  await sql`
    select 1 from cause where fingerprint = any(${fingerprints}) order by fingerprint collate "C" for update`.execute(
    trx,
  );
}

/** Of the breaker's own latest ticket; null when it never had one. */
export async function findBreakerTicketId(trx: Trx, dependency: string): Promise<number | null> {
  const row = await trx
    .selectFrom('cause')
    .select('ticket_id as ticketId')
    .where('fingerprint', '=', fingerprintOf(breakerCause(dependency)))
    .executeTakeFirst();
  return row?.ticketId ?? null;
}
