import type { Transaction } from 'kysely';
import type { Schema } from '../platform/schema.ts';
import { appendLog, markMerged, type StateChange } from './ticket-store.ts';
import { takeOverTwin } from './ticket-twin-store.ts';
import { ticketName } from './ticket-view.ts';

/** One ticket's failures become another's, and both say so. The caller holds the locks of their events, their causes and both tickets. */
export async function mergeTicket(
  trx: Transaction<Schema>,
  { from, into }: { from: number; into: number },
  change: StateChange,
  now: Date | null = null,
): Promise<void> {
  await markMerged(trx, from, into, change);
  await takeOverTwin(trx, into, from);
  const line = { kind: 'merged', actor: null, now };
  await appendLog(trx, { ...line, ticketId: from, text: `merged into ${ticketName(into)}` });
  await appendLog(trx, { ...line, ticketId: into, text: `${ticketName(from)} merged into this` });
}
