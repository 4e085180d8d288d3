import { type Kysely, sql, type Transaction } from 'kysely';
import { rowsOf } from '../platform/rows.ts';
import type { AttemptOutcome, DeadReason, EventState, Schema } from '../platform/schema.ts';
import { releaseEvents } from './claim-store.ts';

type Trx = Transaction<Schema>;

export type FinishedEvent = {
  id: number;
  claimId: string;
  state: EventState;
  reason: DeadReason | null;
  errorFamily: string | null;
  /** From now; null where it is not due again. */
  delayMs: number | null;
  countsAsTry: boolean;
  failedProbes: number;
  attempt: AttemptRow | null;
};

export type AttemptRow = {
  startedAt: Date;
  durationMs: number;
  dependency: string;
  outcome: AttemptOutcome;
  httpStatus: number | null;
  errorCode: string | null;
  error: string | null;
};

export type WrittenEvent = {
  provider: string;
  id: number;
  state: EventState;
  /** The one it stood on before. */
  ticketId: number | null;
  redriveId: number | null;
  /** From the first byte to this commit; null while it goes on. */
  finishedAfterSeconds: number | null;
};

const NO_ATTEMPT = {
  startedAt: null,
  durationMs: null,
  dependency: null,
  outcome: null,
  httpStatus: null,
  errorCode: null,
  error: null,
};

/** Writes what became of events that are still ours, and one attempt row for each that was tried, in one statement. */
export async function writeFinished(trx: Trx, events: FinishedEvent[]): Promise<WrittenEvent[]> {
  if (events.length === 0) return [];
  const flat = events.map(({ attempt, ...event }) => ({ ...NO_ATTEMPT, ...event, ...attempt }));
  const { rows } = await sql<WrittenEvent>`
    with input as (
      select * from ${rowsOf(flat, {
        id: 'bigint',
        state: 'text',
        reason: 'text',
        errorFamily: 'text',
        delayMs: 'float8',
        countsAsTry: 'boolean',
        failedProbes: 'int',
        startedAt: 'timestamptz',
        durationMs: 'int',
        dependency: 'text',
        outcome: 'text',
        httpStatus: 'int',
        errorCode: 'text',
        error: 'text',
      })} as i(id, state, reason, error_family, delay_ms, counts_as_try, failed_probes, started_at, duration_ms,
        dependency, outcome, http_status, error_code, error)
    ), held as materialized (
      select id from ${releaseEvents(events)} as released(id)
    ), done as (
      update event e set state = i.state, reason = i.reason, error_family = i.error_family,
        lost_leases = case when i.state = 'retrying' then e.lost_leases else 0 end,
        failed_probes = i.failed_probes, tries = e.tries + i.counts_as_try::int, attempts = e.attempts + (i.outcome is not null)::int,
        due_at = case when i.delay_ms is null then e.due_at else clock_timestamp() + make_interval(secs => i.delay_ms / 1000) end,
        finished_at = case when i.state in ('pending', 'retrying') then null else clock_timestamp() end
      from input i join held on held.id = i.id
      where e.id = i.id and e.state in ('pending', 'retrying')
      returning e.provider, e.id, e.state, e.attempts, e.ticket_id, e.redrive_id, e.received_at, e.finished_at,
        i.started_at, i.duration_ms, i.dependency, i.outcome, i.http_status, i.error_code, i.error, i.delay_ms
    ), logged as (
      insert into attempt (provider, event_id, n, started_at, duration_ms, dependency, outcome, http_status, error_code, error, delay_ms)
      select provider, id, attempts, started_at, duration_ms, dependency, outcome, http_status, error_code, error, delay_ms
      from done where outcome is not null
    )
    select provider, id, state, ticket_id as "ticketId", redrive_id as "redriveId",
      extract(epoch from finished_at - received_at)::float8 as "finishedAfterSeconds" from done`.execute(trx);
  return rows;
}

export async function putOnTicket(trx: Trx, events: { id: number }[], ticketId: number): Promise<void> {
  await sql`
    update event e set ticket_id = ${ticketId}
    from ${rowsOf(events, { id: 'bigint' })} as d(id)
    where e.id = d.id and e.ticket_id is distinct from ${ticketId}`.execute(trx);
}

/** Events that waited for their user are due at once, and those given up for the want of one are pending again. */
export async function wakeLearnt(
  trx: Trx,
  learnt: { provider: string; transactionId: string | null }[],
): Promise<void> {
  const transactions = learnt.filter((one) => one.transactionId !== null);
  if (transactions.length === 0) return;
  await sql`
    update event e set state = 'pending', reason = null, error_family = null, tries = 0, due_at = clock_timestamp(), finished_at = null
    from ${rowsOf(transactions, { provider: 'text', transactionId: 'text' })} as k(provider, transaction_id)
    join event_of_transaction about on about.transaction_key = transaction_key(k.transaction_id)
    where e.id = about.event_id and e.provider = k.provider and e.transaction_id = k.transaction_id
      and e.error_family = 'user unknown' and (e.state = 'retrying' or (e.state = 'dead' and e.settled_by is null))`.execute(
    trx,
  );
}

/**
 * Takes the users' lanes for one telling of the product each, over all replicas; left out are those that somebody else has. The commit
 * waits for no disk: a lane lost with the server's memory may be taken twice, and the product ignores the older of two revisions.
 */
export async function takeLanes(db: Kysely<Schema>, userIds: string[], holdMs: number): Promise<Lane[]> {
  const { rows } = await sql<Lane>`
    with relaxed as materialized (select set_config('synchronous_commit', 'off', true))
    insert into customer as c (user_id, sending_until)
    select user_id, clock_timestamp() + make_interval(secs => ${holdMs / 1000})
    from relaxed, unnest(${userIds}::text[]) as wanted(user_id) order by user_id
    on conflict (user_id) do update set sending_until = excluded.sending_until, sending_token = c.sending_token + 1
      where c.sending_until is null or c.sending_until < clock_timestamp()
    returning user_id as "userId", sending_token as token`.execute(db);
  return rows;
}

/** Held by whoever tells the product about the user. */
export type Lane = { userId: string; token: number };

export async function releaseLanes(trx: Kysely<Schema>, lanes: Lane[]): Promise<void> {
  if (lanes.length === 0) return;
  await sql`
    with mine as materialized (
      select c.user_id from customer c join ${rowsOf(lanes, { userId: 'text', token: 'bigint' })} as l(user_id, token)
        on c.user_id = l.user_id and c.sending_token = l.token
      order by c.user_id for update of c
    )
    update customer c set sending_until = null from mine where c.user_id = mine.user_id`.execute(trx);
}
