import type { Transaction } from 'kysely';
import type { Schema } from '../platform/schema.ts';
import type { FactSource } from './fact-source.ts';
import {
  type KnownPayment,
  type PaymentDraft,
  type SubscriptionDraft,
  upsertPayments,
  upsertSubscriptions,
} from './fact-store.ts';

type Trx = Transaction<Schema>;

/** Whose a payment or a subscription is, by what this batch and all before it said. */
export type Links = {
  userOf: (event: FactSource) => string | null;
  /** This transaction made the payment: there is no fact of it yet. */
  isNew: (event: FactSource) => boolean;
  /** Users of what was heard of before: facts of it may have waited for them. */
  known: () => { provider: string; transactionId: string | null; subscriptionId: string | null; userId: string }[];
};

export async function linkUsers(trx: Trx, events: FactSource[]): Promise<Links> {
  const payments = index(await upsertPayments(trx, draftPayments(events)), (one) => one.transactionId);
  const subscriptions = index(
    await upsertSubscriptions(trx, draftSubscriptions(events, payments)),
    (one) => one.subscriptionId,
  );
  const ofEvent = new Map(events.map((event) => [event, findLinks(event)]));
  const linksOf = (event: FactSource) => ofEvent.get(event)!;
  function findLinks(event: FactSource) {
    const payment = event.transactionId === null ? null : payments.get(keyOf(event.provider, event.transactionId));
    const subscriptionId = event.subscriptionId ?? payment?.subscriptionId ?? null;
    const subscription = subscriptionId === null ? null : subscriptions.get(keyOf(event.provider, subscriptionId));
    return {
      userId: payment?.userId ?? subscription?.userId ?? event.userId,
      isNew: payment?.existed === false,
      heardOfBefore: Boolean(payment?.existed || subscription?.existed),
    };
  }
  const userOf = (event: FactSource): string | null => linksOf(event).userId;
  const isNew = (event: FactSource): boolean => linksOf(event).isNew;
  const known = () =>
    events
      .filter((event) => linksOf(event).heardOfBefore)
      .flatMap((event) => {
        const userId = userOf(event);
        const { provider, transactionId, subscriptionId } = event;
        return userId === null ? [] : [{ provider, transactionId, subscriptionId, userId }];
      });
  return { userOf, isNew, known };
}

/** It names another user than the payment or subscription has already. */
export function mismatchesUser(event: FactSource, links: Links): boolean {
  return event.userId !== null && links.userOf(event) !== event.userId;
}

function index<T extends { provider: string }>(rows: T[], idOf: (row: T) => string): Map<string, T> {
  return new Map(rows.map((row) => [keyOf(row.provider, idOf(row)), row]));
}

function keyOf(provider: string, id: string): string {
  return `${provider} ${id}`;
}

/** One draft per payment: what the first of its events says, completed by the others. */
function draftPayments(events: FactSource[]): PaymentDraft[] {
  const drafts = new Map<string, PaymentDraft>();
  for (const event of events) {
    if (event.transactionId === null) continue;
    const key = keyOf(event.provider, event.transactionId);
    drafts.set(key, complete(drafts.get(key), event, event.transactionId));
  }
  return [...drafts.values()];
}

function complete(draft: PaymentDraft | undefined, event: FactSource, transactionId: string): PaymentDraft {
  const pays = event.facts.some((fact) => fact.type === 'paid');
  return {
    provider: event.provider,
    transactionId,
    userId: draft?.userId ?? event.userId,
    subscriptionId: draft?.subscriptionId ?? event.subscriptionId,
    amountMinor: draft?.amountMinor ?? (pays ? event.amountMinor : null),
    currency: draft?.currency ?? event.currency,
    payerCountry: draft?.payerCountry ?? event.payerCountry,
    receivedAt: draft && draft.receivedAt < event.receivedAt ? draft.receivedAt : event.receivedAt,
  };
}

function draftSubscriptions(events: FactSource[], payments: Map<string, KnownPayment>): SubscriptionDraft[] {
  const drafts = new Map<string, SubscriptionDraft>();
  for (const event of events) {
    const payment = event.transactionId === null ? undefined : payments.get(keyOf(event.provider, event.transactionId));
    const subscriptionId = event.subscriptionId ?? payment?.subscriptionId ?? null;
    if (subscriptionId === null) continue;
    const key = keyOf(event.provider, subscriptionId);
    const userId = drafts.get(key)?.userId ?? event.userId ?? payment?.userId ?? null;
    drafts.set(key, { provider: event.provider, subscriptionId, userId, receivedAt: event.receivedAt });
  }
  return [...drafts.values()];
}
