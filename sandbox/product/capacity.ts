/**
 * What the product can do: `places` calls at once, each for `latencyMs`. As many as `queue` wait for a place, and what comes then
 * is refused with 503.
 */
export type Capacity = { places: number; latencyMs: number; queue: number };

export type Desk = {
  /** How long the call that comes now takes, its wait for a place among it; null when it is refused. */
  take(nowMs: number): number | null;
};

/** Every call takes equally long, so a place is free again in the order of the calls, and the ends of the last ones say everything. */
export function openDesk({ places, latencyMs, queue }: Capacity): Desk {
  let endsMs: number[] = [];

  function take(nowMs: number): number | null {
    endsMs = endsMs.filter((endMs) => endMs > nowMs);
    if (endsMs.length >= places + queue) return null;
    const freeAtMs = endsMs.length < places ? nowMs : endsMs[endsMs.length - places]!;
    const endMs = freeAtMs + latencyMs;
    endsMs.push(endMs);
    return endMs - nowMs;
  }

  return { take };
}
