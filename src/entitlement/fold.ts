import type { FactType } from '../platform/schema.ts';
import { featuresOf, type Plans } from './plans.ts';

/**
 * From facts to what a user has: pure, and the same for every order the facts arrived in. Time is not an argument, since an
 * entitlement says from when until when; whether it is in force now is `isActive`.
 */

export type Fact = {
  provider: string;
  subject: string;
  effect: string;
  type: FactType;
  transactionId: string | null;
  subscriptionId: string | null;
  amountMinor: number | null;
  plan: string | null;
  /** The fact's own time, or the earliest receipt of its transaction where it has none. */
  at: Date;
  detail: FactDetail | null;
};

/** What only some facts carry; times as ISO text, as the column keeps them. */
export type FactDetail = {
  periodStart?: string | null;
  periodEnd?: string | null;
  cumulative?: boolean;
  disputeId?: string;
  cancelAt?: string | null;
  feature?: string;
};

export type Feature = {
  feature: string;
  since: Date;
  until: Date | null;
  /** Had once, and ended by a refund or a dispute rather than by its time. */
  revoked: boolean;
  because: Fact[];
};

type Grant = { features: string[]; start: number; end: number; revoked: boolean; because: Fact[] };

export function foldFeatures(facts: Fact[], plans: Plans): Feature[] {
  const grants = [...paidGrants(facts, plans), ...handGrants(facts)];
  const names = [...new Set(grants.flatMap((grant) => grant.features))].sort();
  return names.map((name) =>
    toFeature(
      name,
      grants.filter((grant) => grant.features.includes(name)),
    ),
  );
}

/** Whether the customer has it at this moment. */
export function isActive(entitlement: { revoked: boolean; until: Date | null }, now: Date): boolean {
  return !entitlement.revoked && (entitlement.until === null || entitlement.until > now);
}

/** Grouped once: one user may have tens of thousands of payments, and is folded again for each. */
function paidGrants(facts: Fact[], plans: Plans): Grant[] {
  const bySubject = Map.groupBy(facts, subjectKey);
  const cancellations = facts.filter((fact) => fact.type === 'canceled');
  return facts
    .filter((fact) => fact.type === 'paid')
    .map((paid) => paidGrant(paid, bySubject.get(subjectKey(paid))!, cancellations, plans));
}

function subjectKey(fact: Fact): string {
  return `${fact.provider} ${fact.subject}`;
}

function paidGrant(paid: Fact, ofSubject: Fact[], cancellations: Fact[], plans: Plans): Grant {
  const own = ofSubject.filter((fact) => fact !== paid);
  const start = Math.min(paid.at.getTime(), time(paid.detail?.periodStart) ?? Number.POSITIVE_INFINITY);
  const cut = earliestCancellation(paid, cancellations);
  const end = Math.min(
    time(paid.detail?.periodEnd) ?? Number.POSITIVE_INFINITY,
    cut?.until ?? Number.POSITIVE_INFINITY,
  );
  const taken = takenBack(paid, own);
  const because = [paid, ...own, ...(cut && !own.includes(cut.fact) ? [cut.fact] : [])];
  return {
    features: featuresOf(paid.plan, plans),
    start,
    end: taken === null ? end : Math.min(end, taken),
    revoked: taken !== null,
    because,
  };
}

/** When the money was taken back, in full or in dispute; null while the payment stands. */
function takenBack(paid: Fact, own: Fact[]): number | null {
  const times = [fullyRefundedAt(paid, own), ...lostDisputes(own)].filter((at) => at !== null);
  return times.length ? Math.min(...times) : null;
}

/**
 * Refunds by id add up; a provider may instead tell the total so far (cumulative). Both speak of the same money, so the
 * larger of the two counts, and never their sum.
 */
function fullyRefundedAt(paid: Fact, own: Fact[]): number | null {
  const refunds = own.filter((fact) => fact.type === 'refunded').sort((a, b) => a.at.getTime() - b.at.getTime());
  let single = 0;
  let total = 0;
  for (const refund of refunds) {
    if (refund.amountMinor === null) return refund.at.getTime();
    if (refund.detail?.cumulative) total = Math.max(total, refund.amountMinor);
    else single += refund.amountMinor;
    if (paid.amountMinor !== null && Math.max(single, total) >= paid.amountMinor) return refund.at.getTime();
  }
  return null;
}

