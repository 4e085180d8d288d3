import { type RawBuilder, sql, type Transaction } from 'kysely';
import { arrayOf, rowsOf } from '../platform/rows.ts';
import type { FactType, Schema } from '../platform/schema.ts';
import type { Fact, FactDetail } from './fold.ts';

type Trx = Transaction<Schema>;

/** What an event tells about its payment, before anything is known about it. */
export type PaymentDraft = {
  provider: string;
  transactionId: string;
  userId: string | null;
  subscriptionId: string | null;
  amountMinor: number | null;
  currency: string | null;
  payerCountry: string | null;
  receivedAt: Date;
};

export type KnownPayment = {
  provider: string;
  transactionId: string;
  userId: string | null;
  subscriptionId: string | null;
  /** It was there before: facts of it may wait for their user. */
  existed: boolean;
};

/**
 * Locks the payments (sorted, so that two workers never wait for each other) and answers what is known of them now. What was not there
 * before is what the drafts say, and nothing that the server need tell us.
 */
export async function upsertPayments(trx: Trx, drafts: PaymentDraft[]): Promise<KnownPayment[]> {
  if (drafts.length === 0) return [];
  const { rows } = await sql<KnownPayment>`
    with told as (
      insert into payment (provider, transaction_id, user_id, subscription_id, amount_minor, currency, payer_country, first_received_at)
      select * from ${rowsOf(drafts, {
        provider: 'text',
        transactionId: 'text',
        userId: 'text',
        subscriptionId: 'text',
        amountMinor: 'bigint',
        currency: 'text',
        payerCountry: 'text',
        receivedAt: 'timestamptz',
      })} as d(provider, transaction_id) order by transaction_id, provider
      on conflict (provider, transaction_id) do update set
        user_id = coalesce(payment.user_id, excluded.user_id),
        subscription_id = coalesce(payment.subscription_id, excluded.subscription_id),
        amount_minor = coalesce(payment.amount_minor, excluded.amount_minor),
        currency = coalesce(payment.currency, excluded.currency),
        payer_country = coalesce(payment.payer_country, excluded.payer_country),
        first_received_at = least(payment.first_received_at, excluded.first_received_at)
      returning provider, transaction_id, user_id, subscription_id, (xmax <> 0) as existed
    )
    select provider, transaction_id as "transactionId", user_id as "userId", subscription_id as "subscriptionId", existed
    from told where existed`.execute(trx);
  const existing = new Map(rows.map((row) => [`${row.provider} ${row.transactionId}`, row]));
  return drafts.map((draft) => {
    const { provider, transactionId, userId, subscriptionId } = draft;
    const isNew = { provider, transactionId, userId, subscriptionId, existed: false };
    return (rows.length > 0 && existing.get(`${provider} ${transactionId}`)) || isNew;
  });
}

export type SubscriptionDraft = { provider: string; subscriptionId: string; userId: string | null; receivedAt: Date };
export type KnownSubscription = Omit<SubscriptionDraft, 'receivedAt'> & { existed: boolean };

export async function upsertSubscriptions(trx: Trx, drafts: SubscriptionDraft[]): Promise<KnownSubscription[]> {
  if (drafts.length === 0) return [];
  const { rows } = await sql<KnownSubscription>`
    insert into subscription (provider, subscription_id, user_id, first_received_at)
    select * from ${rowsOf(drafts, {
      provider: 'text',
      subscriptionId: 'text',
      userId: 'text',
      receivedAt: 'timestamptz',
    })} as d(provider, subscription_id) order by subscription_id, provider
    on conflict (provider, subscription_id) do update set
      user_id = coalesce(subscription.user_id, excluded.user_id),
      first_received_at = least(subscription.first_received_at, excluded.first_received_at)
    returning provider, subscription_id as "subscriptionId", user_id as "userId", (xmax <> 0) as existed`.execute(trx);
  return rows;
}

