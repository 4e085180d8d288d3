import type { Bench } from './bench.ts';
import type { Service } from './service.ts';
import { cpuSecondsOf, cpuSecondsOfFamily } from './usage.ts';

/** What one webhook or event cost each party, in microseconds of processor time; null where that cannot be read. */
export type CpuMicros = { service: number | null; postgres: number | null; load: number | null };

/** Counts from now on. Less moved by other work on the machine than any rate is. */
export function startCpuCount(bench: Bench, service: Service): { perItem: (items: number) => CpuMicros } {
  const before = readSeconds(bench, service);
  return {
    perItem: (items) => {
      const after = readSeconds(bench, service);
      const microsOf = (name: keyof CpuMicros) => micros(before[name], after[name], items);
      return { service: microsOf('service'), postgres: microsOf('postgres'), load: microsOf('load') };
    },
  };
}

function readSeconds({ place, load }: Bench, service: Service): Record<keyof CpuMicros, number | null> {
  return {
    service: cpuSecondsOf(service.pid),
    postgres: cpuSecondsOfFamily(place.postgres.pid),
    load: cpuSecondsOf(load.pid),
  };
}

function micros(fromSeconds: number | null, toSeconds: number | null, items: number): number | null {
  return fromSeconds === null || toSeconds === null ? null : ((toSeconds - fromSeconds) / items) * 1e6;
}
