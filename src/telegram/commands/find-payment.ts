import { findPaymentView, findPaymentViewsByTransaction, type PaymentView } from '../../api/payment-view.ts';
import type { BotDeps } from '../bot-context.ts';

export type FoundPayment =
  | { found: 'one'; view: PaymentView }
  | { found: 'none'; asked: string }
  /** Two providers know this id: which one is meant must be said. */
  | { found: 'several'; views: PaymentView[] };

/** `tx456`, or `acme tx456` when two providers know the id. An id may hold spaces itself, so the whole is tried first. */
export async function findPayment(deps: BotDeps, args: string): Promise<FoundPayment> {
  const now = deps.clock.now();
  const views = await findPaymentViewsByTransaction(deps.db, args, now, deps.plans);
  if (views.length > 1) return { found: 'several', views };
  if (views[0]) return { found: 'one', view: views[0] };
  const [provider = '', ...rest] = args.split(/\s+/);
  const view = rest.length > 0 ? await findPaymentView(deps.db, provider, rest.join(' '), now, deps.plans) : null;
  return view ? { found: 'one', view } : { found: 'none', asked: args };
}
