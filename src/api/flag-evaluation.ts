import { isActive } from '../entitlement/fold.ts';
import type { EntitlementRow } from './entitlement-query.ts';

/** A feature as an OpenFeature flag: on while the user has it. Pure. */
export type FlagEvaluation = {
  key: string;
  value: boolean;
  /** `DEFAULT`: the user never had it; otherwise their entitlement decided. */
  reason: 'TARGETING_MATCH' | 'DEFAULT';
  variant: 'on' | 'off';
  /** Values are only text, numbers and booleans, as the protocol demands. */
  metadata: { revision?: number; since?: string; until?: string };
};

export function evaluateFlag(key: string, entitlement: EntitlementRow | undefined, now: Date): FlagEvaluation {
  if (!entitlement) return { key, value: false, reason: 'DEFAULT', variant: 'off', metadata: {} };
  const value = isActive(entitlement, now);
  return { key, value, reason: 'TARGETING_MATCH', variant: value ? 'on' : 'off', metadata: toMetadata(entitlement) };
}

/** Every flag there is for this user, sorted by key, so that equal answers have equal bytes. */
export function evaluateFlags(features: string[], entitlements: EntitlementRow[], now: Date): FlagEvaluation[] {
  const byFeature = new Map(entitlements.map((entitlement) => [entitlement.feature, entitlement]));
  return [...new Set(features)].sort().map((feature) => evaluateFlag(feature, byFeature.get(feature), now));
}

function toMetadata({ revision, since, until }: EntitlementRow): FlagEvaluation['metadata'] {
  return { revision, since: since.toISOString(), ...(until && { until: until.toISOString() }) };
}
