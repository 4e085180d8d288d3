import type { Transaction } from 'kysely';
import { findAnsweredAt } from '../breaker/breaker-query.ts';
import { appendLog, markPicture } from '../escalation/ticket-store.ts';
import type { Db } from '../platform/database.ts';
import type { Schema } from '../platform/schema.ts';
import { type Exhausted, lockExhausted, reviveExhausted } from './self-redrive-store.ts';

export type SelfRedriveDeps = {
  db: Db;
  /** Tells the workers that there is something to claim, and the sender that cards changed. */
  wake: (topic: 'event' | 'card') => void;
};

/** Of one statement; the claims' limit decides how fast they are really tried. */
const BATCH = 500;

/**
 * Events whose tries were used up while `dependency` was away are tried again, with a new budget, once it has answered since. Answers how many.
 * Three times at most and further apart each time: what fails although its dependency works needs a person.
 */
export async function redriveExhausted(deps: SelfRedriveDeps, dependency: string): Promise<number> {
  const answeredAt = await findAnsweredAt(deps.db, dependency);
  if (answeredAt === null) return 0;
  let redriven = 0;
  for (;;) {
    const events = await deps.db.transaction().execute((trx) => redriveSome(trx, dependency, answeredAt));
    redriven += events.length;
    if (events.length < BATCH) break;
  }
  if (redriven > 0) for (const topic of ['event', 'card'] as const) deps.wake(topic);
  return redriven;
}

async function redriveSome(trx: Transaction<Schema>, dependency: string, answeredAt: Date): Promise<Exhausted[]> {
  const events = await lockExhausted(trx, { dependency, answeredAt, limit: BATCH });
  await reviveExhausted(trx, events);
  const ofTickets = Map.groupBy(events, (event) => event.ticketId);
  for (const ticketId of [...ofTickets.keys()].filter((id) => id !== null).sort((a, b) => a - b)) {
    const text = `${dependency} answers again: ${ofTickets.get(ticketId)!.length} tried again by themselves`;
    await markPicture(trx, ticketId, { by: 'itself' });
    await appendLog(trx, { ticketId, kind: 'retry', actor: null, text, now: null });
  }
  return events;
}
