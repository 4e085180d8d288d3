import { randomBytes } from 'node:crypto';
import type { LiveFeed } from '../live-feed.ts';
import { getAddressIn } from './countries.ts';
import {
  type PaymentHappening,
  type PaymentStatus,
  type ProviderPayment,
  toGenericBody,
  toMinor,
  toStripeBody,
} from './payment.ts';
import { type SignatureScheme, signWebhook } from './signature.ts';

export type ProviderSettings = {
  name: string;
  /** Where webhooks are posted. */
  webhookUrl: string;
  secret: string;
  scheme: SignatureScheme;
  /** Waits before each further try after an answer that is not 2xx; none means one try. */
  retryDelaysMs: number[];
  answerTimeoutMs: number;
};

export type ProviderState = { payments: ProviderPayment[]; events: Record<string, string> };

export type Order = {
  user?: string;
  /** Major units: "9.99". */
  amount?: string;
  currency?: string;
  status?: PaymentStatus;
  transaction?: string;
  country?: string;
  subscription?: string;
  /** ISO 8601; without it the grant is for ever. */
  periodEnd?: string;
  eventId?: string;
};

/** How a webhook travels. */
export type Sending = {
  /** How many identical deliveries, all at once. */
  copies?: number;
  /** Signed (and, in the generic format, made) this long ago. */
  lateSeconds?: number;
  signature?: 'right' | 'wrong' | 'missing';
  /** Cuts the JSON in the middle; the signature is over what is sent. */
  malformed?: boolean;
  /** Sent from an address in this country (X-Forwarded-For). */
  country?: string;
  /** Kept back until `release`, so that others overtake it. */
  hold?: boolean;
};

/** One try to deliver one webhook. */
type Delivery = {
  eventId: string;
  transaction: string;
  tryNumber: number;
  atMs: number;
  durationMs: number;
  outcome: { kind: 'answered'; status: number; body: string } | { kind: 'failed'; error: string };
};

export type Sent = { payment: ProviderPayment; eventId: string; deliveries: Delivery[] };

/** A payment provider: what is bought there, and everything that can go wrong on the way to whom it tells. */
export type ProviderControl = {
  readonly settings: ProviderSettings;
  set(settings: Partial<ProviderSettings>): void;
  /** Makes a payment and posts its webhook; resolves when the first try of every copy has ended. */
  pay(order?: Order, sending?: Sending): Promise<Sent>;
  /** All of it without an amount. */
  refund(transaction: string, options?: { amount?: string } & Sending): Promise<Sent>;
  dispute(transaction: string, outcome?: 'opened' | 'won' | 'lost', sending?: Sending): Promise<Sent>;
  /** Ends the payment's subscription, now or at a time. */
  cancel(transaction: string, options?: { cancelAt?: string } & Sending): Promise<Sent>;
  /** Posts any bytes, signed rightly unless told otherwise. */
  send(body: Buffer | string, sending?: Sending & { eventId?: string }): Promise<Delivery[]>;
  /** Sends again what was sent for this event, byte for byte. */
  resend(eventId: string, sending?: Sending): Promise<Delivery[]>;
  /** Sends what was held back, last first unless told otherwise. */
  release(order?: 'reversed' | 'in order'): Promise<Delivery[]>;
  payments(): ProviderPayment[];
  findPayment(transaction: string): ProviderPayment | undefined;
  findEvent(eventId: string): string | undefined;
  readonly deliveries: Delivery[];
  /** Resolves when no try and no retry is under way. */
  settled(): Promise<void>;
};

type Webhook = { eventId: string; transaction: string; body: Buffer };
type Held = { webhook: Webhook; sending: Sending };

const DELIVERIES_MAX = 10_000;

