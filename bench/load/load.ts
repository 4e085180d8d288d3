import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { LoadOrder } from './main.ts';
import type { PaceReport } from './pace.ts';
import type { StormReport } from './storm.ts';

/** The load generator, in a process of its own: in ours, reading its answers would wait for whatever else is measured. */
export type Load = {
  pid: number;
  /** Signs `count` webhooks that no call before has sent. */
  prepare: (count: number) => Promise<void>;
  storm: (options: {
    port: number;
    connections: number;
    warmUpSeconds: number;
    seconds: number;
  }) => Promise<StormReport>;
  pace: (options: { port: number; perSecond: number; count: number }) => Promise<PaceReport>;
  stop: () => Promise<void>;
};

const BODY_BYTES = 500;

/** `path` is where the webhooks go; the port is told with each order. */
export function startLoad(path: string): Load {
  const child = fork(fileURLToPath(new URL('./main.ts', import.meta.url)), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit').then((): [{ failed: string }] => [{ failed: 'it ended' }]);
  let series = 0;

  async function order<Report>(what: LoadOrder): Promise<Report> {
    child.send(what);
    const [answer] = (await Promise.race([once(child, 'message'), ended])) as [{ done: Report } | { failed: string }];
    if ('failed' in answer) throw new Error(`the load generator: ${answer.failed}`);
    return answer.done;
  }

  return {
    pid: child.pid!,
    prepare: async (count) =>
      void (await order({ do: 'prepare', series: series++, count, bodyBytes: BODY_BYTES, path })),
    storm: async (options) => refuseFailures(await order<StormReport>({ do: 'storm', ...options })),
    pace: async (options) => refuseFailures(await order<PaceReport>({ do: 'pace', ...options })),
    stop: async () => {
      child.disconnect();
      await ended;
    },
  };
}

/** A rate of which a part are errors says nothing. */
function refuseFailures<Report extends { failures: Record<number, number> }>(report: Report): Report {
  const failed = Object.entries(report.failures).map(([status, count]) => `${count} × ${status}`);
  if (failed.length > 0) throw new Error(`webhooks were not answered with 200: ${failed.join(', ')}`);
  return report;
}
