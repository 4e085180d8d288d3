import { setTimeout as wait } from 'node:timers/promises';

const LOOK_EVERY_MS = 25;

/**
 * Asks until the answer is something other than undefined, null or false, and hands it back; an exception counts as "not yet" and
 * is what is told when time is up.
 */
export async function eventually<T>(
  look: () => T | Promise<T>,
  withinMs = 10_000,
  everyMs = LOOK_EVERY_MS,
): Promise<NonNullable<Exclude<T, false>>> {
  const deadline = performance.now() + withinMs;
  let failure: unknown = new Error(`did not come true within ${withinMs} ms: ${look}`);
  for (;;) {
    try {
      const found = await look();
      if (found !== undefined && found !== null && found !== false) return found as NonNullable<Exclude<T, false>>;
    } catch (error) {
      failure = error;
    }
    if (performance.now() > deadline) throw failure;
    await wait(everyMs);
  }
}

/** Keeps looking for a while, for what must not happen. */
export async function neverWithin(ms: number, look: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + ms;
  while (performance.now() < deadline) {
    if (await look()) throw new Error(`happened, and must not: ${look}`);
    await wait(LOOK_EVERY_MS);
  }
}
