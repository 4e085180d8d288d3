import type { Bench } from './bench.ts';
import { query } from './place.ts';
import type { Service } from './service.ts';
import { cpuSecondsOf, cpuSecondsOfFamily } from './usage.ts';

/** As many connections as the requirement names. */
export const CONNECTIONS = 64;
/** More than this machine could take without storing anything. */
const WEBHOOKS_PER_SECOND_MAX = 40_000;

/** Webhooks per second, and what one of them cost each party in microseconds of processor time (null where that cannot be read). */
export type FullLoad = {
  rate: number;
  cpuMicros: { service: number | null; postgres: number | null; load: number | null };
};

/** As many webhooks as `service` takes. The database begins with nothing to write back, whoever was measured before. */
export async function measureFullLoad(
  bench: Bench,
  service: Service,
  options: { databaseUrl: string; warmUpSeconds: number; seconds: number },
): Promise<FullLoad> {
  const { databaseUrl, warmUpSeconds, seconds } = options;
  await bench.load.prepare((warmUpSeconds + seconds) * WEBHOOKS_PER_SECOND_MAX);
  await query(databaseUrl, 'checkpoint');
  const before = readCpu(bench, service);
  const { rate, answered } = await bench.load.storm({
    port: service.port,
    connections: CONNECTIONS,
    warmUpSeconds,
    seconds,
  });
  const after = readCpu(bench, service);
  const webhooks = (answered / seconds) * (warmUpSeconds + seconds);
  const perWebhook = (from: number | null, to: number | null) =>
    from === null || to === null ? null : ((to - from) / webhooks) * 1e6;
  return {
    rate,
    cpuMicros: {
      service: perWebhook(before.service, after.service),
      postgres: perWebhook(before.postgres, after.postgres),
      load: perWebhook(before.load, after.load),
    },
  };
}

function readCpu({ place, load }: Bench, service: Service) {
  return {
    service: cpuSecondsOf(service.pid),
    postgres: cpuSecondsOfFamily(place.postgres.pid),
    load: cpuSecondsOf(load.pid),
  };
}
