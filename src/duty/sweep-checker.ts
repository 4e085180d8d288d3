import { openOperationalTicket } from '../escalation/open-ticket.ts';
import type { Db } from '../platform/database.ts';
import { countUnserved } from './sweep-store.ts';

/** The sweeper comes every second; after a minute it is not late but away. */
const UNSERVED_MS = 60_000;

/** A deadline that nobody has served is itself a ticket. Answers how many tickets have one. */
export async function checkSweep(
  { db, onTicket }: { db: Db; onTicket: () => void },
  now: Date | null = null,
): Promise<{ unserved: number }> {
  const { tickets, since } = await countUnserved(db, UNSERVED_MS, now);
  if (tickets > 0) {
    const text = `${tickets} tickets have a deadline that nobody has served, the first since ${since!.toISOString().slice(11, 16)} UTC: nobody is called for them. Is a replica with the part "schedule" running?`;
    const finding = { stage: 'operations', source: 'duty', errorFamily: 'deadlines', severity: 'P2', text } as const;
    await openOperationalTicket(db, finding, now);
    onTicket();
  }
  return { unserved: tickets };
}
