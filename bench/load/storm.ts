import { CONNECTION_LOST, type Connection, openConnection } from './connections.ts';
import type { SignedWebhooks } from './signed-webhooks.ts';

/** `rate` webhooks were answered with 200 per second of the measured time; `sent` and `failures` (other answers) are of the whole run. */
export type StormReport = { rate: number; sent: number; failures: Record<number, number> };

/**
 * As much as the server takes: every connection sends the next webhook as soon as the last one is answered. What is answered in
 * the first `warmUpSeconds` does not count.
 */
export async function storm(options: {
  port: number;
  connections: number;
  warmUpSeconds: number;
  seconds: number;
  webhooks: SignedWebhooks;
}): Promise<StormReport> {
  const { webhooks } = options;
  const connections = await openAll(options);
  const startAt = performance.now() + options.warmUpSeconds * 1000;
  const endAt = startAt + options.seconds * 1000;
  const failures: Record<number, number> = {};
  let next = 0;
  let answered = 0;

  const keepSending = (connection: Connection) =>
    new Promise<void>((resolve, reject) => {
      const sendNext = () => {
        if (next === webhooks.count) return reject(new Error(`${webhooks.count} prepared webhooks were not enough`));
        connection.send(next++, count);
      };
      const count = (status: number) => {
        const now = performance.now();
        if (status !== 200) failures[status] = (failures[status] ?? 0) + 1;
        else if (now >= startAt && now < endAt) answered += 1;
        if (now < endAt && status !== CONNECTION_LOST) sendNext();
        else resolve();
      };
      sendNext();
    });

  await Promise.all(connections.map(keepSending));
  for (const connection of connections) connection.close();
  return { rate: answered / options.seconds, sent: next, failures };
}

function openAll(options: { port: number; connections: number; webhooks: SignedWebhooks }): Promise<Connection[]> {
  return Promise.all(Array.from({ length: options.connections }, () => openConnection(options.port, options.webhooks)));
}
