import { listBreakers } from '../../src/breaker/breaker-query.ts';
import type { Db } from '../../src/platform/database.ts';

/** What the breaker's window holds at this moment, of all replicas. */
export async function readSeen(db: Db, name: string, now: Date): Promise<{ ok: number; failed: number }> {
  const { ok, failed } = (await listBreakers(db, now)).find((breaker) => breaker.name === name)!;
  return { ok, failed };
}
