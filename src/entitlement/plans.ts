/** Which features a plan grants. Without a word about a plan, every payment grants `premium`. */
export type Plans = Record<string, string[]>;

const DEFAULT_FEATURE = 'premium';

export function featuresOf(plan: string | null, plans: Plans): string[] {
  if (plan !== null && Object.hasOwn(plans, plan)) return plans[plan]!;
  return plans.default ?? [DEFAULT_FEATURE];
}

/** Every feature some plan can grant: what a flag may be asked by. */
export function knownFeatures(plans: Plans): string[] {
  return [...new Set([DEFAULT_FEATURE, ...Object.values(plans).flat()])];
}
