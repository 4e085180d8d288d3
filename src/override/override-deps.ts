import type { Plans } from '../entitlement/plans.ts';
import type { Db } from '../platform/database.ts';
import type { Reader } from '../platform/snapshot.ts';

/** What every act by hand works with. */
export type OverrideDeps = {
  db: Db;
  plans: Plans;
  wake: (topic: 'card' | 'notice' | 'event') => void;
  /** Whoever may break the glass: on call at this moment. */
  isOnCall: (personId: number) => Promise<boolean>;
  /** Where a customer can be told something in private, read in the transaction that tells it; null when the bot does not know them. */
  findCustomerChat: (userId: string, reader: Reader) => Promise<number | null>;
};
