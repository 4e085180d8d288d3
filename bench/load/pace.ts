import { setTimeout as wait } from 'node:timers/promises';
import { CONNECTION_LOST, type Connection, openConnection } from './connections.ts';
import type { SignedWebhooks } from './signed-webhooks.ts';

export type PaceReport = { answerMs: number[]; failures: Record<number, number> };

/**
 * So many a second, evenly. The time of an answer is measured from when its webhook was due: a server that stands still for a
 * second must not be excused from those that were to come in it.
 */
export async function pace(options: {
  port: number;
  perSecond: number;
  count: number;
  webhooks: SignedWebhooks;
}): Promise<PaceReport> {
  const free: Connection[] = [];
  const opened: Connection[] = [];
  const answerMs: number[] = [];
  const failures: Record<number, number> = {};
  const pending: Promise<void>[] = [];
  const startAt = performance.now();
  for (let index = 0; index < options.count; index++) {
    const dueAt = startAt + (index * 1000) / options.perSecond;
    await waitUntil(dueAt);
    pending.push(sendOne(index, dueAt));
  }
  await Promise.all(pending);
  for (const connection of opened) connection.close();
  return { answerMs, failures };

  async function sendOne(index: number, dueAt: number): Promise<void> {
    const connection = free.pop() ?? (await openAnother());
    const status = await new Promise<number>((resolve) => connection.send(index, resolve));
    if (status !== 200) failures[status] = (failures[status] ?? 0) + 1;
    else answerMs.push(performance.now() - dueAt);
    if (status !== CONNECTION_LOST) free.push(connection);
  }

  async function openAnother(): Promise<Connection> {
    const connection = await openConnection(options.port, options.webhooks);
    opened.push(connection);
    return connection;
  }
}

/** A timer fires up to a millisecond late, which counts against the service; waiting in a loop would take its processor. */
async function waitUntil(at: number): Promise<void> {
  const leftMs = Math.ceil(at - performance.now());
  if (leftMs > 0) await wait(leftMs);
}
