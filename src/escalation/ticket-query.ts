import { sql } from 'kysely';
import { type Reader, readInOneSnapshot } from '../platform/snapshot.ts';
import { readTicketBreakers } from './breaker-ticket-query.ts';
import { type TicketLogLine, type TicketStage, type TicketView, ticketName } from './ticket-view.ts';

const LOG_LINES = 8;

/** The ticket as it is now, and whom it concerns; null when there is none with this number. */
export async function findTicket(db: Reader, id: number): Promise<TicketView | null> {
  const [view] = await readInOneSnapshot(db, (reader) => readTickets(reader, [id]));
  return view ?? null;
}

/** Whether there is one with this number, without counting all that hangs on it. */
export async function ticketExists(db: Reader, id: number): Promise<boolean> {
  return (await db.selectFrom('ticket').select('id').where('id', '=', id).executeTakeFirst()) !== undefined;
}

/** The gravest first, and of those the one that failed last. */
export async function listOpenTickets(db: Reader, options: { limit: number }): Promise<TicketView[]> {
  const rows = await db
    .selectFrom('ticket')
    .select('id')
    .where('state', 'not in', ['resolved', 'merged'])
    .orderBy('severity')
    .orderBy('last_failure_at', 'desc')
    .limit(options.limit)
    .execute();
  const ids = rows.map((row) => row.id);
  const views = await readInOneSnapshot(db, (reader) => readTickets(reader, ids));
  return views.sort((a, b) => ids.indexOf(a.id) - ids.indexOf(b.id));
}

export type TicketEvent = {
  provider: string;
  id: number;
  transactionId: string | null;
  userId: string | null;
  state: string;
  reason: string | null;
  errorFamily: string | null;
};

/** What hangs on the ticket, the dead and unsettled first. */
export async function listTicketEvents(
  db: Reader,
  ticketId: number,
  options: { limit: number },
): Promise<TicketEvent[]> {
  return db
    .selectFrom('event')
    .select([
      'provider',
      'id',
      'transaction_id as transactionId',
      'user_id as userId',
      'state',
      'reason',
      'error_family as errorFamily',
    ])
    .where('ticket_id', '=', ticketId)
    .orderBy(sql`(state = 'dead' and settled_by is null) desc`)
    .orderBy('id')
    .limit(options.limit)
    .execute();
}

async function readTickets(db: Reader, ids: number[]): Promise<TicketView[]> {
  if (ids.length === 0) return [];
  const [rows, impacts, money, logs, breakers] = [
    await db.selectFrom('ticket').selectAll().where('id', 'in', ids).execute(),
    await readImpacts(db, ids),
    await readMoneyAtRisk(db, ids),
    await readLogs(db, ids),
    await readTicketBreakers(db, ids),
  ];
  return rows.map((row) => ({
    id: row.id,
    name: ticketName(row.id),
    stage: row.stage as TicketStage,
    source: row.source,
    dependency: row.dependency,
    errorFamily: row.error_family,
    state: row.state,
    severity: row.severity,
    ownerId: row.owner_id,
    ownerName: row.owner_name,
    failures: row.failures,
    deadEvents: impacts.get(row.id)?.deadEvents ?? 0,
    peopleWaiting: impacts.get(row.id)?.peopleWaiting ?? 0,
    moneyAtRisk: money
      .filter((sum) => sum.ticketId === row.id)
      .map(({ currency, amountMinor }) => ({ currency, amountMinor })),
    countries: row.countries,
    sampleTransaction: row.sample_transaction,
    openedAt: row.opened_at,
    firstFailureAt: row.first_failure_at,
    lastFailureAt: row.last_failure_at,
    resolvedAt: row.resolved_at,
    resolvedBy: row.resolved_by,
    stateRevision: row.state_revision,
    wantedRevision: row.wanted_revision,
    urgentRevision: row.urgent_revision,
    refusals: impacts.get(row.id)?.refusals ?? 0,
    breaker: breakers.get(row.id) ?? null,
    log: logs.get(row.id) ?? [],
  }));
}

type Impact = { id: number; deadEvents: number; peopleWaiting: number; refusals: number };

async function readImpacts(db: Reader, ids: number[]): Promise<Map<number, Impact>> {
  const { rows } = await sql<Impact>`
    select t.id,
      (select count(*) from event e where e.ticket_id = t.id and e.state = 'dead' and e.settled_by is null) as "deadEvents",
      (select count(distinct coalesce(e.user_id, e.transaction_id, e.subscription_id)) from event e where e.ticket_id = t.id
         and (e.state in ('pending', 'retrying') or (e.state = 'dead' and e.settled_by is null))) as "peopleWaiting",
      (select count(*) from refusal r where r.ticket_id = t.id and r.verified_at is null) as refusals
    from ticket t where t.id = any(${ids}::bigint[])`.execute(db);
  return new Map(rows.map((row) => [row.id, row]));
}

type Sum = { ticketId: number; currency: string | null; amountMinor: number };

/** One payment may have several failing events; its money is at risk once. */
async function readMoneyAtRisk(db: Reader, ids: number[]): Promise<Sum[]> {
  const { rows } = await sql<Sum>`
    select ticket_id as "ticketId", currency, least(sum(amount_minor), 9007199254740991)::bigint as "amountMinor" from (
      select distinct on (e.ticket_id, e.provider, coalesce(e.transaction_id, e.dedup_key)) e.ticket_id, e.currency, e.amount_minor
      from event e
      where e.ticket_id = any(${ids}::bigint[]) and e.kind = 'payment_succeeded'
        and (e.state in ('pending', 'retrying') or (e.state = 'dead' and e.settled_by is null))
      order by e.ticket_id, e.provider, coalesce(e.transaction_id, e.dedup_key), e.amount_minor desc nulls last
    ) payments
    where amount_minor is not null group by ticket_id, currency order by 3 desc`.execute(db);
  return rows;
}

async function readLogs(db: Reader, ids: number[]): Promise<Map<number, TicketLogLine[]>> {
  const { rows } = await sql<TicketLogLine & { ticketId: number }>`
    select l.ticket_id as "ticketId", l.at, l.kind, l.actor, l.text
    from unnest(${ids}::bigint[]) as wanted(id)
    cross join lateral (select * from ticket_log where ticket_id = wanted.id order by id desc limit ${LOG_LINES}) l
    order by l.ticket_id, l.id`.execute(db);
  const byTicket = new Map<number, TicketLogLine[]>();
  for (const { ticketId, ...line } of rows) byTicket.set(ticketId, [...(byTicket.get(ticketId) ?? []), line]);
  return byTicket;
}
