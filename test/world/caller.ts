import { afterAll } from 'vitest';
import { createBreakers } from '../../src/breaker/breakers.ts';
import { completeSettings, readSettings } from '../../src/breaker/settings.ts';
import { createDb, createPool } from '../../src/platform/database.ts';
import { createLog } from '../../src/platform/log.ts';
import { createMetrics } from '../../src/platform/metrics.ts';
import type { World } from './world.ts';

const CALL_EVERY_MS = 20;
const DEPENDENCY = 'activation';

/**
 * Another replica that calls the product all the time, as the breaker allows: payments alone are too few for a window, and which of
 * them is tried when is the worker's affair. `given` must be the settings of the service, since each process writes its own.
 */
export async function startCaller(world: World, given: object): Promise<{ stop: () => Promise<void> }> {
  const db = createDb(createPool(world.database.url, { max: 2, name: 'caller', statementTimeoutMs: 1_000 }));
  const read = readSettings(DEPENDENCY, given);
  if ('mistakes' in read) throw new Error(read.mistakes.join());
  const breakers = createBreakers({
    db,
    listenUrl: world.database.url,
    replica: 'caller',
    settingsOf: () => completeSettings(read.settings, 1_000),
    dependencies: [DEPENDENCY],
    log: createLog({ level: 'silent' }),
    metrics: createMetrics(),
  });
  await breakers.start();
  const result = () =>
    ({ outcome: world.sandbox.product.misbehaviours.length > 0 ? 'fail' : 'ok', durationMs: 1 }) as const;
  const call = async () => {
    const { may } = breakers.permit(DEPENDENCY);
    if (may === 'call') return breakers.begin(DEPENDENCY, 'first').end(result());
    if (may !== 'probe') return;
    for (const probe of await breakers.acquireProbes(DEPENDENCY, 1)) await breakers.reportProbe(probe, result());
  };
  let calling: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    calling = calling.then(call).catch(() => {});
  }, CALL_EVERY_MS);
  let stopped: Promise<void> | null = null;
  const end = async () => {
    clearInterval(timer);
    await calling;
    await breakers.stop();
    await db.destroy();
  };
  const stop = () => {
    stopped ??= end();
    return stopped;
  };
  afterAll(stop);
  return { stop };
}
