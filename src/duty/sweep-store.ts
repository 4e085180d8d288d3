import { sql, type Transaction } from 'kysely';
import { deadlinesOf, policyOf } from '../escalation/deadline-store.ts';
import type { Db } from '../platform/database.ts';
import { rowsOf } from '../platform/rows.ts';
import type { Schema } from '../platform/schema.ts';
import type { DueTicket, Served } from './serve-deadlines.ts';

type Trx = Transaction<Schema>;

/** Tickets of which a deadline has passed, locked; those that somebody holds at the moment are for the next sweep, or another's. */
export async function claimDueTickets(
  trx: Trx,
  limit: number,
  now: Date | null,
): Promise<{ at: Date; tickets: DueTicket[] }> {
  const due = trx
    .selectFrom('ticket')
    .selectAll()
    .where(sql<boolean>`next_deadline <= coalesce(${now}::timestamptz, statement_timestamp())`)
    .orderBy('next_deadline')
    .limit(limit)
    .forUpdate()
    .skipLocked();
  const rows = await due.execute();
  const tickets = rows.map((row) => ({
    ticketId: row.id,
    state: row.state,
    severity: row.severity,
    ownerId: row.owner_id,
    ownerName: row.owner_name,
    policy: policyOf(row),
    deadlines: deadlinesOf(row),
  }));
  return { at: rows.length === 0 ? new Date(0) : await readClock(trx, now), tickets };
}

async function readClock(trx: Trx, now: Date | null): Promise<Date> {
  const { rows } = await sql<{ at: Date }>`select coalesce(${now}::timestamptz, statement_timestamp()) as at`.execute(
    trx,
  );
  return rows[0]!.at;
}

export type ServedTicket = { ticket: DueTicket; served: Served };

/**
 * All of a sweep in one statement. A change of state makes buttons stale; the call at the very beginning is no reason to draw a card a
 * second time, because every card would be.
 */
export async function saveServed(trx: Trx, tickets: ServedTicket[]): Promise<void> {
  const rows = tickets.map(({ ticket, served: { state, deadlines, calls, story } }) => ({
    id: ticket.ticketId,
    state: state as string,
    moved: state !== ticket.state,
    redrawn: story.length > 0 || calls.some((call) => call.reason !== 'opened'),
    clock_at: deadlines.clockAt,
    steps_taken: deadlines.stepsTaken,
    called_level: deadlines.calledLevel,
    asked_level: deadlines.askedLevel,
    escalate_at: deadlines.escalateAt,
    acknowledge_by: deadlines.acknowledgeBy,
    warn_at: deadlines.warnAt,
    overdue_at: deadlines.overdueAt,
    confirm_at: deadlines.confirmAt,
    owner_until: deadlines.ownerUntil,
    snoozed_until: deadlines.snoozedUntil,
  }));
  await sql`
    update ticket t set state = s.state, clock_at = s.clock_at, steps_taken = s.steps_taken, called_level = s.called_level,
      asked_level = s.asked_level, escalate_at = s.escalate_at, acknowledge_by = s.acknowledge_by, warn_at = s.warn_at,
      overdue_at = s.overdue_at, confirm_at = s.confirm_at, owner_until = s.owner_until, snoozed_until = s.snoozed_until,
      owner_id = case when s.state = 'open' then null else t.owner_id end,
      owner_name = case when s.state = 'open' then null else t.owner_name end,
      state_revision = t.state_revision + s.moved::int,
      wanted_revision = t.wanted_revision + (s.moved or s.redrawn)::int
    from ${rowsOf(rows, TYPES)} as s(${sql.raw(Object.keys(TYPES).join(', '))})
    where t.id = s.id`.execute(trx);
}

const TIME = 'timestamptz' as const;
const TYPES = {
  id: 'bigint',
  state: 'text',
  moved: 'boolean',
  redrawn: 'boolean',
  clock_at: TIME,
  steps_taken: 'int',
  called_level: 'int',
  asked_level: 'int',
  escalate_at: TIME,
  acknowledge_by: TIME,
  warn_at: TIME,
  overdue_at: TIME,
  confirm_at: TIME,
  owner_until: TIME,
  snoozed_until: TIME,
} as const;

export type StoryLine = { ticket_id: number; at: Date; kind: string; text: string };

export async function appendStory(trx: Trx, lines: StoryLine[]): Promise<void> {
  if (lines.length === 0) return;
  const types = { ticket_id: 'bigint', at: TIME, kind: 'text', text: 'text' } as const;
  await sql`
    insert into ticket_log (ticket_id, at, kind, text)
    select * from ${rowsOf(lines, types)} as l(ticket_id, at, kind, text)`.execute(trx);
}

/** How many tickets have a deadline that passed so long ago that somebody should have served it. */
export async function countUnserved(
  db: Db,
  overdueMs: number,
  now: Date | null,
): Promise<{ tickets: number; since: Date | null }> {
  const { rows } = await sql<{ tickets: number; since: Date | null }>`
    select count(*)::int as tickets, min(next_deadline) as since from ticket
    where next_deadline <= coalesce(${now}::timestamptz, statement_timestamp()) - make_interval(secs => ${overdueMs / 1000})`.execute(
    db,
  );
  return rows[0]!;
}
