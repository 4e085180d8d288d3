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

/** As many webhooks as `service` takes. The database begins with nothing to write back, whoever was measured before. */
export async function measureFullLoad(
  bench: Bench,
  service: Service,
  options: { databaseUrl: string; warmUpSeconds: number; seconds: number },
): Promise<FullLoad> {
  const { databaseUrl, ...times } = options;
  await bench.load.prepare((times.warmUpSeconds + times.seconds) * WEBHOOKS_PER_SECOND_MAX);
  await query(databaseUrl, 'checkpoint');
  const cpu = startCpuCount(bench, service);
  const report = await bench.load.storm({ port: service.port, connections: CONNECTIONS, ...times });
  return { rate: report.rate, cpuMicros: cpu.perItem(report.sent) };
}
