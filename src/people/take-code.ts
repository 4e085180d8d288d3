import type { Transaction } from '../platform/database.ts';
import type { Schema } from '../platform/schema.ts';
import { open, SealError, type SealKeys } from '../platform/seal.ts';
import { type CodeSteps, type CodeVerdict, countWrong, judgeCode, LOCK_MS } from './code-decision.ts';
import { confirmOffer, countWrongCode, type Factor, lockFactor, markVerified } from './factor-store.ts';
import { findStep } from './totp.ts';

/** A picture that nobody has scanned for so long is not scanned any more. */
const OFFER_MS = 10 * 60_000;

export type TypedCode = { personId: number; code: string; now: Date };

/** Looks at a code once, under the lock of its person: whatever it was, it can never be taken again. */
export async function takeCode(trx: Transaction<Schema>, keys: SealKeys, typed: TypedCode): Promise<CodeVerdict> {
  const { personId, now } = typed;
  const factor = await lockFactor(trx, personId);
  if (!factor || (factor.secret === null && !isOffered(factor, now))) return 'none';
  const steps = findSteps(keys, factor, typed);
  if (steps === null) return 'unreadable';
  const verdict = judgeCode(factor, steps, now);
  if (verdict === 'enrolled') await confirmOffer(trx, personId, steps.offered!, now);
  if (verdict === 'right') await markVerified(trx, personId, steps.current!, now);
  if (verdict === 'wrong' || verdict === 'locked_now')
    await countWrongCode(trx, personId, wrongOf(factor, verdict, now));
  return verdict;
}

function wrongOf(factor: Factor, verdict: CodeVerdict, now: Date) {
  const wrongCodes = countWrong(factor);
  return { wrongCodes, lockedUntil: verdict === 'locked_now' ? new Date(now.getTime() + LOCK_MS) : null };
}

function isOffered({ offeredSecret, offeredAt }: Factor, now: Date): boolean {
  return offeredSecret !== null && offeredAt !== null && now.getTime() - offeredAt.getTime() < OFFER_MS;
}

/** Null when a secret was sealed with a key that is gone. */
function findSteps(keys: SealKeys, factor: Factor, { code, now }: TypedCode): CodeSteps | null {
  const stepUnder = (sealed: Buffer | null) =>
    sealed === null ? null : findStep(open(keys, sealed).toString(), code, now);
  try {
    return {
      current: stepUnder(factor.secret),
      offered: isOffered(factor, now) ? stepUnder(factor.offeredSecret) : null,
    };
  } catch (error) {
    if (error instanceof SealError) return null;
    throw error;
  }
}
