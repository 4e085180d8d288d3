import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Stats } from './stats-view.ts';

/** With the sending it stays within what an update may take. */
const PICTURE_LIMIT_MS = 4_000;

/**
 * A window's numbers as a PNG of 1200 × 700, drawn in a thread that ends afterwards and gives its memory back.
 * @throws when it cannot be drawn in time; the numbers are there in words too
 */
export async function drawStats(stats: Stats): Promise<Buffer> {
  const worker = new Worker(new URL('./picture-worker.ts', import.meta.url), { workerData: stats });
  try {
    const [png] = (await once(worker, 'message', { signal: AbortSignal.timeout(PICTURE_LIMIT_MS) })) as [Uint8Array];
    return Buffer.from(png);
  } finally {
    await worker.terminate();
  }
}