export type NewFact = {
  provider: string;
  subject: string;
  effect: string;
  type: FactType;
  eventId: number;
  transactionId: string | null;
  subscriptionId: string | null;
  userId: string | null;
  amountMinor: number | null;
  currency: string | null;
  plan: string | null;
  at: Date | null;
  receivedAt: Date;
  detail: FactDetail | null;
};

export type FactKey = { provider: string; subject: string; effect: string };

/**
 * A payment takes an effect once, for ever; but several events may tell of one capture, each a part of it (its period, its plan,
 * its subscription). What they tell is merged so that their order does not matter: the earliest time, the latest end that
 * anybody named, whatever was not known before. An event that names another amount changes nothing. Answers the keys that are new.
 */
export async function insertFacts(trx: Trx, facts: NewFact[]): Promise<FactKey[]> {
  if (facts.length === 0) return [];
  const { rows } = await sql<FactKey & { isNew: boolean }>`
    ${insertionOf(facts)}
    on conflict (provider, subject, effect) do update set
      at = least(fact.at, excluded.at),
      subscription_id = least(fact.subscription_id, excluded.subscription_id),
      plan = least(fact.plan, excluded.plan),
      amount_minor = coalesce(fact.amount_minor, excluded.amount_minor),
      currency = coalesce(fact.currency, excluded.currency),
      detail = case when fact.type = 'paid' then merge_periods(fact.detail, excluded.detail) else fact.detail end
    where (fact.amount_minor = excluded.amount_minor or fact.amount_minor is null or excluded.amount_minor is null)
      and (fact.currency = excluded.currency or fact.currency is null or excluded.currency is null)
      and (least(fact.at, excluded.at), least(fact.subscription_id, excluded.subscription_id), least(fact.plan, excluded.plan),
           coalesce(fact.amount_minor, excluded.amount_minor),
           case when fact.type = 'paid' then merge_periods(fact.detail, excluded.detail) else fact.detail end)
        is distinct from (fact.at, fact.subscription_id, fact.plan, fact.amount_minor, fact.detail)
    returning provider, subject, effect, (xmax = 0) as "isNew"`.execute(trx);
  return rows.filter((row) => row.isNew);
}

/** Facts of payments that the caller's transaction has just made and so holds: nobody can have told any of them before. */
export async function insertFirstFacts(trx: Trx, facts: NewFact[]): Promise<void> {
  if (facts.length > 0) await insertionOf(facts).execute(trx);
}

function insertionOf(facts: NewFact[]): RawBuilder<unknown> {
  return sql`
    insert into fact (provider, subject, effect, type, event_id, transaction_id, subscription_id, user_id, amount_minor, currency,
      plan, at, received_at, detail)
    select * from ${rowsOf(facts, {
      provider: 'text',
      subject: 'text',
      effect: 'text',
      type: 'text',
      eventId: 'bigint',
      transactionId: 'text',
      subscriptionId: 'text',
      userId: 'text',
      amountMinor: 'bigint',
      currency: 'text',
      plan: 'text',
      at: 'timestamptz',
      receivedAt: 'timestamptz',
      detail: 'jsonb',
    })} as f(provider, subject, effect) order by subject, provider, effect`;
}

export type KnownFact = FactKey & { eventId: number; amountMinor: number | null; currency: string | null };

export async function findFacts(trx: Trx, keys: FactKey[]): Promise<KnownFact[]> {
  if (keys.length === 0) return [];
  const { rows } = await sql<KnownFact>`
    select f.provider, f.subject, f.effect, f.event_id as "eventId", f.amount_minor as "amountMinor", f.currency
    from ${rowsOf(keys, { provider: 'text', subject: 'text', effect: 'text' })} as k(provider, subject, effect)
    join fact f using (provider, subject, effect)`.execute(trx);
  return rows;
}

/**
 * Gives facts that waited for their user the user now known; answers whose facts those are. Looked up one by one on purpose: a join
 * that may use either id read all facts that nobody claims for each of them.
 */
