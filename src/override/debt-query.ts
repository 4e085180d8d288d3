import { sql } from 'kysely';
import type { Reader } from './override-store.ts';

const LISTED = 50;

/** Requests that wait for a second person, the oldest first. */
export async function listRequested(db: Reader, now: Date): Promise<number[]> {
  const rows = await db
    .selectFrom('override')
    .select('id')
    .where('state', '=', 'requested')
    .where('approve_until', '>', now)
    .orderBy('id')
    .limit(LISTED)
    .execute();
  return rows.map((row) => row.id);
}

/** Everything given by hand that nobody has confirmed or taken back, what ended first at the front. */
export async function listDebts(db: Reader): Promise<number[]> {
  const rows = await db
    .selectFrom('override')
    .select('id')
    .where('state', '=', 'executed')
    .orderBy('until')
    .orderBy('id')
    .limit(LISTED)
    .execute();
  return rows.map((row) => row.id);
}

/** Settled debts count too: the glass was broken whatever became of the money. */
export async function listUnreviewed(db: Reader): Promise<number[]> {
  const rows = await db
    .selectFrom('override')
    .select('id')
    .where('break_glass', '=', true)
    .where('reviewed_at', 'is', null)
    .where('executed_at', 'is not', null)
    .orderBy('id')
    .limit(LISTED)
    .execute();
  return rows.map((row) => row.id);
}

export async function listOverdueRequests(db: Reader, now: Date): Promise<number[]> {
  const rows = await db
    .selectFrom('override')
    .select('id')
    .where('state', '=', 'requested')
    .where('approve_until', '<=', now)
    .orderBy('id')
    .limit(LISTED)
    .execute();
  return rows.map((row) => row.id);
}

/** Approved, and its process ended before it was carried out. */
export async function listApproved(db: Reader): Promise<number[]> {
  const rows = await db
    .selectFrom('override')
    .select('id')
    .where('state', '=', 'approved')
    .orderBy('id')
    .limit(LISTED)
    .execute();
  return rows.map((row) => row.id);
}

/** Debts whose payment a verified webhook has confirmed since. */
export async function listPaidDebts(db: Reader): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    select o.id from override o join fact f on f.provider = o.provider and f.subject = o.transaction_id
      and f.type = 'paid' and f.user_id = o.user_id
    where o.state = 'executed' order by o.id limit ${LISTED}`.execute(db);
  return rows.map((row) => row.id);
}

/** Debts, and broken glasses, of which it is time to say again that they stand. */
export async function listDueReminders(db: Reader, now: Date): Promise<number[]> {
  const rows = await db
    .selectFrom('override')
    .select('id')
    .where('remind_at', '<=', now)
    .orderBy('id')
    .limit(LISTED)
    .execute();
  return rows.map((row) => row.id);
}

/** What has ended by itself, and its customer was not told yet. */
export async function listUntoldEnds(db: Reader, now: Date): Promise<number[]> {
  const rows = await db
    .selectFrom('override')
    .select('id')
    .where('tell_end_at', '<=', now)
    .orderBy('tell_end_at')
    .limit(LISTED)
    .execute();
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
