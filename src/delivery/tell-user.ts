import type { Clock } from '../platform/clock.ts';
import type { Db } from '../platform/database.ts';
import { type ActivationTarget, activate } from './activate.ts';
import { ACTIVATION, type CallSlot, type Gate } from './call-slot.ts';
import { finishEvents, type Told } from './finish.ts';
import { takeUnsent } from './tell-product.ts';
import { judgeCall, judgeDependency, type Verdict } from './verdict.ts';

export type TellUserDeps = { db: Db; clock: Clock; target: ActivationTarget; gate: Gate };

/** `not_now`: the breaker permits no call, or somebody else is telling about this user. */
export type UserTelling = { outcome: 'told' } | { outcome: 'not_now' } | { outcome: 'failed'; verdict: Verdict };

/**
 * Tells the product everything about one user that it has not accepted yet, where no event brings it there: what was given by hand. For
 * the breaker it is a call like any other.
 */
export async function tellUser(deps: TellUserDeps, userId: string): Promise<UserTelling> {
  const slot = await openSlot(deps.gate);
  if (!slot) return { outcome: 'not_now' };
  const beganAt = performance.now();
  const end = (call: Parameters<typeof judgeDependency>[0] | null) => {
    const durationMs = Math.round(performance.now() - beganAt);
    slot.end(call ? { ...judgeDependency(call), durationMs } : { outcome: 'ignored', durationMs });
  };
  try {
    return await tellWith(deps, userId, end);
  } catch (error) {
    end(null);
    throw error;
  }
}

async function tellWith(deps: TellUserDeps, userId: string, end: (call: Verdict | null) => void): Promise<UserTelling> {
  const unsent = (await takeUnsent(deps, deps.target, [userId])).get(userId);
  if (!unsent) {
    end(null);
    return { outcome: 'not_now' };
  }
  const sent: Told['sent'] = [];
  let failed: Verdict | null = null;
  let last: Verdict | null = null;
  for (const entitlement of unsent.entitlements) {
    last = judgeCall(await activate(deps.target, entitlement, deps.clock.now()));
    if (last.outcome === 'ok') sent.push(entitlement);
    else failed = last;
    if (failed) break;
  }
  end(last);
  await deps.db.transaction().execute((trx) => finishEvents(trx, [], [{ ...unsent.lane, sent }]));
  return failed ? { outcome: 'failed', verdict: failed } : { outcome: 'told' };
}

/** A call among the others, or the probe that an opened breaker waits for. */
async function openSlot(gate: Gate): Promise<Pick<CallSlot, 'end'> | null> {
  const { may } = gate.permit(ACTIVATION);
  if (may === 'call') return gate.begin(ACTIVATION, 'first');
  const [lease] = may === 'probe' ? await gate.acquireProbes(ACTIVATION, 1) : [];
  return lease ? { end: (result) => void gate.reportProbe(lease, result) } : null;
}
