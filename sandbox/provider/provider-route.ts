import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerJson, readFields } from '../http.ts';
import type { ProductControl } from '../product/product.ts';
import type { PaymentStatus } from './payment.ts';
import type { Order, ProviderControl, ProviderSettings, Sending, Sent } from './provider.ts';

const BODY_BYTES_MAX = 1_000_000;

type Fields = Record<string, string>;

/**
 * The provider over HTTP, for a person with curl and for the page: makes payments and what happens to them, and
 * lists them. Values may come as query, form or JSON.
 */
export async function serveProvider(
  world: { provider: ProviderControl; product: ProductControl; pageUrl: string },
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
): Promise<void> {
  const [, , collection = '', id = '', act = ''] = url.pathname.split('/').map(decodeURIComponent);
  const { provider } = world;
  if (request.method === 'GET') return answerRead(provider, response, collection, id);
  if (request.method !== 'POST') return answerJson(response, 405, { error: 'method_not_allowed' });
  try {
    const fields = toTexts(await readFields(request, url, BODY_BYTES_MAX));
    if (collection === 'settings') return answerJson(response, 200, changeSettings(provider, fields));
    if (collection === 'release') return answerJson(response, 200, { deliveries: await provider.release() });
    if (collection === 'events') return answerJson(response, 200, await resend(provider, id, fields));
    if (collection !== 'payments') return notFound(response);
    if (id === '') return answerJson(response, 201, await pay(world, fields));
    answerJson(response, 200, toAnswer(world.pageUrl, await happen(provider, id, act, fields), []));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    answerJson(response, 400, { error: 'bad_request', message });
  }
}

const notFound = (response: ServerResponse) =>
  answerJson(response, 404, { error: 'not_found', message: 'See sandbox/README.md for what the provider offers.' });

function toTexts(fields: Record<string, unknown> | undefined): Fields {
  if (!fields) throw new Error('the body is too long');
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, String(value)]));
}

function answerRead(provider: ProviderControl, response: ServerResponse, collection: string, id: string) {
  if (collection === 'deliveries') return answerJson(response, 200, { deliveries: provider.deliveries.slice(-200) });
  if (collection === 'settings') return answerJson(response, 200, withoutSecret(provider.settings));
  if (collection === 'payments' && id === '') return answerJson(response, 200, { payments: provider.payments() });
  const found = collection === 'payments' ? provider.findPayment(id) : findEvent(provider, collection, id);
  if (!found) return notFound(response);
  answerJson(response, 200, found);
}

function findEvent(provider: ProviderControl, collection: string, id: string): unknown {
  const body = collection === 'events' ? provider.findEvent(id) : undefined;
  return body && JSON.parse(body);
}

const withoutSecret = ({ secret: _, ...settings }: ProviderSettings) => settings;

function changeSettings(provider: ProviderControl, fields: Fields): Omit<ProviderSettings, 'secret'> {
  const { webhookUrl, secret, scheme, name } = fields;
  const retryDelaysMs = fields.retryDelaysMs?.split(',').map(Number);
  const changed = { webhookUrl, secret, scheme, name, retryDelaysMs } as Partial<ProviderSettings>;
  provider.set(Object.fromEntries(Object.entries(changed).filter(([, value]) => value !== undefined)));
  return withoutSecret(provider.settings);
}

async function resend(provider: ProviderControl, eventId: string, fields: Fields) {
  return { deliveries: await provider.resend(eventId, toSending(fields)) };
}

async function pay(
  world: { provider: ProviderControl; product: ProductControl; pageUrl: string },
  fields: Fields,
): Promise<unknown> {
  const user = fields.user || fields.user_id || 'anna';
  const notes = prepareProduct(world.product, user, fields);
  const order = toOrder(fields, user);
  const copies = Math.min(10_000, Number(fields.burst ?? 1) || 1);
  const sent = await Promise.all(Array.from({ length: copies }, () => world.provider.pay(order, toSending(fields))));
  return toAnswer(world.pageUrl, sent[0]!, notes);
}

