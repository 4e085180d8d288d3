import { type ExpressionBuilder, type ExpressionWrapper, type SqlBool, sql } from 'kysely';
import type { Schema } from '../platform/schema.ts';
import type { Reader } from './override-store.ts';

const LISTED = 50;

/** Requests that wait for a second person, the oldest first. */
export function listRequested(db: Reader, now: Date): Promise<number[]> {
  return listIds(db, 'id', (is) => is.and([is('state', '=', 'requested'), is('approve_until', '>', now)]));
}

/** Everything given by hand that nobody has confirmed or taken back, what ended first at the front. */
export function listDebts(db: Reader): Promise<number[]> {
  return listIds(db, 'until', (is) => is('state', '=', 'executed'));
}

/** Settled debts count too: the glass was broken whatever became of the money. */
export function listUnreviewed(db: Reader): Promise<number[]> {
  return listIds(db, 'id', (is) =>
    is.and([is('break_glass', '=', true), is('reviewed_at', 'is', null), is('executed_at', 'is not', null)]),
  );
}

export function listOverdueRequests(db: Reader, now: Date): Promise<number[]> {
  return listIds(db, 'id', (is) => is.and([is('state', '=', 'requested'), is('approve_until', '<=', now)]));
}

/** Approved, and its process ended before it was carried out. */
export function listApproved(db: Reader): Promise<number[]> {
  return listIds(db, 'id', (is) => is('state', '=', 'approved'));
}

/** Debts, and broken glasses, of which it is time to say again that they stand. */
export function listDueReminders(db: Reader, now: Date): Promise<number[]> {
  return listIds(db, 'id', (is) => is('remind_at', '<=', now));
}

/** What has ended by itself, and its customer was not told yet. */
export function listUntoldEnds(db: Reader, now: Date): Promise<number[]> {
  return listIds(db, 'tell_end_at', (is) => is('tell_end_at', '<=', now));
}

type Condition = (is: ExpressionBuilder<Schema, 'override'>) => ExpressionWrapper<Schema, 'override', SqlBool>;

/** So many at a time; the next look finds the others. */
async function listIds(db: Reader, order: 'id' | 'until' | 'tell_end_at', where: Condition): Promise<number[]> {
  const query = db.selectFrom('override').select('id').where(where).orderBy(order).orderBy('id');
  return (await query.limit(LISTED).execute()).map((row) => row.id);
}

/** Debts whose payment a verified webhook has confirmed since. */
export async function listPaidDebts(db: Reader): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    select o.id from override o join fact f on f.provider = o.provider and f.subject = o.transaction_id
      and f.type = 'paid' and f.user_id = o.user_id
    where o.state = 'executed' order by o.id limit ${LISTED}`.execute(db);
  return rows.map((row) => row.id);
}

/** What the product has not accepted yet, and is to be told now. */
export async function listUntold(db: Reader, now: Date): Promise<Untold[]> {
  return db
    .selectFrom('override')
    .select(['id', 'user_id as userId', 'tell_failures as failures', sql<Date>`tell_at`.as('tellAt')])
    .where('tell_at', '<=', now)
    .orderBy('tell_at')
    .limit(LISTED)
    .execute();
}

export type Untold = { id: number; userId: string; failures: number; tellAt: Date };
