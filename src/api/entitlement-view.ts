import { foldFeatures, isActive } from '../entitlement/fold.ts';
import type { Plans } from '../entitlement/plans.ts';
import { formatEventId } from '../ledger/event-id.ts';
import type { FactType } from '../platform/schema.ts';
import { type Reader, readInOneSnapshot } from '../platform/snapshot.ts';
import { type EntitlementRow, listEntitlements, listFacts, type StoredFact } from './entitlement-query.ts';
import { canBeStored } from './storable-text.ts';

/** One fact that explains a feature. */
type Explanation = {
  provider: string;
  transactionId: string | null;
  effect: string;
  type: FactType;
  at: Date;
  /** The event that told it, as `GET /api/events/:id` knows it; null for what no event told. */
  event: string | null;
};

/** A feature the user has, or once had. */
export type EntitlementView = {
  feature: string;
  active: boolean;
  since: Date;
  /** Null: for ever. */
  until: Date | null;
  revision: number;
  because: Explanation[];
};

export type UserView = { userId: string; features: EntitlementView[] };

/** Never null: a user we have not heard of has no features. */
export function getUserView(db: Reader, userId: string, plans: Plans, now: Date): Promise<UserView> {
  if (!canBeStored(userId)) return Promise.resolve({ userId, features: [] });
  return readInOneSnapshot(db, async (reader) => {
    const rows = await listEntitlements(reader, userId);
    const facts = rows.length ? await listFacts(reader, { userId }) : [];
    return { userId, features: toEntitlementViews(rows, facts, plans, now) };
  });
}

/** The row says what is; the facts, folded once more, only say why. */
export function toEntitlementViews(
  rows: EntitlementRow[],
  facts: StoredFact[],
  plans: Plans,
  now: Date,
): EntitlementView[] {
  const explanations = explainFeatures(facts, plans);
  return rows.map((row) => ({
    feature: row.feature,
    active: isActive(row, now),
    since: row.since,
    until: row.until,
    revision: row.revision,
    because: explanations.get(row.feature) ?? [],
  }));
}

function explainFeatures(facts: StoredFact[], plans: Plans): Map<string, Explanation[]> {
  return new Map(
    foldFeatures(facts, plans).map(({ feature, because }) => {
      // One cancellation may cut many periods, and explains the feature once.
      const reasons = new Set(because);
      return [feature, facts.filter((fact) => reasons.has(fact)).map(toExplanation)];
    }),
  );
}

function toExplanation(fact: StoredFact): Explanation {
  return {
    provider: fact.provider,
    transactionId: fact.transactionId,
    effect: fact.effect,
    type: fact.type,
    at: fact.at,
    event: fact.eventId > 0 ? formatEventId(fact.provider, fact.eventId) : null,
  };
}
