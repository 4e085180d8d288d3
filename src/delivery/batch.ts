import { formatEventId } from '../ledger/event-id.ts';
import { createGroupCommit } from '../platform/group-commit.ts';
import type { Logger } from '../platform/log.ts';
import type { Metrics } from '../platform/metrics.ts';
import { scrubText } from '../platform/scrub.ts';
import type { Wake } from '../platform/wake.ts';
import type { ActivationTarget } from './activate.ts';
import type { CallSlot, CallSlots, Gate } from './call-slot.ts';
import { type ClaimedEvent, handBack } from './claim-store.ts';
import { type DeliverDeps, type Kept, keepFacts, outcomeOfVerdict } from './deliver.ts';
import { type FinishReport, finishEvents, type Outcome, type Told } from './finish.ts';
import { MALFORMED, readMalformed } from './read-again.ts';
import { takeUnsent, tellProduct, type Unsent } from './tell-product.ts';
import type { Verdict } from './verdict.ts';

export type BatchDeps = DeliverDeps & {
  /** Null: the entitlement row is the activation. */
  activation: (ActivationTarget & { concurrency: number; gate: Gate }) | null;
  wake: Wake;
  log: Logger;
  metrics: Metrics;
};

export type BatchRunner = {
  /**
   * Delivers claimed events to their end; answers those that must go back to the ledger because the database was away. `onDone` is
   * told as soon as an event needs nobody's attention any more, which may be long before the slowest of them.
   */
  deliver: (
    events: ClaimedEvent[],
    slots: CallSlots,
    onDone: (events: ClaimedEvent[]) => void,
  ) => Promise<ClaimedEvent[]>;
  /** Users somebody here is telling the product about. */
  busyUsers: () => string[];
};

type Finishing = { outcomes: Outcome[]; told: Told[] };

/** How long an event whose user another replica is telling about waits before it is looked at again. */
const LANE_TAKEN_MS = 250;
const FINISH_TOGETHER = 500;
const FINISHES_AT_ONCE = 2;
/** Calls that were begun together end together, within some milliseconds. */
const FINISH_GATHER_MS = 8;

export function createBatchRunner(deps: BatchDeps): BatchRunner {
  const busyUsers = new Set<string>();
  /** What the calls come to is written down together: a storm of answers is a few transactions. */
  const finisher = createGroupCommit<Finishing, Error | null>({
    flush: finishIsolated,
    maxItems: FINISH_TOGETHER,
    maxBytes: Number.POSITIVE_INFINITY,
    sizeOf: () => 0,
    lanes: FINISHES_AT_ONCE,
    gatherMs: FINISH_GATHER_MS,
    deadlineMs: 60_000,
  });

  /** One event that cannot be folded never fails its neighbours: the batch is halved until it stands alone. */
  async function deliver(
    events: ClaimedEvent[],
    slots: CallSlots,
    onDone: (events: ClaimedEvent[]) => void,
  ): Promise<ClaimedEvent[]> {
    try {
      const readable = await readMalformedOnes(events);
      const { toTell, outcomes, report } = await keepFacts(deps, readable, deps.activation !== null);
      announce(outcomes, report);
      onDone(outcomes.map((outcome) => outcome.event));
      return await tellUsers(groupByUser(toTell), slots, onDone);
    } catch (error) {
      if (isAboutTheServer(error)) return goBack(events, error);
      if (events.length === 1) return failAlone(events[0]!, error);
    }
    const half = Math.ceil(events.length / 2);
    const [left, right] = [events.slice(0, half), events.slice(half)];
    return [...(await deliver(left, slots, onDone)), ...(await deliver(right, slots, onDone))];
  }

  async function readMalformedOnes(events: ClaimedEvent[]): Promise<ClaimedEvent[]> {
    const read = events.map(async (event) =>
      event.errorFamily === MALFORMED ? ((await readMalformed(deps.db, event, deps.readAgain)) ?? event) : event,
    );
    return Promise.all(read);
  }

  async function tellUsers(
    groups: Map<string, ClaimedEvent[]>,
    slots: CallSlots,
    onDone: (events: ClaimedEvent[]) => void,
  ): Promise<ClaimedEvent[]> {
    if (groups.size === 0) return [];
    const userIds = [...groups.keys()];
    for (const userId of userIds) busyUsers.add(userId);
    try {
      const unsent = await takeUnsent(deps, deps.activation!, userIds);
      const calls = [...groups].map(async ([userId, own]) => {
        const returned = await tellUser(userId, own, slots.get(own[0]!.id)!, unsent.get(userId));
        onDone(own);
        return returned;
      });
      return (await Promise.all(calls)).flat();
    } catch (error) {
      for (const userId of userIds) busyUsers.delete(userId);
      return goBack([...groups.values()].flat(), error);
    }
  }

  /** `unsent` is undefined while another replica is telling about the user. */
  async function tellUser(
    userId: string,
    events: ClaimedEvent[],
    slot: CallSlot,
    unsent: Unsent | undefined,
  ): Promise<ClaimedEvent[]> {
    try {
      const telling = unsent
        ? await tellProduct(deps, deps.activation!, unsent, events, slot, observeCall)
        : 'lane_taken';
      if (telling === 'not_now') await handBack(deps.db, events, 0);
      else if (telling === 'lane_taken') await handBack(deps.db, events, LANE_TAKEN_MS);
      else await finish({ outcomes: telling.outcomes, told: [telling.told] });
      return [];
    } catch (error) {
      return goBack(events, error);
    } finally {
      busyUsers.delete(userId);
    }
  }

  function observeCall(seconds: number, outcome: string): void {
    deps.metrics.activationSeconds.observe({ outcome }, seconds);
  }

  /** A bug of ours, or data nobody thought of: unknown errors are transient, and bounded by the number of tries. */
  async function failAlone(event: ClaimedEvent, error: unknown): Promise<ClaimedEvent[]> {
    deps.log.error({ err: error, eventId: formatEventId(event.provider, event.id) }, 'an event could not be folded');
    const call = { startedAt: deps.clock.now(), durationMs: 0, dependency: 'ledger', wasProbe: false };
    const outcome = outcomeOfVerdict(deps, event, internalError(error), call);
    const finished = finish({ outcomes: [outcome], told: [] });
    return finished.then(
      () => [],
      (failure) => goBack([event], failure),
    );
  }

  function goBack(events: ClaimedEvent[], error: unknown): ClaimedEvent[] {
    deps.log.warn({ err: error, events: events.length }, 'events could not be finished and go back to the ledger');
    return events;
  }

  async function finish(item: Finishing): Promise<void> {
    const failure = await finisher.submit(item);
    if (failure) throw failure;
  }

  /** Together in one transaction; when the database refuses something in it, one by one. */
  async function finishIsolated(items: Finishing[]): Promise<(Error | null)[]> {
    try {
      await finishTogether(items);
      return items.map(() => null);
    } catch (error) {
      if (isAboutTheServer(error)) throw error;
      if (items.length === 1) return [error as Error];
    }
    const failures = [];
    for (const item of items) failures.push(...(await finishIsolated([item])));
    return failures;
  }

  async function finishTogether(items: Finishing[]): Promise<void> {
    const outcomes = items.flatMap((item) => item.outcomes);
    const told = items.flatMap((item) => item.told);
    announce(outcomes, await deps.db.transaction().execute((trx) => finishEvents(trx, outcomes, told)));
  }

  function announce(outcomes: Outcome[], report: FinishReport): void {
    for (const event of report.written) countWritten(deps.metrics, event);
    for (const outcome of outcomes) tellLog(deps, outcome);
    if (report.ticketsTouched.length > 0) deps.wake('card');
    if (report.written.some((event) => event.redriveId !== null)) deps.wake('notice');
  }

  return { deliver, busyUsers: () => [...busyUsers] };
}

