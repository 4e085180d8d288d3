export type Loop = {
  start: () => void;
  /** Runs as soon as the run under way is over, or at once. */
  kick: () => void;
  /** Aborts the run under way and waits for its end. */
  stop: () => Promise<void>;
};

/**
 * Runs again and again, one run at a time, each after the delay in ms that the run before it answered; `onError` answers the
 * delay after one that threw. Null ends the loop.
 */
export function createLoop(options: {
  run: (signal: AbortSignal) => Promise<number | null>;
  onError: (error: unknown) => number;
}): Loop {
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  let wake = () => {};
  let isKicked = false;

  const pause = (delayMs: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, isKicked ? 0 : delayMs);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  const runSafely = async () => {
    isKicked = false;
    try {
      return await options.run(stopping.signal);
    } catch (error) {
      return stopping.signal.aborted ? null : options.onError(error);
    }
  };

  const runAll = async () => {
    while (!stopping.signal.aborted) {
      const delayMs = await runSafely();
      if (delayMs === null || stopping.signal.aborted) return;
      await pause(delayMs);
    }
  };

  return {
    start: () => {
      running ??= runAll();
    },
    kick: () => {
      isKicked = true;
      wake();
    },
    stop: async () => {
      stopping.abort();
      wake();
      await running;
    },
  };
}