/** An open or lost dispute takes the money; a won one gives it back, whichever of them was told first. */
function lostDisputes(own: Fact[]): number[] {
  const ids = [...new Set(own.map((fact) => fact.detail?.disputeId).filter((id) => id !== undefined))];
  return ids.flatMap((id) => {
    const told = own.filter((fact) => fact.detail?.disputeId === id);
    const stands = lastVerdict(told) !== 'dispute_won';
    return stands ? [Math.min(...told.map((fact) => fact.at.getTime()))] : [];
  });
}

function lastVerdict(told: Fact[]): FactType | null {
  const verdicts = told.filter((fact) => fact.type !== 'disputed');
  const latest = verdicts.sort((a, b) => b.at.getTime() - a.at.getTime() || a.effect.localeCompare(b.effect))[0];
  return latest?.type ?? null;
}

/** A cancellation cuts what was paid before it takes effect, and nothing that was paid afterwards. */
function earliestCancellation(paid: Fact, cancellations: Fact[]): { until: number; fact: Fact } | null {
  const cuts = cancellations
    .filter((fact) => concerns(fact, paid))
    .map((fact) => ({ until: time(fact.detail?.cancelAt) ?? fact.at.getTime(), fact }))
    .filter((cut) => paid.at.getTime() <= cut.until);
  return cuts.sort((a, b) => a.until - b.until || a.fact.effect.localeCompare(b.fact.effect))[0] ?? null;
}

function concerns(cancellation: Fact, paid: Fact): boolean {
  if (cancellation.provider !== paid.provider) return false;
  const ofSubscription = cancellation.subscriptionId !== null && cancellation.subscriptionId === paid.subscriptionId;
  const ofTransaction = cancellation.transactionId !== null && cancellation.transactionId === paid.transactionId;
  return ofSubscription || ofTransaction;
}

function handGrants(facts: Fact[]): Grant[] {
  return facts.filter((fact) => fact.type === 'granted').map((fact) => handGrant(fact, facts));
}

/** An override's grant ends at its time, or when it is taken back: a cancellation of the same subject. */
function handGrant(granted: Fact, facts: Fact[]): Grant {
  const end = time(granted.detail?.periodEnd) ?? Number.POSITIVE_INFINITY;
  const takings = facts.filter((fact) => fact.type === 'canceled' && subjectKey(fact) === subjectKey(granted));
  return {
    features: granted.detail?.feature ? [granted.detail.feature] : [],
    start: granted.at.getTime(),
    end: Math.min(end, ...takings.map((taken) => taken.at.getTime())),
    revoked: takings.length > 0,
    because: [granted, ...takings],
  };
}

function toFeature(feature: string, grants: Grant[]): Feature {
  const standing = grants.filter((grant) => !grant.revoked);
  const revoked = standing.length === 0;
  const last = lastStretch(revoked ? grants : standing);
  return {
    feature,
    since: new Date(last.start),
    until: Number.isFinite(last.end) ? new Date(last.end) : null,
    revoked,
    because: grants.flatMap((grant) => grant.because),
  };
}

/** Neighbouring and overlapping periods are one stretch of access; the one that reaches furthest is what the user has. */
function lastStretch(grants: Grant[]): { start: number; end: number } {
  const sorted = [...grants].sort((a, b) => a.start - b.start || a.end - b.end);
  let current = { start: sorted[0]!.start, end: sorted[0]!.end };
  let best = current;
  for (const grant of sorted.slice(1)) {
    if (grant.start <= current.end) current.end = Math.max(current.end, grant.end);
    else current = { start: grant.start, end: grant.end };
    if (current.end > best.end) best = current;
  }
  return best;
}

function time(text: string | null | undefined): number | null {
  return text ? Date.parse(text) : null;
}
