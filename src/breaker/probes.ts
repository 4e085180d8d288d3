import { randomUUID } from 'node:crypto';
import type { Db } from '../platform/database.ts';
import type { Logger } from '../platform/log.ts';
import type { Metrics } from '../platform/metrics.ts';
import { acquireLease, type Lease, reportLease } from './breaker-store.ts';
import type { CallEnd } from './calls.ts';
import type { KnownBreakers } from './known-breakers.ts';
import { decidePermit } from './permit.ts';

export type ProbeDeps = {
  db: Db;
  replica: string;
  known: KnownBreakers;
  metrics: Metrics;
  log: Logger;
  pause: (dependency: string, pauseMs: number) => void;
  /** What is known is out of date now. */
  readAgain: () => void;
};

/** The calls that find out whether a dependency is back. Only here does asking for leave go to the database. */
export function createProbes({ db, replica, known, metrics, log, pause, readAgain }: ProbeDeps) {
  /** What is known decides whether to ask at all; then the row decides, because our own first lease makes what is known out of date. */
  async function acquire(dependency: string, wanted: number): Promise<Lease[]> {
    if (decidePermit(known.find(dependency), performance.now()).may !== 'probe') return [];
    const leases: Lease[] = [];
    while (leases.length < wanted) {
      const lease = await acquireLease(db, { name: dependency, replica, lease: randomUUID() });
      if (!lease) break;
      leases.push(lease);
    }
    readAgain();
    return leases;
  }

  async function report(probe: Lease, result: CallEnd): Promise<void> {
    metrics.breakerProbes.inc({ dependency: probe.name, outcome: result.outcome });
    try {
      await reportLease(db, probe, result.outcome);
    } catch (err) {
      log.warn({ err, dependency: probe.name }, 'a probe could not be reported; its lease runs out');
    }
    if (result.retryAfterMs) pause(probe.name, result.retryAfterMs);
    readAgain();
  }

  return { acquire, report };
}