function countWritten(metrics: Metrics, event: FinishReport['written'][number]): void {
  if (event.state !== 'applied' && event.state !== 'ignored') return;
  metrics.eventsApplied.inc({ provider: event.provider });
  metrics.receivedToAppliedSeconds.observe(event.finishedAfterSeconds ?? 0);
}

function tellLog(deps: BatchDeps, outcome: Outcome): void {
  const line = { eventId: formatEventId(outcome.event.provider, outcome.event.id), tries: outcome.event.tries };
  switch (outcome.step) {
    case 'retry':
      deps.metrics.eventsRetried.inc({ dependency: outcome.attempt?.dependency ?? 'ledger' });
      deps.log.info({ ...line, family: outcome.family, delayMs: outcome.delayMs }, 'will be tried again');
      break;
    case 'dead':
      deps.metrics.eventsDead.inc({ reason: outcome.reason });
      deps.log.warn({ ...line, family: outcome.family, reason: outcome.reason }, 'went to the dead letters');
      break;
    case 'applied':
    case 'ignored':
      deps.log.debug(line, outcome.step);
  }
}

function groupByUser(toTell: Kept[]): Map<string, ClaimedEvent[]> {
  const groups = new Map<string, ClaimedEvent[]>();
  for (const { userId, event } of toTell) groups.set(userId, [...(groups.get(userId) ?? []), event]);
  return groups;
}

/**
 * Classes 22, 23, 54 and P0 speak of the data, and 53200 of more locks at once than the server has room for: fewer events at a time
 * help. An error without an SQLSTATE is our own. The rest speaks of the server.
 */
function isAboutTheServer(error: unknown): boolean {
  const { code, message } = (error ?? {}) as { code?: string; message?: string };
  if (/timeout|terminated|connection/i.test(message ?? '')) return true;
  return code !== undefined && !/^(22|23|54|P0|53200)/.test(code);
}

function internalError(error: unknown): Verdict {
  const text = error instanceof Error ? error.message : String(error);
  return {
    outcome: 'transient',
    family: 'internal error',
    httpStatus: null,
    errorCode: 'INTERNAL',
    error: scrubText(text).replaceAll('\0', '').slice(0, 200).toWellFormed(),
    retryAfterMs: null,
  };
}
