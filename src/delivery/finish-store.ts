import { type Kysely, sql, type Transaction } from 'kysely';
import { rowsOf } from '../platform/rows.ts';
import type { AttemptOutcome, DeadReason, EventState, Schema } from '../platform/schema.ts';
import { releaseEvents } from './claim-store.ts';

type Trx = Transaction<Schema>;

export type FinishedEvent = {
  provider: string;
  id: number;
  claimId: string;
  receivedAt: Date;
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

const FINISHED = {
  id: 'bigint',
  state: 'text',
  reason: 'text',
  errorFamily: 'text',
  delayMs: 'float8',
  countsAsTry: 'boolean',
  failedProbes: 'int',
  wasTried: 'boolean',
} as const;

/**
 * Writes what became of events that are still ours, one attempt row for each that was tried, and both into the sums of this minute, in
 * one statement. Sums have a row per connection, nearly, so workers seldom wait for each other; where they do, it is in one order.
 */
export async function writeFinished(trx: Trx, events: FinishedEvent[]): Promise<WrittenEvent[]> {
  if (events.length === 0) return [];
  const input = events.map((event) => ({ ...event, wasTried: event.attempt !== null }));
  const { rows } = await sql<Written>`
    with input as (
      select * from ${rowsOf(input, FINISHED)}
        as i(id, state, reason, error_family, delay_ms, counts_as_try, failed_probes, was_tried)
    ), moment as materialized (
      select clock_timestamp() as at
    ), held as materialized (
      select id from ${releaseEvents(events)} as released(id)
    ), done as (
      update event e set state = i.state, reason = i.reason, error_family = i.error_family,
        lost_leases = case when i.state = 'retrying' then e.lost_leases else 0 end,
        failed_probes = i.failed_probes, tries = e.tries + i.counts_as_try::int, attempts = e.attempts + i.was_tried::int,
        due_at = case when i.delay_ms is null then e.due_at else clock_timestamp() + make_interval(secs => i.delay_ms / 1000) end,
        finished_at = case when i.state in ('pending', 'retrying') then null else (select at from moment) end
      from input i join held on held.id = i.id
      where e.id = i.id and e.state in ('pending', 'retrying')
      returning e.provider, e.id, e.state, e.attempts, e.ticket_id, e.redrive_id, i.delay_ms,
        date_part('epoch', e.finished_at - e.received_at) as seconds
    ), ended as (
      insert into delivery_minute as m (minute, share, provider, state, quarter, events)
      select date_trunc('minute', (select at from moment)), pg_backend_pid() % 64, provider, state, latency_quarter(seconds), count(*)
      from done where seconds is not null group by 3, 4, 5 order by 3, 4, 5
      on conflict (minute, share, provider, state, quarter) do update set events = m.events + excluded.events
    )${writingAttempts(events)}
    select (select at from moment) as at, case when count(*) < ${events.length} then coalesce(to_json(array_agg(id)), '[]') end as only,
      json_agg(json_build_object('id', id, 'ticketId', ticket_id, 'redriveId', redrive_id))
        filter (where ticket_id is not null or redrive_id is not null) as marked
    from done`.execute(trx);
  return describeWritten(events, rows[0]!);
}

/** Mostly all of the events were ours still and few hang on anything, so that is all the server says of them. */
type Written = {
  at: Date;
  /** Of those that were written, where some were not. */
  only: number[] | null;
  marked: { id: number; ticketId: number | null; redriveId: number | null }[] | null;
};

function describeWritten(events: FinishedEvent[], { at, only, marked }: Written): WrittenEvent[] {
  const ids = only && new Set(only);
  const written = ids === null ? events : events.filter(({ id }) => ids.has(id));
  const marks = new Map(marked?.map((mark) => [mark.id, mark]));
  return written.map(({ provider, id, state, receivedAt }) => {
    const { ticketId = null, redriveId = null } = marks.get(id) ?? {};
    const isOver = state !== 'pending' && state !== 'retrying';
    const finishedAfterSeconds = isOver ? (at.getTime() - receivedAt.getTime()) / 1000 : null;
    return { provider, id, state, ticketId, redriveId, finishedAfterSeconds };
  });
}

/** Further parts of the statement; where nobody was called, a backlog is worked off, and they would cost each event something. */
function writingAttempts(events: FinishedEvent[]) {
  const attempts = events.flatMap(({ id, attempt }) => (attempt === null ? [] : [{ id, ...attempt }]));
  if (attempts.length === 0) return sql``;
  return sql`, tried as (
      select done.provider, done.attempts as n, done.delay_ms, a.*
      from ${rowsOf(attempts, {
        id: 'bigint',
        startedAt: 'timestamptz',
        durationMs: 'int',
        dependency: 'text',
        outcome: 'text',
        httpStatus: 'int',
        errorCode: 'text',
        error: 'text',
      })} as a(event_id, started_at, duration_ms, dependency, outcome, http_status, error_code, error)
      join done on done.id = a.event_id
    ), logged as (
      insert into attempt (provider, event_id, n, started_at, duration_ms, dependency, outcome, http_status, error_code, error, delay_ms)
      select provider, event_id, n, started_at, duration_ms, dependency, outcome, http_status, error_code, error, delay_ms from tried
    ), called as (
      insert into call_minute as m (minute, share, dependency, outcome, calls)
      select date_trunc('minute', (select at from moment)), pg_backend_pid() % 64, dependency, outcome, count(*)
      from tried group by 3, 4 order by 3, 4
      on conflict (minute, share, dependency, outcome) do update set calls = m.calls + excluded.calls
    )`;
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
