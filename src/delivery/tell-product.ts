import { type Entitlement, listEntitlements } from '../entitlement/entitlement-store.ts';
import { type ActivationTarget, activate } from './activate.ts';
import { ACTIVATION, type CallSlot } from './call-slot.ts';
import type { ClaimedEvent } from './claim-store.ts';
import { type DeliverDeps, outcomeOfVerdict } from './deliver.ts';
import type { Outcome, Told } from './finish.ts';
import { type Lane, releaseLanes, takeLanes } from './finish-store.ts';
import { judgeCall, judgeDependency, type Verdict } from './verdict.ts';

/** On top of the calls' time limits: what writing the result down may take. */
const LANE_MARGIN_MS = 10_000;

/** `not_now`: the breaker does not permit the call. */
export type Telling = { outcomes: Outcome[]; told: Told } | 'not_now';

/** A user the product is to be told about, and what it has not accepted yet. */
export type Unsent = { lane: Lane; entitlements: Entitlement[] };

/** For all users of a batch at once. Left out are those whom somebody else is telling about. */
export async function takeUnsent(
  deps: Pick<DeliverDeps, 'db'>,
  target: ActivationTarget,
  userIds: string[],
): Promise<Map<string, Unsent>> {
  const lanes = await takeLanes(deps.db, userIds, target.timeoutMs + LANE_MARGIN_MS);
  const all = await listEntitlements(
    deps.db,
    lanes.map((lane) => lane.userId),
  );
  const unsent = Map.groupBy(
    all.filter((one) => one.revision > one.sentRevision),
    (one) => one.userId,
  );
  return new Map(lanes.map((lane) => [lane.userId, { lane, entitlements: unsent.get(lane.userId) ?? [] }]));
}

/**
 * Tells the product everything about one user that it has not accepted yet, as it is at this moment. One teller per user over all
 * replicas: a product that hangs holds up that user at most. All events of the user that wait here ride on the same calls;
 * with nothing left to tell they are done without one. For the breaker it is one call, whose gravest answer counts.
 */
export async function tellProduct(
  deps: DeliverDeps,
  target: ActivationTarget,
  { lane, entitlements: unsent }: Unsent,
  events: ClaimedEvent[],
  slot: CallSlot,
  observe: (seconds: number, outcome: string) => void,
): Promise<Telling> {
  // Once more right before the call: on a busy machine the breaker may have opened since the claim.
  if (!slot.mayCall()) {
    await releaseLanes(deps.db, [lane]);
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
  return { outcomes, told: { ...lane, sent } };
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