export async function learnUsers(
  trx: Trx,
  known: { provider: string; transactionId: string | null; subscriptionId: string | null; userId: string }[],
): Promise<{ provider: string; transactionId: string | null; userId: string }[]> {
  if (known.length === 0) return [];
  const { rows } = await sql<{ provider: string; transactionId: string | null; userId: string }>`
    with known as materialized (
      select * from ${rowsOf(known, { provider: 'text', transactionId: 'text', subscriptionId: 'text', userId: 'text' })}
        as k(provider, transaction_id, subscription_id, user_id)
    ), found as (
      select known.user_id, own.* from known cross join lateral (
        select provider, subject, effect from fact
        where fact.user_id is null and fact.provider = known.provider and fact.subject = known.transaction_id offset 0
      ) own
      union
      select known.user_id, own.* from known cross join lateral (
        select provider, subject, effect from fact
        where fact.user_id is null and fact.provider = known.provider and fact.subscription_id = known.subscription_id offset 0
      ) own
    )
    update fact f set user_id = found.user_id from found
    where f.user_id is null and f.provider = found.provider and f.subject = found.subject and f.effect = found.effect
    returning f.provider, f.transaction_id as "transactionId", f.user_id as "userId"`.execute(trx);
  return rows;
}

/** The payments of facts that learnt their user through a subscription learn it too. */
export async function markPaymentUsers(
  trx: Trx,
  learnt: { provider: string; transactionId: string | null; userId: string }[],
): Promise<void> {
  if (learnt.length === 0) return;
  await sql`
    update payment p set user_id = k.user_id
    from ${rowsOf(learnt, { provider: 'text', transactionId: 'text', userId: 'text' })} as k(provider, transaction_id, user_id)
    where p.user_id is null and p.provider = k.provider and p.transaction_id = k.transaction_id`.execute(trx);
}

/**
 * Held until the transaction ends; the facts are to be read in a statement of its own after it. Locks on the users' names, taken in
 * one order: users need no row of their own for it, and a transaction pooler does not mind. What is read about them afterwards is looked up
 * user by user, which the planner of a table that nobody has analysed yet would do by bitmaps, at several times the price.
 */
export async function lockUsers(trx: Trx, userIds: string[]): Promise<void> {
  if (userIds.length === 0) return;
  await sql`
    with planned as materialized (select set_config('enable_bitmapscan', 'off', true))
    select pg_advisory_xact_lock(key) from planned, (
      select distinct hashtextextended(user_id, 0) as key from unnest(${arrayOf(userIds, 'text')}) as u(user_id) order by key
    ) keys`.execute(trx);
}

type FactRow = Omit<Fact, 'at'> & { userId: string; ownAt: Date | null; receivedAt: Date };

/**
 * All facts of these users but those of `knownEvents`; one without a time of its own takes the earliest receipt of its transaction. Looked
 * up user by user on purpose: with `= any(…)` a table nobody has analysed yet was scanned whole for every batch.
 */
export async function listFactsOfUsers(
  trx: Trx,
  userIds: string[],
  knownEvents: number[] = [],
): Promise<Map<string, Fact[]>> {
  const { rows } = await sql<FactRow>`
    select wanted.user_id as "userId", f.provider, f.subject, f.effect, f.type, f.transaction_id as "transactionId",
      f.subscription_id as "subscriptionId", f.amount_minor as "amountMinor", f.plan, f.at as "ownAt",
      coalesce(p.first_received_at, f.received_at) as "receivedAt", f.detail
    from unnest(${arrayOf(userIds, 'text')}) as wanted(user_id)
    cross join lateral (
      select * from fact where fact.user_id = wanted.user_id and fact.event_id <> all(${arrayOf(knownEvents, 'bigint')}) offset 0
    ) f
    left join lateral (
      select first_received_at from payment
      where f.at is null and payment.provider = f.provider and payment.transaction_id = f.transaction_id offset 0
    ) p on true`.execute(trx);
  const byUser = new Map<string, Fact[]>();
  for (const { userId, ownAt, receivedAt, ...fact } of rows) {
    const facts = byUser.get(userId) ?? [];
    facts.push({ ...fact, at: ownAt ?? receivedAt });
    byUser.set(userId, facts);
  }
  return byUser;
}
