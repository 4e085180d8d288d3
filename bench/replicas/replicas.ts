import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ReplicaNews, ReplicasOrder } from './main.ts';

export type Replicas = {
  /** When each of them knew of this epoch, as soon as all of them do. */
  allKnow: (epoch: number) => Promise<ReplicaNews[]>;
  stop: () => Promise<void>;
};

const PROCESSES = 4;
const PER_PROCESS = 4;
export const REPLICAS = PROCESSES * PER_PROCESS;

/** Sixteen replicas of the breaker in four processes. */
export async function startReplicas(order: Omit<ReplicasOrder, 'replicas'>): Promise<Replicas> {
  const children = Array.from({ length: PROCESSES }, () => fork(fileURLToPath(new URL('./main.ts', import.meta.url))));
  const known = collectNews(children);
  for (const [index, child] of children.entries()) {
    const replicas = Array.from({ length: PER_PROCESS }, (_, i) => `replica-${index * PER_PROCESS + i}`);
    child.send({ ...order, replicas });
    await once(child, 'message');
  }
  const stop = async () => {
    for (const child of children) {
      child.disconnect();
      await once(child, 'exit');
    }
  };
  return { allKnow: known, stop };
}

function collectNews(children: ChildProcess[]): (epoch: number) => Promise<ReplicaNews[]> {
  const news: ReplicaNews[] = [];
  let look = () => {};
  for (const child of children) {
    child.on('message', (message: ReplicaNews | 'ready') => {
      if (message !== 'ready') news.push(message);
      look();
    });
  }
  return (epoch) =>
    new Promise((resolve) => {
      look = () => {
        const first = firstOfEach(news.filter((one) => one.epoch >= epoch));
        if (first.length === REPLICAS) resolve(first);
      };
      look();
    });
}

function firstOfEach(news: ReplicaNews[]): ReplicaNews[] {
  return [...Map.groupBy(news, ({ replica }) => replica).values()].map(([first]) => first!);
}
