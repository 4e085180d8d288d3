import { sql } from 'kysely';
import type { AttemptOutcome, Severity } from '../platform/schema.ts';
import { type Reader, readInOneSnapshot } from '../platform/snapshot.ts';

export type Window = { from: Date; to: Date; slotMs: number };

/** Deliveries that ended in one slot, by how and how quickly. `quarter`: see `latencyOf`. */
export type DeliveryRow = { slot: number; state: 'applied' | 'ignored' | 'dead'; quarter: number; events: number };
type CallRow = { slot: number; dependency: string; outcome: AttemptOutcome; calls: number };
type TicketRow = { slot: number; opened: number; resolved: number };
type OpenTicketRow = { severity: Severity; tickets: number };

export type StatsRows = { deliveries: DeliveryRow[]; calls: CallRow[]; tickets: TicketRow[]; open: OpenTicketRow[] };

/** What a window's numbers and picture are made of. Minutes are read, never events: its cost does not grow with the ledger. */
export function readStats(db: Reader, window: Window): Promise<StatsRows> {
  return readInOneSnapshot(db, async (reader) => ({
    deliveries: await listDeliveries(reader, window),
    calls: await listCalls(reader, window),
    tickets: await listTickets(reader, window),
    open: await listOpen(reader),
  }));
}

async function listDeliveries(db: Reader, window: Window): Promise<DeliveryRow[]> {
  const { rows } = await sql<DeliveryRow>`
    select ${slotOf('minute', window)} as slot, state, quarter, sum(events)::bigint as events
    from delivery_minute where minute >= ${window.from} and minute < ${window.to}
    group by 1, 2, 3 order by 1, 2, 3`.execute(db);
  return rows;
}

async function listCalls(db: Reader, window: Window): Promise<CallRow[]> {
  const { rows } = await sql<CallRow>`
    select ${slotOf('minute', window)} as slot, dependency, outcome, sum(calls)::bigint as calls
    from call_minute where minute >= ${window.from} and minute < ${window.to}
    group by 1, 2, 3 order by 1, 2, 3`.execute(db);
  return rows;
}

/** Drills are none of them. A ticket that others took over was opened, and is no longer to be resolved. */
async function listTickets(db: Reader, window: Window): Promise<TicketRow[]> {
  const { rows } = await sql<TicketRow>`
    select slot, sum(opened)::int as opened, sum(resolved)::int as resolved from (
      select ${slotOf('opened_at', window)} as slot, 1 as opened, 0 as resolved from ticket
        where opened_at >= ${window.from} and opened_at < ${window.to} and source <> 'drill'
      union all
      select ${slotOf('resolved_at', window)}, 0, 1 from ticket
        where resolved_at >= ${window.from} and resolved_at < ${window.to} and source <> 'drill'
    ) moments group by slot order by slot`.execute(db);
  return rows;
}

function listOpen(db: Reader): Promise<OpenTicketRow[]> {
  return db
    .selectFrom('ticket')
    .select(['severity', sql<number>`count(*)::int`.as('tickets')])
    .where('state', 'not in', ['resolved', 'merged'])
    .where('source', '<>', 'drill')
    .groupBy('severity')
    .execute();
}

/** Which slot of the window a time falls into, from 0. */
function slotOf(column: 'minute' | 'opened_at' | 'resolved_at', { from, slotMs }: Window) {
  return sql<number>`floor(extract(epoch from ${sql.ref(column)} - ${from}::timestamptz) * 1000 / ${slotMs})::int`;
}
