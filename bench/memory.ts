import { setInterval as ticks } from 'node:timers/promises';
import type { Bench, Measured } from './bench.ts';
import { CONNECTIONS } from './full-load.ts';
import { startService } from './service.ts';
import { quarterMedians } from './statistics.ts';
import { residentMegabytesOf } from './usage.ts';

const SAMPLE_MS = 250;
/** A heap breathes: below this it has not grown. */
const GROWTH_MAX = 1.05;

/** More than the service takes; all of them are signed before the first one is sent. */
const WEBHOOKS_PER_SECOND_MAX = 30_000;

/** The memory of the process while it takes all it can for more than a minute. */
export async function measureMemory(bench: Bench): Promise<Measured> {
  const times = bench.quick ? { warmUpSeconds: 1, seconds: 3 } : { warmUpSeconds: 5, seconds: 75 };
  const databaseUrl = await bench.place.createDatabase();
  const service = await startService(databaseUrl, 'intake');
  await bench.load.prepare((times.warmUpSeconds + times.seconds) * WEBHOOKS_PER_SECOND_MAX);
  const sampling = sampleMemory(service.pid);
  const { rate } = await bench.load.storm({ port: service.port, connections: CONNECTIONS, ...times });
  const megabytes = await sampling.end();
  await service.stop();
  await bench.place.dropDatabase(databaseUrl);
  const { second, last } = quarterMedians(megabytes);
  return {
    findings: [
      {
        what: 'memory of the process at full intake, at most',
        measured: Math.max(...megabytes),
        unit: 'MB',
        required: { atMost: 350 },
      },
      {
        what: '… last quarter of the time × second quarter',
        measured: last / second,
        unit: '×',
        required: { atMost: GROWTH_MAX },
      },
    ],
    raw: { rate, sampleMs: SAMPLE_MS, megabytes },
  };
}

function sampleMemory(pid: number): { end: () => Promise<number[]> } {
  const stopped = new AbortController();
  const samples: number[] = [];
  const sampling = (async () => {
    for await (const _ of ticks(SAMPLE_MS, null, { signal: stopped.signal }))
      samples.push(residentMegabytesOf(pid) ?? Number.NaN);
  })();
  const end = async () => {
    stopped.abort();
    await sampling.catch(() => {});
    return samples;
  };
  return { end };
}