export function createProvider(options: {
  settings: ProviderSettings;
  state: ProviderState;
  feed: LiveFeed;
  now: () => number;
  changed: () => void;
}): ProviderControl & { stop(): void } {
  const { settings, state, feed, now } = options;
  const deliveries: Delivery[] = [];
  const underway = new Set<Promise<unknown>>();
  const stopping = new AbortController();
  let held: Held[] = [];

  const track = <T>(work: Promise<T>): Promise<T> => {
    underway.add(work);
    void work.finally(() => underway.delete(work));
    return work;
  };

  const tell = async (payment: ProviderPayment, what: Partial<PaymentHappening>, sending: Sending): Promise<Sent> => {
    const createdAt = new Date(now() - (sending.lateSeconds ?? 0) * 1000).toISOString();
    const happening = { eventId: `evt_${randomBytes(8).toString('hex')}`, status: payment.status, createdAt, ...what };
    const body = Buffer.from(JSON.stringify(toBody(settings.scheme, payment, happening)));
    state.events[happening.eventId] = body.toString('utf8');
    options.changed();
    const webhook = { eventId: happening.eventId, transaction: payment.transaction, body };
    return { payment, eventId: happening.eventId, deliveries: await post(webhook, sending) };
  };

  const post = async (webhook: Webhook, sending: Sending): Promise<Delivery[]> => {
    feed.publish({ kind: 'provider' });
    if (sending.hold) {
      held.push({ webhook, sending: { ...sending, hold: false } });
      return [];
    }
    const copies = Array.from({ length: sending.copies ?? 1 }, () => deliver(webhook, sending));
    return Promise.all(copies);
  };

  const deliver = async (webhook: Webhook, sending: Sending): Promise<Delivery> => {
    const first = await track(tryOnce(webhook, sending, 1));
    if (!isAccepted(first)) void track(retry(webhook, sending));
    return first;
  };

  const retry = async (webhook: Webhook, sending: Sending) => {
    for (const [index, delayMs] of settings.retryDelaysMs.entries()) {
      await sleep(delayMs, stopping.signal);
      if (stopping.signal.aborted) return;
      if (isAccepted(await tryOnce(webhook, sending, index + 2))) return;
    }
  };

  const tryOnce = async (webhook: Webhook, sending: Sending, tryNumber: number): Promise<Delivery> => {
    const startedAtMs = now();
    const outcome = await postOnce(settings, webhook, sending, startedAtMs, stopping.signal);
    const { eventId, transaction } = webhook;
    const durationMs = now() - startedAtMs;
    const delivery: Delivery = { eventId, transaction, tryNumber, atMs: startedAtMs, durationMs, outcome };
    deliveries.push(delivery);
    if (deliveries.length > DELIVERIES_MAX) deliveries.splice(0, DELIVERIES_MAX / 2);
    feed.publish({ kind: 'provider' });
    return delivery;
  };

  const findPayment = (transaction: string) => state.payments.find((payment) => payment.transaction === transaction);

  const getPayment = (transaction: string) => {
    const payment = findPayment(transaction);
    if (!payment) throw new Error(`the provider knows no payment ${transaction}`);
    return payment;
  };

  return {
    settings,
    set: (changed) => void Object.assign(settings, changed),
    pay: (order = {}, sending = {}) => {
      const payment = takeOrder(state, order, new Date(now() - (sending.lateSeconds ?? 0) * 1000).toISOString());
      const country = sending.country ?? order.country;
      return tell(payment, order.eventId ? { eventId: order.eventId } : {}, {
        ...sending,
        ...(country ? { country } : {}),
      });
    },
    refund: (transaction, { amount, ...sending } = {}) => {
      const payment = getPayment(transaction);
      const total =
        toMinor(payment.refundedAmount, payment.currency) + toMinor(amount ?? payment.amount, payment.currency);
      const isPartial = total < toMinor(payment.amount, payment.currency);
      payment.refundedAmount = String(Number(payment.refundedAmount) + Number(amount ?? payment.amount));
      if (!isPartial) payment.status = 'refunded';
      const refund = { refundId: newId('re'), refundedAmount: amount ?? payment.amount, partial: isPartial };
      return tell(payment, { status: 'refunded', ...refund }, sending);
    },
    dispute: (transaction, outcome = 'opened', sending = {}) => {
      const payment = getPayment(transaction);
      payment.status = ({ opened: 'disputed', won: 'dispute_won', lost: 'dispute_lost' } as const)[outcome];
      return tell(payment, { status: payment.status, disputeId: `dp_${transaction}` }, sending);
    },
    cancel: (transaction, { cancelAt, ...sending } = {}) => {
      const payment = getPayment(transaction);
      payment.subscription ??= newId('sub');
      return tell(payment, { status: 'canceled', ...(cancelAt ? { cancelAt } : {}) }, sending);
    },
    send: (body, { eventId = newId('evt'), ...sending } = {}) =>
      post({ eventId, transaction: '', body: Buffer.from(body) }, sending),
    resend: (eventId, sending = {}) => {
      const body = state.events[eventId];
      if (body === undefined) throw new Error(`the provider has sent no event ${eventId}`);
      return post({ eventId, transaction: '', body: Buffer.from(body) }, sending);
    },
    release: async (order = 'reversed') => {
      const now = order === 'reversed' ? held.reverse() : held;
      held = [];
      const sent: Delivery[] = [];
      for (const { webhook, sending } of now) sent.push(...(await post(webhook, sending)));
      return sent;
    },
    payments: () => state.payments,
    findPayment,
    findEvent: (eventId) => state.events[eventId],
    deliveries,
    settled: async () => {
      while (underway.size > 0) await Promise.all(underway);
    },
    stop: () => stopping.abort(),
  };
}

