import { type Selectable, sql, type Transaction } from 'kysely';
import type { Schema } from '../platform/schema.ts';
import type { Reader } from '../platform/snapshot.ts';
import { type Deadlines, type Happening, planDeadlines } from './deadlines.ts';
import { DEFAULT_POLICY, type Policy } from './policy.ts';

type Trx = Transaction<Schema>;
type TicketRow = Selectable<Schema['ticket']>;

const COLUMNS = [
  'state',
  'severity',
  'policy',
  'clock_at',
  'steps_taken',
  'called_level',
  'asked_level',
  'escalate_at',
  'acknowledge_by',
  'resolve_by',
  'warn_at',
  'overdue_at',
  'confirm_at',
  'owner_until',
  'snoozed_until',
] as const;

/**
 * Writes when what happens to the ticket by itself, after something happened to it; in the transaction of that. A ticket that opens
 * takes the policy of this moment along.
 */
export async function planTicket(trx: Trx, ticketId: number, happening: Happening, now: Date | null): Promise<void> {
  const { at, ...row } = await trx
    .selectFrom('ticket')
    .select(COLUMNS)
    .select(sql<Date>`coalesce(${now}::timestamptz, clock_timestamp())`.as('at'))
    .where('id', '=', ticketId)
    .executeTakeFirstOrThrow();
  const policy = happening.what === 'opened' ? await readPolicy(trx) : policyOf(row);
  const ticket = { state: row.state, severity: row.severity, policy, deadlines: deadlinesOf(row) };
  const planned = columnsOf(planDeadlines(ticket, happening, at));
  await trx
    .updateTable('ticket')
    .set({ ...planned, ...(happening.what === 'opened' ? { policy: JSON.stringify(policy) } : {}) })
    .where('id', '=', ticketId)
    .execute();
}

/** As it holds for tickets that open now. */
export async function readPolicy(db: Reader): Promise<Policy> {
  const row = await db.selectFrom('duty_policy').select('policy').executeTakeFirst();
  return row?.policy ?? DEFAULT_POLICY;
}

export async function savePolicy(db: Reader, policy: Policy, changedBy: string): Promise<void> {
  const columns = { policy: JSON.stringify(policy), changed_by: changedBy };
  await db
    .insertInto('duty_policy')
    .values(columns)
    .onConflict((conflict) =>
      conflict.column('singleton').doUpdateSet({ ...columns, changed_at: sql<Date>`clock_timestamp()` }),
    )
    .execute();
}

export function policyOf({ policy }: Pick<TicketRow, 'policy'>): Policy {
  return policy ?? DEFAULT_POLICY;
}

export function deadlinesOf(row: Pick<TicketRow, (typeof COLUMNS)[number]>): Deadlines {
  return {
    clockAt: row.clock_at,
    stepsTaken: row.steps_taken,
    calledLevel: row.called_level,
    askedLevel: row.asked_level,
    escalateAt: row.escalate_at,
    acknowledgeBy: row.acknowledge_by,
    resolveBy: row.resolve_by,
    warnAt: row.warn_at,
    overdueAt: row.overdue_at,
    confirmAt: row.confirm_at,
    ownerUntil: row.owner_until,
    snoozedUntil: row.snoozed_until,
  };
}

function columnsOf(deadlines: Deadlines) {
  return {
    clock_at: deadlines.clockAt,
    steps_taken: deadlines.stepsTaken,
    called_level: deadlines.calledLevel,
    asked_level: deadlines.askedLevel,
    escalate_at: deadlines.escalateAt,
    acknowledge_by: deadlines.acknowledgeBy,
    resolve_by: deadlines.resolveBy,
    warn_at: deadlines.warnAt,
    overdue_at: deadlines.overdueAt,
    confirm_at: deadlines.confirmAt,
    owner_until: deadlines.ownerUntil,
    snoozed_until: deadlines.snoozedUntil,
  };
}
