import type { Transaction } from 'kysely';
import type { FactDraft } from '../ledger/payment-event.ts';
import type { FactType, Schema } from '../platform/schema.ts';
import { type ChangedEntitlement, type Entitlement, listEntitlements, writeEntitlements } from './entitlement-store.ts';
import type { FactSource } from './fact-source.ts';
import {
  type FactKey,
  findFacts,
  insertFacts,
  insertFirstFacts,
  learnUsers,
  listFactsOfUsers,
  lockUsers,
  markPaymentUsers,
  type NewFact,
} from './fact-store.ts';
import { type Fact, type FactDetail, type Feature, foldFeatures } from './fold.ts';
import { type Links, linkUsers, mismatchesUser } from './link-users.ts';
import type { Plans } from './plans.ts';

type Trx = Transaction<Schema>;

export type Applied =
  /** The user's entitlement says what the event says. */
  | { outcome: 'folded'; userId: string }
  /** It changes nobody's access. */
  | { outcome: 'nothing' }
  /** A refund, a dispute or a cancellation that came before what it is about: its facts are there when that comes. */
  | { outcome: 'kept' }
  /** Somebody paid, and who it was is not known yet. */
  | { outcome: 'user_unknown' }
  /** It contradicts what is known for certain; a person must look. */
  | { outcome: 'contradiction'; family: 'amount mismatch' | 'user mismatch' };

export type AppliedBatch = {
  results: Applied[];
  /** Transactions whose waiting events know their user now. */
  learnt: { provider: string; transactionId: string | null; userId: string }[];
};

/**
 * Keeps what the events say as facts and folds the facts of every user concerned, in the caller's transaction. Doing it twice
 * changes nothing. The users are locked first and their facts read in a new statement: folding without the lock, or within
 * the statement that took it, lost a concurrent refund.
 */
export async function applyFacts(trx: Trx, events: FactSource[], plans: Plans): Promise<AppliedBatch> {
  const links = await linkUsers(trx, events);
  const sound = events.filter((event) => !mismatchesUser(event, links));
  const { contradicted, told } = await keepFacts(trx, sound, links);
  const learnt = await learnUsers(trx, links.known());
  await markPaymentUsers(trx, learnt);

  const userIds = [
    ...new Set([...sound.flatMap((event) => links.userOf(event) ?? []), ...learnt.map((one) => one.userId)]),
  ];
  if (userIds.length > 0) await foldUsers(trx, userIds, plans, told);
  return { results: events.map((event) => resultOf(event, links, contradicted)), learnt };
}

function resultOf(event: FactSource, links: Links, contradicted: Set<FactSource>): Applied {
  if (mismatchesUser(event, links)) return { outcome: 'contradiction', family: 'user mismatch' };
  if (contradicted.has(event)) return { outcome: 'contradiction', family: 'amount mismatch' };
  if (event.facts.length === 0) return { outcome: 'nothing' };
  const userId = links.userOf(event);
  if (userId !== null) return { outcome: 'folded', userId };
  return { outcome: event.facts.some((fact) => fact.type === 'paid') ? 'user_unknown' : 'kept' };
}

type KeptFacts = {
  /** Their payment is known with another amount: that must alarm, and overwrites nothing. */
  contradicted: Set<FactSource>;
  told: ToldFacts;
};

async function keepFacts(trx: Trx, events: FactSource[], links: Links): Promise<KeptFacts> {
  const drafts = events.flatMap((event) => event.facts.map((fact) => ({ event, fact: toFact(event, fact, links) })));
  const firsts = firstOfEachKey(drafts.filter(({ event }) => links.isNew(event)));
  const inserted = new Set(firsts.values());
  await insertFirstFacts(
    trx,
    [...inserted].map(({ fact }) => fact),
  );
  const others = drafts.filter((draft) => !inserted.has(draft));
  const contradicted = await findContradicted(trx, await insertInRounds(trx, others));
  return { contradicted, told: toldBy(drafts, inserted, others) };
}

async function findContradicted(trx: Trx, repeated: EventFact[]): Promise<Set<FactSource>> {
  if (repeated.length === 0) return new Set();
  const facts = await findFacts(
    trx,
    repeated.map(({ fact }) => fact),
  );
  const known = new Map(facts.map((fact) => [factKey(fact), fact]));
  return new Set(repeated.filter(({ fact }) => contradicts(fact, known.get(factKey(fact)))).map(({ event }) => event));
}

/** Facts this transaction has just inserted as they stand here, so they need not be read: all there are of `eventIds`. */
type ToldFacts = { eventIds: number[]; facts: Map<string, Fact[]> };

const NOTHING_TOLD: ToldFacts = { eventIds: [], facts: new Map() };

/** Left out is every event of which a fact was not the first of its key, was told twice, or lacks its time or its user still. */
function toldBy(drafts: EventFact[], inserted: Set<EventFact>, others: EventFact[]): ToldFacts {
  const toldTwice = new Set(others.map(({ fact }) => factKey(fact)));
  const isKnown = (draft: EventFact) =>
    inserted.has(draft) && draft.fact.userId !== null && draft.fact.at !== null && !toldTwice.has(factKey(draft.fact));
  const unknown = new Set(drafts.filter((draft) => !isKnown(draft)).map(({ event }) => event));
  const known = drafts.filter(({ event }) => !unknown.has(event)).map(({ fact }) => fact);
  return {
    eventIds: [...new Set(known.map((fact) => fact.eventId))],
    facts: Map.groupBy(known as (NewFact & { userId: string; at: Date })[], (fact) => fact.userId),
  };
}

