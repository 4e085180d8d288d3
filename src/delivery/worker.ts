import type { Lease } from '../breaker/breaker-store.ts';
import { createLoop, every } from '../platform/loop.ts';
import { type BatchDeps, createBatchRunner } from './batch.ts';
import { closeSlots, openSlots } from './call-slot.ts';
import { type ClaimedEvent, claimEvents, claimSuspect, handBack, reclaimExpired, renewClaims } from './claim-store.ts';
import { createRoom, type Room } from './room.ts';

export type WorkerDeps = BatchDeps & { leaseMs: number };

export type Worker = {
  /** Claims what there is room for and begins to deliver it; answers how many events that were. */
  runOnce: () => Promise<number>;
  /** Resolves when nothing claimed here is under way. */
  idle: () => Promise<void>;
  start: () => void;
  /** Claims nothing more and waits for what is under way. */
  stop: () => Promise<void>;
};

/** Without a product to tell, a claim and its finish are one statement each for this many events. */
const BATCH = 1_200;
/** While one batch is folded here and one waits for the disk, the server still has one to work on. Their users' locks share a table: see decision 010. */
const BATCHES_AT_ONCE = 3;
/** Retries fall due without anybody waking us, and a wake-up may get lost. */
const POLL_MS = 100;
/** At a few hundred webhooks a second this halves the transactions, and nobody notices it in the time until a payment is applied. */
const GATHER_MS = 40;
const FROM_BEGINNING_MS = 500;
/** Suspects are rare; while there are some they follow each other at once. */
const SUSPECTS_EVERY_MS = 500;

