/** What the provider knows of one payment. */
export type ProviderPayment = {
  transaction: string;
  user: string;
  /** Decimal text in major units, as the generic format sends it. */
  amount: string;
  currency: string;
  status: PaymentStatus;
  country?: string;
  subscription?: string;
  periodEnd?: string;
  refundedAmount: string;
  createdAt: string;
};

export type PaymentStatus =
  | 'success'
  | 'pending'
  | 'failed'
  | 'refunded'
  | 'disputed'
  | 'dispute_won'
  | 'dispute_lost'
  | 'canceled';

/** Something that happened to a payment, as its webhook tells it. */
export type PaymentHappening = {
  eventId: string;
  status: PaymentStatus;
  createdAt: string;
  refundId?: string;
  refundedAmount?: string;
  partial?: boolean;
  disputeId?: string;
  cancelAt?: string;
};

export function toGenericBody(payment: ProviderPayment, happening: PaymentHappening): Record<string, unknown> {
  const { status } = happening;
  return withoutUndefined({
    event_id: happening.eventId,
    event: `payment.${status}`,
    created_at: happening.createdAt,
    transaction_id: payment.transaction,
    user_id: payment.user,
    status,
    amount: payment.amount,
    currency: payment.currency,
    country: payment.country,
    subscription_id: payment.subscription,
    period_end: payment.periodEnd,
    refund_id: happening.refundId,
    refunded_amount: happening.refundedAmount,
    partial: happening.partial,
    dispute_id: happening.disputeId,
    cancel_at: happening.cancelAt,
  });
}

/** The same in Stripe's shape: event envelope, minor units, lower-case currency. */
export function toStripeBody(payment: ProviderPayment, happening: PaymentHappening): Record<string, unknown> {
  const { type, object } = toStripeObject(payment, happening);
  return {
    id: happening.eventId,
    object: 'event',
    api_version: '2026-10-28.endive',
    created: seconds(happening.createdAt),
    livemode: false,
    type,
    data: { object },
  };
}

function toStripeObject(payment: ProviderPayment, happening: PaymentHappening) {
  const amount = toMinor(payment.amount, payment.currency);
  const common = {
    currency: payment.currency.toLowerCase(),
    metadata: { user_id: payment.user },
    created: seconds(payment.createdAt),
  };
  const charge = `ch_${payment.transaction}`;
  switch (happening.status) {
    case 'refunded': {
      const refunded = toMinor(happening.refundedAmount ?? payment.amount, payment.currency);
      const object = { ...common, id: charge, object: 'charge', amount, amount_refunded: refunded };
      const links = { payment_intent: payment.transaction, status: 'succeeded', refunded: refunded >= amount };
      return { type: 'charge.refunded', object: { ...object, ...links } };
    }
    case 'disputed':
    case 'dispute_won':
    case 'dispute_lost': {
      const type = happening.status === 'disputed' ? 'charge.dispute.created' : 'charge.dispute.closed';
      const status = { disputed: 'needs_response', dispute_won: 'won', dispute_lost: 'lost' }[happening.status];
      const links = { charge, payment_intent: payment.transaction, status, reason: 'fraudulent' };
      return { type, object: { ...common, id: happening.disputeId, object: 'dispute', amount, ...links } };
    }
    case 'canceled': {
      const endedAt = seconds(happening.cancelAt ?? happening.createdAt);
      const object = { ...common, id: payment.subscription, object: 'subscription', status: 'canceled' };
      return { type: 'customer.subscription.deleted', object: { ...object, canceled_at: endedAt, ended_at: endedAt } };
    }
    default: {
      const isPaid = happening.status === 'success';
      const type = isPaid ? 'payment_intent.succeeded' : 'payment_intent.payment_failed';
      const status = isPaid ? 'succeeded' : 'requires_payment_method';
      const object = { ...common, id: payment.transaction, object: 'payment_intent', amount, status };
      return { type, object: { ...object, amount_received: isPaid ? amount : 0, latest_charge: charge } };
    }
  }
}

const ZERO_DECIMAL = [
  'BIF',
  'CLP',
  'DJF',
  'GNF',
  'JPY',
  'KMF',
  'KRW',
  'MGA',
  'PYG',
  'RWF',
  'UGX',
  'VND',
  'VUV',
  'XAF',
  'XOF',
  'XPF',
];

export function toMinor(amount: string, currency: string): number {
  const digits = ZERO_DECIMAL.includes(currency.toUpperCase()) ? 0 : 2;
  return Math.round(Number(amount) * 10 ** digits);
}

const seconds = (iso: string) => Math.floor(Date.parse(iso) / 1000);

const withoutUndefined = (object: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
