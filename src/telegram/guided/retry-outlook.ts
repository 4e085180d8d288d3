import type { PaymentView } from '../../api/payment-view.ts';
import type { BreakerState } from '../../platform/schema.ts';
import { paymentsWords } from '../buttons/press-words.ts';
import { stateWords } from '../words/breaker-words.ts';
import { idWords } from '../words/payment-text.ts';

/** What a retry of a payment would come to: pure. */
export type Outlook =
  /** Tried again, with as many tries as a new one. */
  | { outlook: 'apply'; dead: number }
  | { outlook: 'nothing'; because: 'applied' | 'under_way' }
  /** Tried again, but the money was taken back since: nobody gains access by it. */
  | { outlook: 'superseded'; dead: number; by: string }
  /** What it needs is not called at the moment. */
  | { outlook: 'refused'; dependency: string; state: BreakerState };

const ACTIVATION = 'activation';
const NOT_CALLED: ReadonlySet<BreakerState> = new Set<BreakerState>(['open', 'forced_open']);
const TAKEN_BACK: ReadonlySet<string> = new Set(['refunded', 'disputed', 'dispute_lost']);

export function outlookOf(
  payment: Pick<PaymentView, 'status' | 'events'>,
  breakers: { name: string; state: BreakerState }[],
  tellsProduct: boolean,
): Outlook {
  const dead = payment.events.filter((event) => event.state === 'dead').length;
  if (dead === 0) return { outlook: 'nothing', because: isUnderWay(payment) ? 'under_way' : 'applied' };
  const door = findClosedDoor(breakers, tellsProduct);
  if (door) return { outlook: 'refused', dependency: door.name, state: door.state };
  return TAKEN_BACK.has(payment.status)
    ? { outlook: 'superseded', dead, by: payment.status }
    : { outlook: 'apply', dead };
}

/** The breaker that keeps a retry from calling anybody; null when it would be called. */
export function findClosedDoor(
  breakers: { name: string; state: BreakerState }[],
  tellsProduct: boolean,
): { name: string; state: BreakerState } | null {
  const breaker = tellsProduct ? breakers.find(({ name }) => name === ACTIVATION) : undefined;
  return breaker && NOT_CALLED.has(breaker.state) ? breaker : null;
}

function isUnderWay({ events }: Pick<PaymentView, 'events'>): boolean {
  return events.some(({ state }) => state === 'pending' || state === 'processing' || state === 'retrying');
}

export function outlookWords(outlook: Outlook, { transactionId }: Pick<PaymentView, 'transactionId'>): string {
  const id = idWords(transactionId);
  switch (outlook.outlook) {
    case 'apply':
      return `${id}: ${eventsWords(outlook.dead)} given up would be tried again, like new.`;
    case 'superseded':
      return `${id}: ${eventsWords(outlook.dead)} would be tried again, but the payment is ${outlook.by.replace('_', ' ')} since: nobody gains access by it.`;
    case 'nothing':
      return outlook.because === 'under_way'
        ? `⏳ ${id} is being tried by itself. There is nothing to retry.`
        : `👌 Nothing to retry on ${id}: nothing of it was given up.`;
    case 'refused':
      return `⛔ The breaker of ${outlook.dependency} is ${stateWords(outlook.state)}: nothing is called, so a retry would only wait. Nothing was changed; /breaker shows more.`;
  }
}

function eventsWords(count: number): string {
  return count === 1 ? '1 webhook' : paymentsWords(count).replace('payments', 'webhooks');
}
