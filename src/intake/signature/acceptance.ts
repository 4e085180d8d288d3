import type { ProviderConfig } from '../provider-config.ts';
import type { Verdict } from './verdict.ts';

/**
 * The verifier is strict, the route is kinder: a webhook whose signature is right and that only took too long is late and not
 * lost. The dedup key is for ever, so a replay changes nothing, and a slow network must not cost a customer what was paid.
 */
export function isAcceptable(
  provider: Pick<ProviderConfig, 'toleranceSeconds' | 'lateGraceSeconds'>,
  verdict: Verdict,
): 'valid' | 'late' | 'refused' {
  if (verdict.valid) return 'valid';
  const tooOld = verdict.cause === 'timestamp_too_old' && verdict.signatureMatches;
  const ageSeconds = verdict.ageSeconds ?? Number.POSITIVE_INFINITY;
  return tooOld && ageSeconds <= provider.lateGraceSeconds ? 'late' : 'refused';
}
