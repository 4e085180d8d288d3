import { onTestFinished } from 'vitest';
import { type Breakers, type BreakersOptions, createBreakers } from '../../src/breaker/breakers.ts';
import { createDb, createPool } from '../../src/platform/database.ts';
import { createLog } from '../../src/platform/log.ts';
import { createMetrics } from '../../src/platform/metrics.ts';

type ReplicaOptions = Pick<BreakersOptions, 'replica' | 'settingsOf' | 'dependencies'> & Partial<BreakersOptions>;

/** The breakers of a replica as a process would run them, with connections and a memory of their own, until the test ends. */
export async function startReplicaOn(
  url: string,
  options: ReplicaOptions,
  pool = createPool(url, { max: 2, name: 'breaker test', statementTimeoutMs: 1_000 }),
): Promise<Breakers> {
  const db = createDb(pool);
  const [log, metrics] = [createLog({ level: 'silent' }), createMetrics()];
  const breakers = createBreakers({ db, listenUrl: url, log, metrics, ...options });
  await breakers.start();
  onTestFinished(async () => {
    await breakers.stop();
    await db.destroy();
  });
  return breakers;
}