export function createWorker(deps: WorkerDeps): Worker {
  const runner = createBatchRunner(deps);
  const callRoom = deps.activation && createRoom(deps.activation.gate);
  const held = new Map<number, ClaimedEvent>();
  const running = new Set<Promise<void>>();
  let toHandBack: ClaimedEvent[] = [];
  let suspect: Promise<void> | null = null;
  let nextSuspectAt = 0;
  let thereMayBeMore = false;
  let lastClaimedId = 0;
  let fromBeginningAt = 0;

  async function runOnce(): Promise<number> {
    await returnWhatFailed();
    const room = await findRoom();
    if (room.events === 0) return 0;
    if (room.probes.length > 0) return claimForProbes(room.probes);
    const suspects = await claimOneSuspect([]);
    const events = await claimEvents(deps.db, {
      ...claimOptions(),
      limit: room.events,
      againLimit: room.retries,
      afterId: startOfClaim(),
    });
    if (events.length > 0) begin(events, []);
    thereMayBeMore = suspects > 0 || events.length === room.events;
    lastClaimedId = events.length === room.events ? Math.max(...events.map((event) => event.id)) : 0;
    return suspects + events.length;
  }

  async function findRoom(): Promise<Room> {
    const free = freeSlots();
    return callRoom ? callRoom.find(free) : { events: free, retries: free, probes: [] };
  }

  /**
   * No more events than there are leases. Those that have not failed yet go first: an event that fails every probe would otherwise keep
   * the breaker open for all the others.
   */
  async function claimForProbes(probes: Lease[]): Promise<number> {
    try {
      const events = await claimToProbe(probes.length);
      const suspects = events.length === 0 ? await claimOneSuspect(probes.splice(0, 1)) : 0;
      if (events.length + suspects === 0) callRoom!.foundNothingToProbe();
      begin(events, probes.splice(0));
      return events.length + suspects;
    } finally {
      begin([], probes);
    }
  }

  async function claimToProbe(limit: number): Promise<ClaimedEvent[]> {
    const untried = await claimEvents(deps.db, { ...claimOptions(), limit, againLimit: 0 });
    return untried.length > 0 ? untried : claimEvents(deps.db, { ...claimOptions(), limit });
  }

  /**
   * While a backlog is worked off each claim goes on where the last one ended; twice a second it looks from the beginning again. Where
   * calls take the time claims are few, and take the newest as well.
   */
  function startOfClaim(): number {
    if (deps.activation) return 0;
    if (lastClaimedId > 0 && performance.now() < fromBeginningAt) return lastClaimedId;
    fromBeginningAt = performance.now() + FROM_BEGINNING_MS;
    return 0;
  }

  /** A claim that came back short has taken all there was; what comes now wakes us. */
  async function claimWhileThereIsMore(): Promise<number> {
    const claimed = await runOnce();
    return thereMayBeMore ? claimed : 0;
  }

  /** A worker claims no more than it can begin at once: what waits, waits in the ledger, where any replica can take it. */
  function freeSlots(): number {
    if (deps.activation) return Math.max(0, deps.activation.concurrency - held.size);
    return running.size < BATCHES_AT_ONCE ? BATCH : 0;
  }

  function claimOptions() {
    return { leaseMs: deps.leaseMs, busyUsers: runner.busyUsers(), newest: deps.activation !== null };
  }

  async function claimOneSuspect(probes: Lease[]): Promise<number> {
    const event = await findSuspect();
    if (!event) {
      begin([], probes);
      return 0;
    }
    nextSuspectAt = 0;
    suspect = begin([event], probes).finally(() => {
      suspect = null;
    });
    return 1;
  }

  async function findSuspect(): Promise<ClaimedEvent | null> {
    if (suspect || performance.now() < nextSuspectAt) return null;
    nextSuspectAt = performance.now() + SUSPECTS_EVERY_MS;
    return claimSuspect(deps.db, claimOptions());
  }

  /** Probes that no event was found for are given back. */
  function begin(events: ClaimedEvent[], probes: Lease[]): Promise<void> {
    const slots = deps.activation ? openSlots(deps.activation.gate, events, probes) : new Map();
    if (events.length === 0) return Promise.resolve();
    for (const event of events) held.set(event.id, event);
    const onDone = (done: ClaimedEvent[]) => {
      closeSlots(slots, done);
      letGo(done);
    };
    const run = runner.deliver(events, slots, onDone).then((returned) => {
      toHandBack.push(...returned);
      running.delete(run);
      onDone(events);
    });
    running.add(run);
    return run;
  }

  /**
   * One call that hangs keeps one slot; the slots of the events claimed with it are free as soon as those are done. Slots for calls come
   * free one by one, and are gathered; the place of a batch is wanted at once while a backlog is worked off.
   */
  function letGo(events: ClaimedEvent[]): void {
    for (const event of events) if (held.get(event.id) === event) held.delete(event.id);
    if (thereMayBeMore && !deps.activation) loop.hurry();
    else loop.wake();
  }

  /** What could not be finished because the database was away goes back untouched as soon as it is there again. */
  async function returnWhatFailed(): Promise<void> {
    if (toHandBack.length === 0) return;
    const events = toHandBack;
    await handBack(deps.db, events, 0);
    toHandBack = toHandBack.filter((event) => !events.includes(event));
  }

  async function renewOwn(): Promise<void> {
    const claimIds = new Set([...held.values()].map((event) => event.claimId));
    if (claimIds.size > 0) await renewClaims(deps.db, [...claimIds], deps.leaseMs);
  }

  async function reclaim(): Promise<void> {
    const reclaimed = await reclaimExpired(deps.db);
    if (reclaimed > 0) deps.log.warn({ reclaimed }, 'took over events of a worker that ended or froze');
  }

  const loop = createLoop({
    work: claimWhileThereIsMore,
    pollMs: POLL_MS,
    gatherMs: GATHER_MS,
    onError: (error) => deps.log.warn({ err: error }, 'the worker could not claim'),
  });
  const ends: (() => void)[] = [];

  function start(): void {
    const onError = (error: unknown) => deps.log.warn({ err: error }, 'leases could not be looked after');
    ends.push(deps.wake.on('event', loop.wake));
    if (deps.activation) ends.push(deps.activation.gate.onChange(loop.wake));
    ends.push(every(deps.leaseMs / 3, renewOwn, onError), every(deps.leaseMs / 4, reclaim, onError));
    loop.start();
  }

  async function idle(): Promise<void> {
    while (running.size > 0) await Promise.all([...running]);
  }

  async function stop(): Promise<void> {
    await loop.stop();
    await idle();
    for (const end of ends) end();
    await returnWhatFailed().catch((error) =>
      deps.log.warn({ err: error }, 'events stay leased until their lease ends'),
    );
  }

  return { runOnce, idle, start, stop };
}
