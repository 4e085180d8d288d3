export type Loop = {
  start: () => void;
  stop: () => Promise<void>;
  wake: () => void;
  /** Wakes it without gathering: there is enough to do already. */
  hurry: () => void;
};

/** After a failure the world may need a moment. */
const PAUSE_AFTER_ERROR_MS = 500;

/**
 * Runs `work` again and again, never twice at once: immediately while it finds something to do, when woken, and every `pollMs`
 * anyway. What it throws is reported and followed by a pause; a loop never ends by itself.
 */
export function createLoop(options: {
  /** Answers how much it found to do. */
  work: () => Promise<number>;
  pollMs: number;
  /** After a wake-up at rest: what comes within this time shares the run. Who hurries does not wait for it. */
  gatherMs?: number;
  onError: (error: unknown) => void;
}): Loop {
  let running = false;
  let ended: Promise<void> = Promise.resolve();
  let endRest: () => void = () => {};
  let woken = false;
  let hurried = false;
  let gathering = false;

  async function run(): Promise<void> {
    while (running) {
      woken = false;
      hurried = false;
      const restMs = await workOnce();
      if (!running || woken || restMs === 0) continue;
      await rest(restMs);
      if (running && woken && !hurried && options.gatherMs) await gather(options.gatherMs);
    }
  }

  async function workOnce(): Promise<number> {
    try {
      return (await options.work()) > 0 ? 0 : options.pollMs;
    } catch (error) {
      options.onError(error);
      return PAUSE_AFTER_ERROR_MS;
    }
  }

  async function gather(ms: number): Promise<void> {
    gathering = true;
    await rest(ms);
    gathering = false;
  }

  function rest(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      endRest = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  function wake(): void {
    woken = true;
    if (!gathering) endRest();
  }

  function hurry(): void {
    hurried = true;
    woken = true;
    endRest();
  }

  function start(): void {
    running = true;
    ended = run();
  }

  async function stop(): Promise<void> {
    running = false;
    endRest();
    await ended;
  }

  return { start, stop, wake, hurry };
}

/** Runs `work` every `ms`, skipping a turn while the last one still runs. Answers how to end it. */
export function every(ms: number, work: () => Promise<unknown>, onError: (error: unknown) => void): () => void {
  let busy = false;
  const timer = setInterval(async () => {
    if (busy) return;
    busy = true;
    await work().catch(onError);
    busy = false;
  }, ms);
  return () => clearInterval(timer);
}
