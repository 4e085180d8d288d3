import type { Bench } from './bench.ts';
import { type CpuMicros, startCpuCount } from './cpu.ts';
import { query } from './place.ts';
import type { Service } from './service.ts';

/** As many connections as the requirement names. */
export const CONNECTIONS = 64;
/** More than this machine could take without storing anything. */
const WEBHOOKS_PER_SECOND_MAX = 40_000;

/** Webhooks per second, and what one of them cost. */
export type FullLoad = { rate: number; cpuMicros: CpuMicros };

export type Times = { warmUpSeconds: number; seconds: number };

/** As many webhooks as `service` takes. The database begins with nothing to write back, whoever was measured before. */
export async function measureFullLoad(
  bench: Bench,
  service: Service,
  options: Times & { databaseUrl: string },
): Promise<FullLoad> {
  await query(options.databaseUrl, 'checkpoint');
  return measureAsItIs(bench, service, options);
}

/** The same for a database that somebody else has made ready. */
export async function measureAsItIs(
  bench: Bench,
  service: Service,
  { warmUpSeconds, seconds }: Times,
): Promise<FullLoad> {
  await bench.load.prepare((warmUpSeconds + seconds) * WEBHOOKS_PER_SECOND_MAX);
  const cpu = startCpuCount(bench, service);
  const report = await bench.load.storm({ port: service.port, connections: CONNECTIONS, warmUpSeconds, seconds });
  return { rate: report.rate, cpuMicros: cpu.perItem(report.sent) };
}
