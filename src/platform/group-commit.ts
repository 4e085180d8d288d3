export type GroupCommit<Item, Result> = {
  /** Resolves with the item's own result once the flush that carried it has committed. */
  submit: (item: Item) => Promise<Result>;
  /** How many items wait for a flush; those being flushed are not among them. */
  depth: () => number;
  /** Resolves when every item submitted so far has its answer. */
  drain: () => Promise<void>;
};

export type GroupCommitOptions<Item, Result> = {
  /** Writes a batch and answers one result per item, in the same order. When it throws, the whole batch is rejected with it. */
  flush: (items: Item[]) => Promise<Result[]>;
  /** The largest batch; an item larger than `maxBytes` travels alone. */
  maxItems: number;
  maxBytes: number;
  sizeOf: (item: Item) => number;
  /** How many flushes may run at once. */
  lanes: number;
  /** One more flush begins beside others only when the latest of them has run this long; 0: at once. */
  overlapAfterMs?: number;
  /** What comes within this time of an item shares its flush; 0: only what comes in the same turn of the event loop. */
  gatherMs?: number;
  /** What may wait, over all batches; beyond it an item is refused at once. */
  maxQueuedItems?: number;
  maxQueuedBytes?: number;
  /** An item without an answer after this long is rejected, and dropped if its flush has not begun. */
  deadlineMs?: number;
};

/** The queue is at its bound: the item was not taken, and its sender should come back later. */
export class QueueFullError extends Error {
  override name = 'QueueFullError';
}

/** No commit within the deadline. An item whose flush had begun may be written all the same. */
export class CommitTimeoutError extends Error {
  override name = 'CommitTimeoutError';
}

type Entry<Item, Result> = {
  item: Item;
  bytes: number;
  deadline: number;
  settled: boolean;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
};

/**
 * Lets everything that arrives while a flush runs share the next one: under load batches grow by themselves, at rest an item
 * waits for nobody. Items of one turn of the event loop travel together.
 */
export function createGroupCommit<Item, Result>(options: GroupCommitOptions<Item, Result>): GroupCommit<Item, Result> {
  const { maxQueuedItems = 20_000, maxQueuedBytes = 64 * 1024 * 1024, deadlineMs = 2_500 } = options;
  const { gatherMs = 0, overlapAfterMs = 0 } = options;
  type Waiting = Entry<Item, Result>;
  const queue: Waiting[] = [];
  let queuedBytes = 0;
  const running = new Set<Waiting[]>();
  let latestBeganAt = 0;
  let startPlanned = false;
  let overlapPlanned = false;
  let expiryPlanned = false;
  let drained: (() => void)[] = [];

  function submit(item: Item): Promise<Result> {
    const bytes = options.sizeOf(item);
    if (queue.length >= maxQueuedItems || queuedBytes + bytes > maxQueuedBytes) {
      return Promise.reject(new QueueFullError(`${queue.length} items of ${queuedBytes} bytes wait already`));
    }
    return new Promise((resolve, reject) => {
      queue.push({ item, bytes, deadline: performance.now() + deadlineMs, settled: false, resolve, reject });
      queuedBytes += bytes;
      planStart();
      planExpiry(deadlineMs);
    });
  }

  function planStart(): void {
    if (startPlanned) return;
    startPlanned = true;
    if (gatherMs > 0) setTimeout(start, gatherMs);
    else setImmediate(start);
  }

  function start(): void {
    startPlanned = false;
    while (mayBegin()) void run(takeBatch());
  }

  function mayBegin(): boolean {
    if (queue.length === 0 || running.size === options.lanes) return false;
    const tooEarlyByMs = running.size > 0 ? latestBeganAt + overlapAfterMs - performance.now() : 0;
    if (tooEarlyByMs > 0) planOverlap(tooEarlyByMs);
    return tooEarlyByMs <= 0;
  }

  function planOverlap(afterMs: number): void {
    if (overlapPlanned) return;
    overlapPlanned = true;
    setTimeout(() => {
      overlapPlanned = false;
      start();
    }, afterMs);
  }

  function takeBatch(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const entry of queue) {
      if (count === options.maxItems || (count > 0 && bytes + entry.bytes > options.maxBytes)) break;
      bytes += entry.bytes;
      count += 1;
    }
    queuedBytes -= bytes;
    return queue.splice(0, count);
  }

  async function run(batch: Waiting[]): Promise<void> {
    running.add(batch);
    latestBeganAt = performance.now();
    try {
      const results = await options.flush(batch.map((entry) => entry.item));
      if (results.length !== batch.length) throw new Error(describeMismatch(results.length, batch.length));
      batch.forEach((entry, i) => {
        settle(entry, () => entry.resolve(results[i] as Result));
      });
    } catch (error) {
      for (const entry of batch) settle(entry, () => entry.reject(error));
    }
    running.delete(batch);
    if (queue.length > 0) planStart();
    else if (running.size === 0) announceDrained();
  }

  /** One timer for all: items expire in the order in which they came. */
  function planExpiry(afterMs: number): void {
    if (expiryPlanned) return;
    expiryPlanned = true;
    setTimeout(() => {
      expiryPlanned = false;
      expireOverdue();
    }, afterMs).unref();
  }

  function expireOverdue(): void {
    const now = performance.now();
    const firstFresh = queue.findIndex((entry) => entry.deadline > now);
    const overdue = queue.splice(0, firstFresh < 0 ? queue.length : firstFresh);
    for (const entry of overdue) queuedBytes -= entry.bytes;
    for (const entry of [...overdue, ...[...running].flat()]) {
      if (entry.deadline <= now)
        settle(entry, () => entry.reject(new CommitTimeoutError(`no commit in ${deadlineMs} ms`)));
    }
    if (queue.length === 0 && running.size === 0) announceDrained();
    const next = [...[...running].flat(), ...queue.slice(0, 1)].filter((entry) => !entry.settled);
    if (next.length > 0) planExpiry(Math.max(1, Math.min(...next.map((entry) => entry.deadline)) - now));
  }

  function announceDrained(): void {
    for (const resolve of drained) resolve();
    drained = [];
  }

  function drain(): Promise<void> {
    if (queue.length === 0 && running.size === 0) return Promise.resolve();
    return new Promise((resolve) => drained.push(resolve));
  }

  return { submit, drain, depth: () => queue.length };
}

function settle(entry: { settled: boolean }, answer: () => void): void {
  if (entry.settled) return;
  entry.settled = true;
  answer();
}

function describeMismatch(results: number, items: number): string {
  return `a flush answered ${results} results for ${items} items`;
}
