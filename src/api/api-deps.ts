import type { Plans } from '../entitlement/plans.ts';
import type { Clock } from '../platform/clock.ts';
import type { Db } from '../platform/database.ts';

/** What reading for the product needs; `apiToken` is what its backend must carry, `tellsProduct` whether events wait for it. */
export type ApiDeps = { db: Db; clock: Clock; apiToken: string; plans: Plans; tellsProduct: boolean };
