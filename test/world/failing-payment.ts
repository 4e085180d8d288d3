import { SEED } from './webhooks.ts';
import type { World } from './world.ts';

/** Payments that the product refuses until it is told to work, each of a customer of its own. */
export function createFailingPayments({ sandbox, post }: Pick<World, 'sandbox' | 'post'>) {
  return async (name: string, status = 503) => {
    sandbox.product.misbehave({ kind: 'status', status, user: `customer-${name}` });
    const paid = { ...SEED, user_id: `customer-${name}`, transaction_id: `tx-${name}` };
    await post(paid);
    return paid;
  };
}
