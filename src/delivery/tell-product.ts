import { type Entitlement, listEntitlements } from '../entitlement/entitlement-store.ts';
import { type ActivationTarget, activate } from './activate.ts';
import { ACTIVATION, type CallSlot } from './call-slot.ts';
import type { ClaimedEvent } from './claim-store.ts';
import { type DeliverDeps, outcomeOfVerdict } from './deliver.ts';
import type { Outcome, Told } from './finish.ts';
import { releaseLanes, takeLane } from './finish-store.ts';
import { judgeCall, judgeDependency, type Verdict } from './verdict.ts';

/** On top of the calls' time limits: what writing the result down may take. */
const LANE_MARGIN_MS = 10_000;

/** `not_now`: the breaker does not permit the call. */
export type Telling = { outcomes: Outcome[]; told: Told } | 'lane_taken' | 'not_now';

/**
 * Tells the product everything about one user that it has not accepted yet, as it is at this moment. One teller per user over all
 * replicas: a product that hangs holds up that user at most. All events of the user that wait here ride on the same calls;
 * with nothing left to tell they are done without one. For the breaker it is one call, whose gravest answer counts.
 */
export async function tellProduct(
  deps: DeliverDeps,
  target: ActivationTarget,
  userId: string,
  events: ClaimedEvent[],
  slot: CallSlot,
  observe: (seconds: number, outcome: string) => void,
): Promise<Telling> {
  if (!slot.mayCall()) return 'not_now';
  const token = await takeLane(deps.db, userId, target.timeoutMs + LANE_MARGIN_MS);
  if (token === null) return 'lane_taken';
  const unsent = (await listEntitlements(deps.db, [userId])).filter((one) => one.revision > one.sentRevision);
  // Once more: on a busy machine the breaker may have opened since.
  if (!slot.mayCall()) {
    await releaseLanes(deps.db, [{ userId, token }]);
    return 'not_now';
  }
  const startedAt = deps.clock.now();
  const beganAt = performance.now();
  const told = await (slot.isProbe ? tellInTurn : tellAtOnce)(unsent, (one) => tellOne(deps, target, one, observe));
  const { sent, verdict } = sumUp(told);
  const durationMs = Math.round(performance.now() - beganAt);
  slot.end(unsent.length > 0 ? { ...judgeDependency(verdict), durationMs } : { outcome: 'ignored', durationMs });
  const call = { startedAt, durationMs, dependency: ACTIVATION, wasProbe: slot.isProbe };
  const outcomes = events.map((event) => outcomeOfVerdict(deps, event, verdict, call));
  return { outcomes, told: { userId, token, sent } };
}

type ToldOne = { entitlement: Entitlement; verdict: Verdict };
type Tell = (entitlement: Entitlement) => Promise<ToldOne>;

async function tellAtOnce(unsent: Entitlement[], tell: Tell): Promise<ToldOne[]> {
  return Promise.all(unsent.map(tell));
}

/** A probe is there to spare a dependency that may not be back: after a failure it says no more. */
async function tellInTurn(unsent: Entitlement[], tell: Tell): Promise<ToldOne[]> {
  const told: ToldOne[] = [];
  for (const entitlement of unsent) {
    told.push(await tell(entitlement));
    if (told.at(-1)!.verdict.outcome !== 'ok') break;
  }
  return told;
}

/** The gravest answer speaks for the events. */
function sumUp(told: ToldOne[]): { sent: Told['sent']; verdict: Verdict } {
  const sent = told.filter(({ verdict }) => verdict.outcome === 'ok').map(({ entitlement }) => entitlement);
  const verdicts = told.map(({ verdict }) => verdict);
  const failed = verdicts.find((one) => one.outcome === 'permanent') ?? verdicts.find((one) => one.outcome !== 'ok');
  return { sent, verdict: failed ?? verdicts[0] ?? NOTHING_TO_TELL };
}

async function tellOne(
  deps: DeliverDeps,
  target: ActivationTarget,
  entitlement: Entitlement,
  observe: (seconds: number, outcome: string) => void,
): Promise<ToldOne> {
  const startedAt = performance.now();
  const verdict = judgeCall(await activate(target, entitlement, deps.clock.now()));
  observe((performance.now() - startedAt) / 1000, verdict.outcome);
  return { entitlement, verdict };
}

const NOTHING_TO_TELL: Verdict = {
  outcome: 'ok',
  family: null,
  httpStatus: null,
  errorCode: null,
  error: null,
  retryAfterMs: null,
};
