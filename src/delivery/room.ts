import type { Lease } from '../breaker/breaker-store.ts';
import { ACTIVATION, type Gate } from './call-slot.ts';

/** How much may be claimed now, how many of it retries, and for which probes. */
export type Room = { events: number; retries: number; probes: Lease[] };

const NO_ROOM: Room = { events: 0, retries: 0, probes: [] };
/** A probe needs an event that is due; with none there is nothing to find out. */
const NOTHING_TO_PROBE_MS = 1_000;

/** What a dependency may not be called for is not claimed at all: it waits in the ledger, untouched. */
export function createRoom(gate: Gate) {
  let nextProbesAt = 0;

  /** `free`: what this process could call beside what it has in hand. */
  async function find(free: number): Promise<Room> {
    if (free === 0) return NO_ROOM;
    if (gate.permit(ACTIVATION).may === 'probe') return findForProbes(free);
    const events = Math.min(free, gate.canStart(ACTIVATION));
    return { events, retries: Math.min(events, gate.canRetry(ACTIVATION)), probes: [] };
  }

  async function findForProbes(free: number): Promise<Room> {
    if (performance.now() < nextProbesAt) return NO_ROOM;
    const probes = await gate.acquireProbes(ACTIVATION, free);
    return { events: probes.length, retries: probes.length, probes };
  }

  return {
    find,
    foundNothingToProbe: () => {
      nextProbesAt = performance.now() + NOTHING_TO_PROBE_MS;
    },
  };
}
