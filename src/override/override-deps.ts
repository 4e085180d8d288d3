import type { Plans } from '../entitlement/plans.ts';
import type { Db } from '../platform/database.ts';

/** What every act by hand works with. */
export type OverrideDeps = {
  db: Db;
  plans: Plans;
  wake: (topic: 'card' | 'notice' | 'event') => void;
  /** Whoever may break the glass: on call at this moment. */
  isOnCall: (personId: number) => Promise<boolean>;
  /** Where a customer can be told something in private; null when the bot does not know them. */
  findCustomerChat: (userId: string) => Promise<number | null>;
};