const newId = (prefix: string) => `${prefix}_${randomBytes(6).toString('hex')}`;

const isAccepted = ({ outcome }: Delivery) =>
  outcome.kind === 'answered' && outcome.status >= 200 && outcome.status < 300;

const toBody = (scheme: SignatureScheme, payment: ProviderPayment, happening: PaymentHappening) =>
  scheme === 'stripe' ? toStripeBody(payment, happening) : toGenericBody(payment, happening);

function takeOrder(state: ProviderState, order: Order, createdAt: string): ProviderPayment {
  const known = state.payments.find((payment) => payment.transaction === order.transaction);
  if (known) return Object.assign(known, order.status ? { status: order.status } : {});
  const payment: ProviderPayment = {
    transaction: order.transaction ?? newId('tx'),
    user: order.user ?? 'anna',
    amount: order.amount ?? '9.99',
    currency: order.currency ?? 'EUR',
    status: order.status ?? 'success',
    ...(order.country ? { country: order.country } : {}),
    ...(order.subscription ? { subscription: order.subscription } : {}),
    ...(order.periodEnd ? { periodEnd: order.periodEnd } : {}),
    refundedAmount: '0',
    createdAt,
  };
  state.payments.push(payment);
  return payment;
}

async function postOnce(
  settings: ProviderSettings,
  webhook: Webhook,
  sending: Sending,
  nowMs: number,
  stopping: AbortSignal,
): Promise<Delivery['outcome']> {
  const body = sending.malformed ? webhook.body.subarray(0, Math.floor(webhook.body.length / 2)) : webhook.body;
  const atSeconds = Math.floor(nowMs / 1000) - (sending.lateSeconds ?? 0);
  try {
    const response = await fetch(settings.webhookUrl, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': `${settings.name}-webhooks/1.0`,
        ...proofOf(settings, body, sending, { id: webhook.eventId, atSeconds }),
        ...(sending.country ? { 'x-forwarded-for': getAddressIn(sending.country) } : {}),
      },
      body: new Uint8Array(body),
      redirect: 'manual',
      signal: AbortSignal.any([stopping, AbortSignal.timeout(settings.answerTimeoutMs)]),
    });
    return { kind: 'answered', status: response.status, body: await response.text() };
  } catch (error) {
    return { kind: 'failed', error: describeFailure(error) };
  }
}

function proofOf(
  settings: ProviderSettings,
  body: Buffer,
  sending: Sending,
  signed: { id: string; atSeconds: number },
) {
  if (sending.signature === 'missing') return {};
  const secret =
    sending.signature === 'wrong' ? `whsec_${Buffer.from('not the secret').toString('base64')}` : settings.secret;
  return signWebhook(settings.scheme, secret, body, signed);
}

function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause as NodeJS.ErrnoException | undefined;
  return cause?.code ?? cause?.message ?? error.message;
}

function sleep(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, delayMs);
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
  });
}
