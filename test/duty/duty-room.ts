import { sql } from 'kysely';
import { sweepOnce } from '../../src/duty/sweep.ts';
import { openOrAttach } from '../../src/escalation/open-ticket.ts';
import { findTicket } from '../../src/escalation/ticket-query.ts';
import { markSeverity } from '../../src/escalation/ticket-store.ts';
import type { Db } from '../../src/platform/database.ts';
import type { Severity } from '../../src/platform/schema.ts';

export const [ANN, BEN, CARA] = [1001, 1002, 1003] as const;
/** Only reads. */
const VIC = 1004;

/** Monday noon. */
export const NOON = new Date('2026-11-23T12:00:00Z');

export function after(minutes: number, from = NOON): Date {
  return new Date(from.getTime() + minutes * 60_000);
}

let causes = 0;

/** Ann and Ben take turns from Monday 09:00 UTC, Cara may act too, Vic only reads. All but Cara have pressed Start. */
export async function seedDuty(db: Db): Promise<void> {
  await sql`truncate page, cover, rotation, duty_policy, notice, ticket, cause, person cascade`.execute(db);
  await db
    .insertInto('person')
    .values([
      { telegram_id: ANN, first_name: 'Ann', role: 'engineer', private_chat: true },
      { telegram_id: BEN, first_name: 'Ben', role: 'lead', private_chat: true },
      { telegram_id: CARA, first_name: 'Cara', role: 'admin', private_chat: false },
      { telegram_id: VIC, first_name: 'Vic', role: 'viewer', private_chat: true },
    ])
    .execute();
  await db
    .insertInto('rotation')
    .values({
      level: 1,
      people: JSON.stringify([ANN, BEN]),
      zone: 'UTC',
      hand_over: '09:00',
      every_days: 1,
      starts_on: '2026-11-23',
      changed_by: 'test',
    })
    .execute();
}

export function openTicket(db: Db, severity: Severity, at = NOON): Promise<number> {
  causes += 1;
  const cause = { stage: 'delivery', source: 'acme', dependency: 'activation', errorFamily: `E${causes}` } as const;
  const failures = { cause, count: 1, countries: [], sampleTransaction: null, needsLook: false };
  return db.transaction().execute(async (trx) => {
    const { ticketId } = await openOrAttach(trx, failures, at);
    await markSeverity(trx, ticketId, severity, at);
    return ticketId;
  });
}

/** Sweeps every so often from one time to another, as the loop would. */
export async function sweepFrom(db: Db, from: Date, to: Date, everyMs = 60_000): Promise<void> {
  for (let at = from.getTime(); at <= to.getTime(); at += everyMs) await sweepOnce({ db }, new Date(at));
}

export type Called = { minute: number; person: number | null; reason: string; state: string };

/** Who was called to a ticket, in minutes since noon. */
export async function callsOf(db: Db, ticketId: number): Promise<Called[]> {
  const rows = await db.selectFrom('page').selectAll().where('ticket_id', '=', ticketId).orderBy('id').execute();
  return rows.map((row) => ({
    minute: (row.at.getTime() - NOON.getTime()) / 60_000,
    person: row.person_id,
    reason: row.reason,
    state: row.state,
  }));
}

export async function storyOf(db: Db, ticketId: number): Promise<string[]> {
  const lines = await db
    .selectFrom('ticket_log')
    .select('text')
    .where('ticket_id', '=', ticketId)
    .orderBy('id')
    .execute();
  return lines.map((line) => line.text);
}

export async function stateOf(db: Db, ticketId: number): Promise<string | undefined> {
  return (await findTicket(db, ticketId))?.state;
}

/** Messages that wait to be sent, by their keys. */
export async function noticesOf(db: Db, kind: string) {
  return db
    .selectFrom('notice')
    .select(['key', 'person_id', 'body', 'wanted_revision'])
    .where('kind', '=', kind)
    .orderBy('id')
    .execute();
}
