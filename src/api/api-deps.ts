import type { Plans } from '../entitlement/plans.ts';
import type { Clock } from '../platform/clock.ts';
import type { Db } from '../platform/database.ts';

/** What answering the product needs; `apiToken` is what its backend must carry, `tellsProduct` whether events wait for it. */
export type ApiDeps = {
  db: Db;
  clock: Clock;
  apiToken: string;
  plans: Plans;
  tellsProduct: boolean;
  /** What the bot is called in links: null while Telegram has not said so. No function: there is no bot. */
  findBotName: (() => Promise<string | null>) | null;
};
