import type { Gate } from '../../src/delivery/call-slot.ts';
import type { WorkerDeps } from '../../src/delivery/worker.ts';
import { createClock } from '../../src/platform/clock.ts';
import type { Db } from '../../src/platform/database.ts';
import { createLog } from '../../src/platform/log.ts';
import { createMetrics } from '../../src/platform/metrics.ts';
import type { Wake } from '../../src/platform/wake.ts';

/** A wake that nobody hears: these tests say themselves when to run. */
export const deafWake = Object.assign(() => {}, { on: () => () => {}, close: async () => {} }) as Wake;

/** A breaker that permits everything; what a real one does to delivery is in breaker.test.ts. */
export const openGate: Gate = {
  permit: () => ({ may: 'call', epoch: 1 }),
  canStart: () => Number.POSITIVE_INFINITY,
  canRetry: () => Number.POSITIVE_INFINITY,
  begin: () => ({ end: () => {} }),
  acquireProbes: async () => [],
  reportProbe: async () => {},
  onChange: () => () => {},
};

export function workerDeps(db: Db, overrides: Partial<WorkerDeps> = {}): WorkerDeps {
  return {
    db,
    clock: createClock(),
    random: () => 0.5,
    plans: {},
    schedule: { baseMs: 1000, capMs: 60_000, maxTries: 5 },
    userWaitMs: 600_000,
    activation: null,
    leaseMs: 30_000,
    wake: deafWake,
    log: createLog({ level: 'silent' }),
    metrics: createMetrics(),
    readAgain: async () => ({ outcome: 'malformed', message: 'still unreadable' }),
    ...overrides,
  };
}