type EventFact = { event: FactSource; fact: NewFact };

/** One statement can touch a key once, so further tellings of it wait for the next round. Answers those that were not the first. */
async function insertInRounds(trx: Trx, drafts: EventFact[]): Promise<EventFact[]> {
  if (drafts.length === 0) return [];
  const firsts = firstOfEachKey(drafts);
  const round = [...firsts.values()];
  const isNew = new Set(
    (
      await insertFacts(
        trx,
        round.map(({ fact }) => fact),
      )
    ).map(factKey),
  );
  const known = round.filter(({ fact }) => !isNew.has(factKey(fact)));
  const rest = drafts.filter((draft) => firsts.get(factKey(draft.fact)) !== draft);
  return [...known, ...(await insertInRounds(trx, rest))];
}

function firstOfEachKey(drafts: EventFact[]): Map<string, EventFact> {
  return new Map([...drafts].reverse().map((draft) => [factKey(draft.fact), draft]));
}

function contradicts(
  fact: NewFact,
  known: { amountMinor: number | null; currency: string | null } | undefined,
): boolean {
  if (fact.type !== 'paid' || !known || fact.amountMinor === null || known.amountMinor === null) return false;
  const otherCurrency = fact.currency !== null && known.currency !== null && fact.currency !== known.currency;
  return otherCurrency || fact.amountMinor !== known.amountMinor;
}

function factKey(fact: FactKey): string {
  return `${fact.provider} ${fact.subject} ${fact.effect}`;
}

function toFact(event: FactSource, draft: FactDraft, links: Links): NewFact {
  return {
    provider: event.provider,
    subject: event.transactionId ?? `subscription:${event.subscriptionId}`,
    effect: draft.effect,
    type: draft.type as FactType,
    eventId: event.id,
    transactionId: event.transactionId,
    subscriptionId: event.subscriptionId,
    userId: links.userOf(event),
    amountMinor: draft.type === 'refunded' ? draft.amountMinor : event.amountMinor,
    currency: event.currency,
    plan: event.plan,
    at: event.occurredAt,
    receivedAt: event.receivedAt,
    detail: detailOf(draft),
  };
}

/** The drafts come out of a JSON column, so their times are text already. */
function detailOf(draft: FactDraft): FactDetail | null {
  switch (draft.type) {
    case 'paid':
      return periodOf(draft);
    case 'refunded':
      return draft.cumulative ? { cumulative: true } : null;
    case 'canceled':
      return { cancelAt: toText(draft.cancelAt) };
    default:
      return { disputeId: draft.disputeId };
  }
}

function periodOf(draft: FactDraft & { type: 'paid' }): FactDetail | null {
  const { periodStart, periodEnd } = draft;
  if (periodStart === null && periodEnd === null) return null;
  return {
    ...(periodStart === null ? {} : { periodStart: toText(periodStart) }),
    ...(periodEnd === null ? {} : { periodEnd: toText(periodEnd) }),
  };
}

function toText(time: Date | string | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}

/**
 * Locks the users and writes what they have by all their facts; what changes a fact calls it afterwards, in its transaction, and may say
 * which facts it knows without their being read.
 */
export async function foldUsers(
  trx: Trx,
  userIds: string[],
  plans: Plans,
  told: ToldFacts = NOTHING_TOLD,
): Promise<void> {
  await lockUsers(trx, userIds);
  const others = await listFactsOfUsers(trx, userIds, told.eventIds);
  // Everything that somebody has comes from a fact: whose first facts these are has nothing yet.
  const before = groupByUser(await listEntitlements(trx, [...others.keys()]));
  const changed = userIds.flatMap((userId) => {
    const facts = [...(others.get(userId) ?? []), ...(told.facts.get(userId) ?? [])];
    return changesOf(userId, foldFeatures(facts, plans), before.get(userId) ?? []);
  });
  await writeEntitlements(trx, changed);
}

function groupByUser(entitlements: Entitlement[]): Map<string, Entitlement[]> {
  const groups = new Map<string, Entitlement[]>();
  for (const one of entitlements) groups.set(one.userId, [...(groups.get(one.userId) ?? []), one]);
  return groups;
}

/** What the fold says now and the rows do not; a feature that nothing explains any more (its plan was told later) is taken back. */
function changesOf(userId: string, features: Feature[], before: Entitlement[]): ChangedEntitlement[] {
  const changed = features.flatMap(({ feature, since, until, revoked }) => {
    const known = before.find((one) => one.feature === feature);
    const differs = known === undefined || differsFrom(known, { since, until, revoked });
    return differs ? [{ userId, feature, since, until, revoked, isNew: known === undefined }] : [];
  });
  const unexplained = before
    .filter((one) => !one.revoked && !features.some((feature) => feature.feature === one.feature))
    .map(({ feature, since, until }) => ({ userId, feature, since, until, revoked: true, isNew: false }));
  return [...changed, ...unexplained];
}

function differsFrom(known: Entitlement, now: Pick<Feature, 'since' | 'until' | 'revoked'>): boolean {
  return (
    known.since.getTime() !== now.since.getTime() ||
    known.until?.getTime() !== now.until?.getTime() ||
    known.revoked !== now.revoked
  );
}
