import { countWaiting } from '../ledger/waiting-query.ts';
import type { Db } from '../platform/database.ts';
import type { BreakerState } from '../platform/schema.ts';
import { isHoldingBack } from './permit.ts';

/** By dependency, how many events wait because its breaker holds calls back; 0 while it does not. */
export async function listParked(db: Db, tellsProduct: boolean): Promise<Record<string, number>> {
  const breakers = await db.selectFrom('breaker').select(['name', 'state']).execute();
  const parked = breakers.map(async ({ name, state }) => [name, await countParked(db, name, state, tellsProduct)]);
  return Object.fromEntries(await Promise.all(parked));
}

async function countParked(db: Db, name: string, state: BreakerState, tellsProduct: boolean): Promise<number> {
  return isHoldingBack(state) ? countWaiting(db, name, tellsProduct) : 0;
}
