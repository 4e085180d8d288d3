import type { BreakerState } from '../platform/schema.ts';
import type { BreakerReading } from './breaker-query.ts';
import { isHoldingBack, type KnownBreaker } from './permit.ts';

/** `from` is null at the first reading, and may be several epochs before `to`. */
export type BreakerChange = {
  name: string;
  from: { state: BreakerState; epoch: number } | null;
  to: BreakerState;
  epoch: number;
  /** How long ago, as far as known. */
  enteredMs: number;
};

export type KnownBreakers = ReturnType<typeof createKnownBreakers>;

/** This replica's memory of the breakers. */
export function createKnownBreakers(onChange: (change: BreakerChange) => void) {
  const byName = new Map<string, KnownBreaker & { heardAtMs: number }>();

  /** A reading is the truth, also with a lower epoch: after a fail-over the last transitions may never have been. */
  function takeReadings(readings: BreakerReading[], sentAtMs: number, nowMs: number): void {
    for (const reading of readings) takeReading(reading, sentAtMs, nowMs);
  }

  function takeReading(reading: BreakerReading, sentAtMs: number, nowMs: number): void {
    const known = byName.get(reading.name);
    const isOvertaken = known !== undefined && known.epoch > reading.epoch && known.heardAtMs >= sentAtMs;
    if (isOvertaken) return;
    byName.set(reading.name, {
      name: reading.name,
      state: reading.state,
      epoch: reading.epoch,
      dueAtMs: nowMs + reading.dueMs,
      heldOffUntilMs: nowMs + reading.heldOffMs,
      forcedUntilMs: reading.forcedMs === null ? null : nowMs + reading.forcedMs,
      probeRoom: reading.probeRoom,
      countsInRow: reading.countsInRow,
      readAtMs: sentAtMs,
      heardAtMs: known?.heardAtMs ?? -Infinity,
    });
    if (known?.epoch !== reading.epoch || known.state !== reading.state) {
      const { name, epoch, enteredMs } = reading;
      onChange({ name, from: known ?? null, to: reading.state, epoch, enteredMs });
    }
  }

  /** A message is a hint: what holds calls back counts at once; to let them go on, a reading is waited for. */
  function hear(payload: string, nowMs: number): void {
    const message = readMessage(payload);
    const known = message && byName.get(message.name);
    if (!known || message.epoch <= known.epoch || !isHoldingBack(message.state)) return;
    const { name, epoch, state } = message;
    const unread = { dueAtMs: Infinity, forcedUntilMs: null, probeRoom: 0 };
    byName.set(name, { ...known, ...unread, state, epoch, heardAtMs: nowMs });
    onChange({ name, from: known, to: state, epoch, enteredMs: 0 });
  }

  /** Learned here first: the others read it from the row. */
  function holdOff(name: string, untilMs: number): void {
    const known = byName.get(name);
    if (!known || known.state === 'forced_open') return;
    byName.set(name, { ...known, heldOffUntilMs: Math.max(known.heldOffUntilMs, untilMs) });
  }

  return {
    takeReadings,
    hear,
    holdOff,
    find: (name: string): KnownBreaker | undefined => byName.get(name),
    names: (): string[] => [...byName.keys()],
  };
}

/** Of the trigger that records transitions; null for what somebody else put on the channel. */
function readMessage(payload: string): { name: string; epoch: number; state: BreakerState } | null {
  try {
    return JSON.parse(payload);
  } catch {
    return null;
  }
}
