import type { UserTelling } from '../delivery/tell-user.ts';
import type { Db } from '../platform/database.ts';
import { listUntold } from './debt-query.ts';
import { markTold, markUntold } from './override-mark-store.ts';
import { readNow } from './override-store.ts';

const NOT_NOW_MS = 2_000;
const RETRY_BASE_MS = 2_000;
const RETRY_MS_MAX = 10 * 60 * 1000;

export type TellDeps = {
  db: Db;
  /** Null: nobody is told, the entitlement row is the activation. */
  tellUser: ((userId: string) => Promise<UserTelling>) | null;
};

export type TellCounts = { told: number; waiting: number };

/** Tells the product what was given or taken back by hand, until it has accepted that. */
export async function tellProductOnce(deps: TellDeps, options: { now?: Date } = {}): Promise<TellCounts> {
  const now = await readNow(deps.db, options.now);
  const counts = { told: 0, waiting: 0 };
  for (const untold of await listUntold(deps.db, now)) {
    const telling = deps.tellUser === null ? ({ outcome: 'told' } as const) : await deps.tellUser(untold.userId);
    counts[telling.outcome === 'told' ? 'told' : 'waiting'] += 1;
    if (telling.outcome === 'told') await markTold(deps.db, untold, now);
    else await markUntold(deps.db, untold, ...whyNot(telling, untold.failures, now));
  }
  return counts;
}

/** What refuses it for good is asked again too, further and further apart: a person mends it, and it stands on the list of debts. */
function whyNot(telling: Exclude<UserTelling, { outcome: 'told' }>, failures: number, now: Date): [string, Date] {
  if (telling.outcome === 'not_now') return ['the product is not being called', new Date(now.getTime() + NOT_NOW_MS)];
  const delayMs = Math.min(RETRY_MS_MAX, RETRY_BASE_MS * 2 ** Math.min(failures, 20));
  return [telling.verdict.family ?? 'unknown', new Date(now.getTime() + delayMs)];
}
