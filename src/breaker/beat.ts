export type Beat = {
  start: () => void;
  /** Works within `ms` at the latest. */
  soon: (ms: number) => void;
  /** Resolves when the work under way is done. */
  stop: () => Promise<void>;
};

/** Runs `work`, never twice at once, after `restMs()` or sooner when asked. `work` deals with its own failures. */
export function createBeat(work: () => Promise<void>, restMs: () => number): Beat {
  let running: Promise<void> | null = null;
  let stopped = true;
  let dueAtMs = Infinity;
  let timer: NodeJS.Timeout | undefined;

  function soon(ms: number): void {
    const atMs = performance.now() + ms;
    if (stopped || atMs >= dueAtMs) return;
    dueAtMs = atMs;
    if (!running) arm();
  }

  function arm(): void {
    clearTimeout(timer);
    timer = setTimeout(() => (running = run()), Math.max(0, dueAtMs - performance.now()));
  }

  async function run(): Promise<void> {
    dueAtMs = Infinity;
    await work();
    running = null;
    if (stopped) return;
    // Asked for while it worked, and now perhaps overdue.
    if (dueAtMs < Infinity) arm();
    soon(restMs());
  }

  function start(): void {
    stopped = false;
    soon(restMs());
  }

  async function stop(): Promise<void> {
    stopped = true;
    clearTimeout(timer);
    await running;
  }

  return { start, soon, stop };
}