function toOrder(fields: Fields, user: string): Order {
  const amount = fields.amount ?? '9.99';
  if (!/^\d+(\.\d+)?$/.test(amount)) throw new Error(`amount must be a number like 9.99, not "${amount}"`);
  return {
    user,
    amount,
    currency: (fields.currency ?? 'EUR').toUpperCase(),
    status: (fields.status ?? 'success') as PaymentStatus,
    ...(fields.transaction ? { transaction: fields.transaction } : {}),
    ...(fields.country ? { country: fields.country.toUpperCase() } : {}),
    ...(fields.subscription ? { subscription: fields.subscription } : {}),
    ...(fields.periodEnd === 'never' ? {} : { periodEnd: fields.periodEnd || monthFromNow() }),
    ...(fields.eventId ? { eventId: fields.eventId } : {}),
  };
}

/** A payment by hand buys a month: the next one of the same user extends it, so there is something to unlock again. */
function monthFromNow(): string {
  return new Date(Date.now() + 30 * 86_400_000).toISOString();
}

function toSending(fields: Fields): Sending {
  return {
    copies: Math.min(1000, Number(fields.copies ?? 1) || 1),
    lateSeconds: Number(fields.lateSeconds ?? 0) || 0,
    signature: (fields.signature ?? 'right') as NonNullable<Sending['signature']>,
    malformed: fields.malformed === 'true',
    hold: fields.hold === 'true',
    ...(fields.country ? { country: fields.country } : {}),
  };
}

/** `fail=once|always|<status>`, or `product=refuses|down|works`: how the product treats this user next. */
function prepareProduct(product: ProductControl, user: string, fields: Fields): string[] {
  const wish = fields.fail ?? { refuses: 'once', down: '503' }[fields.product ?? ''];
  if (fields.product === 'works') product.work(user);
  if (wish === undefined) return [`The product is asked to unlock the feature for ${user}.`];
  if (wish === 'once') {
    product.misbehave({ user, kind: 'status', status: 422, times: 1 });
    return [
      `The product will refuse ${user}'s next activation with HTTP 422, which no retry by itself can cure.`,
      'So a ticket appears in the Engineering chat. On the chat page, as Ann, press Start in the bot’s chat and send /enroll, once; then press Retry on the card: the product accepts then.',
    ];
  }
  const status = wish === 'always' ? 422 : Number(wish);
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw new Error(`fail must be once, always or an HTTP status, not "${wish}"`);
  }
  product.misbehave({ user, kind: 'status', status });
  return [
    `The product answers ${user}'s activations with HTTP ${status} until you tell it to work again: ` +
      `curl -X POST <sandbox>/product/works?user=${encodeURIComponent(user)}`,
  ];
}

function happen(provider: ProviderControl, transaction: string, act: string, fields: Fields): Promise<Sent> {
  const sending = toSending(fields);
  switch (act) {
    case 'refund':
      return provider.refund(transaction, { ...sending, ...(fields.amount ? { amount: fields.amount } : {}) });
    case 'dispute':
      return provider.dispute(transaction, (fields.outcome ?? 'opened') as 'opened' | 'won' | 'lost', sending);
    case 'cancel':
      return provider.cancel(transaction, { ...sending, ...(fields.cancelAt ? { cancelAt: fields.cancelAt } : {}) });
    default:
      throw new Error(`a payment can be given refund, dispute or cancel, not "${act}"`);
  }
}

function toAnswer(pageUrl: string, sent: Sent, notes: string[]): unknown {
  const isLost = sent.deliveries.some(({ outcome }) => outcome.kind === 'failed');
  const lost = isLost
    ? ['The webhook did not arrive; the provider tries a few times more. Is the service running?']
    : [];
  return {
    payment: sent.payment,
    event: sent.eventId,
    webhook: sent.deliveries.map(({ outcome }) =>
      outcome.kind === 'answered' ? `HTTP ${outcome.status} ${outcome.body.slice(0, 200)}` : `failed: ${outcome.error}`,
    ),
    whatHappens: [...notes, ...lost],
    look: pageUrl,
  };
}
