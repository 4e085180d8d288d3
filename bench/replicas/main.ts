import { type Breakers, createBreakers } from '../../src/breaker/breakers.ts';
import { completeSettings, DEFAULT_BREAKER } from '../../src/breaker/settings.ts';
import { createDb, createPool } from '../../src/platform/database.ts';
import { createLog } from '../../src/platform/log.ts';
import { createMetrics } from '../../src/platform/metrics.ts';

/** A process with some replicas in it, each as the service runs it: connections, a listening connection and a memory of its own. */
export type ReplicasOrder = {
  databaseUrl: string;
  listenUrl: string;
  dependency: string;
  /** Their names. */
  replicas: string[];
};

/** A replica changed its mind about whether calls may be made. */
export type ReplicaNews = { replica: string; epoch: number; mayCall: boolean; atMs: number };

process.on('message', async (order: ReplicasOrder) => {
  for (const replica of order.replicas) tellChanges(await startReplica(replica, order), replica, order.dependency);
  process.send?.('ready');
});
process.on('disconnect', () => process.exit());

async function startReplica(replica: string, order: ReplicasOrder): Promise<Breakers> {
  const limits = { max: 2, name: 'bench-breaker', statementTimeoutMs: 1_000 };
  const breakers = createBreakers({
    db: createDb(createPool(order.databaseUrl, limits)),
    listenUrl: order.listenUrl,
    replica,
    settingsOf: () => completeSettings(DEFAULT_BREAKER, 10_000),
    dependencies: [order.dependency],
    log: createLog({ level: 'silent' }),
    metrics: createMetrics(),
  });
  await breakers.start();
  return breakers;
}

/** What counts is what a caller would be told in that moment. */
function tellChanges(breakers: Breakers, replica: string, dependency: string): void {
  breakers.onChange(({ name, epoch }) => {
    if (name !== dependency) return;
    const news: ReplicaNews = {
      replica,
      epoch,
      mayCall: breakers.permit(dependency).may === 'call',
      atMs: Date.now(),
    };
    process.send?.(news);
  });
}
