import { type Entitlement, listEntitlements } from '../entitlement/entitlement-store.ts';
import { type ActivationTarget, activate } from './activate.ts';
import type { ClaimedEvent } from './claim-store.ts';
import { type DeliverDeps, outcomeOfVerdict } from './deliver.ts';
import type { Outcome, Told } from './finish.ts';
import { takeLane } from './finish-store.ts';
import { judgeCall, type Verdict } from './verdict.ts';

const ACTIVATION = 'activation';

/** On top of the calls' time limits: what writing the result down may take. */
const LANE_MARGIN_MS = 10_000;

export type Telling = { outcomes: Outcome[]; told: Told } | 'lane_taken';

/**
 * Tells the product everything about one user that it has not accepted yet, as it is at this moment. One teller per user over all
 * replicas: a product that hangs holds up that user at most. All events of the user that wait here ride on the same calls;
 * with nothing left to tell they are done without one.
 */
export async function tellProduct(
  deps: DeliverDeps,
  target: ActivationTarget,
  userId: string,
  events: ClaimedEvent[],
  observe: (seconds: number, outcome: string) => void,
): Promise<Telling> {
  const token = await takeLane(deps.db, userId, target.timeoutMs + LANE_MARGIN_MS);
  if (token === null) return 'lane_taken';
  const unsent = (await listEntitlements(deps.db, [userId])).filter((one) => one.revision > one.sentRevision);
  const startedAt = deps.clock.now();
  const { sent, verdict } = await tellAll(deps, target, unsent, observe);
  const durationMs = Math.round(deps.clock.now().getTime() - startedAt.getTime());
  const call = { startedAt, durationMs, dependency: ACTIVATION };
  const outcomes = events.map((event) => outcomeOfVerdict(deps, event, verdict, call));
  return { outcomes, told: { userId, token, sent } };
}

/** At once for all features; the gravest answer speaks for the events. */
async function tellAll(
  deps: DeliverDeps,
  target: ActivationTarget,
  unsent: Entitlement[],
  observe: (seconds: number, outcome: string) => void,
): Promise<{ sent: Told['sent']; verdict: Verdict }> {
  const told = await Promise.all(unsent.map((entitlement) => tellOne(deps, target, entitlement, observe)));
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
) {
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
