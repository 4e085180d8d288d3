import { type BreakerView as Breaker, listBreakers } from '../breaker/breaker-query.ts';
import { countWaiting } from '../ledger/waiting-query.ts';
import type { BreakerState } from '../platform/schema.ts';
import type { ApiDeps } from './api-deps.ts';

/** A dependency, and whether it is called. */
type BreakerView = {
  name: string;
  state: BreakerState;
  /** Rises by one with every change of the state. */
  epoch: number;
  since: Date;
  /** Until when an open one is not called at all; null when it has no end, and when it is not open. */
  openUntil: Date | null;
  /** Events that wait for it. */
  waiting: number;
};

/** From the database, by name; none that was never called. */
export async function listBreakerViews({
  db,
  tellsProduct,
}: Pick<ApiDeps, 'db' | 'tellsProduct'>): Promise<BreakerView[]> {
  const views: BreakerView[] = [];
  for (const breaker of await listBreakers(db)) {
    const waiting = await countWaiting(db, breaker.name, tellsProduct);
    const { name, state, epoch, since } = breaker;
    views.push({ name, state, epoch, since, openUntil: openUntil(breaker), waiting });
  }
  return views;
}

function openUntil(breaker: Breaker): Date | null {
  return breaker.state === 'forced_open' ? breaker.forcedUntil : breaker.openUntil;
}
