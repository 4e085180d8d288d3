import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { createEar } from './ear.ts';
import type { Logger } from './log.ts';

export type WakeTopic = 'event' | 'card' | 'notice' | 'update';

/**
 * "There may be something to do": listeners of this process are called at once, those of other processes by NOTIFY. Always a
 * hint that can get lost; whoever listens polls too.
 */
export type Wake = {
  (topic: WakeTopic): void;
  /** Answers how to stop listening. */
  on(topic: WakeTopic, listener: () => void): () => void;
  close(): Promise<void>;
};

export type WakeOptions = {
  /** Carries the NOTIFYs; never used inside anybody's transaction. */
  pool: pg.Pool;
  /** A direct connection to the same database: behind a transaction pooler a LISTEN hears nothing. */
  listenUrl: string;
  log: Logger;
  probeTimeoutMs?: number;
  livenessIntervalMs?: number;
};

/** The listening connection goes through a transaction pooler (or to another database than the pool). */
export class PoolerError extends Error {
  override name = 'PoolerError';
}

const CHANNEL = 'breakwater';
const TOPICS: readonly WakeTopic[] = ['event', 'card', 'notice', 'update'];
/** One NOTIFY per topic in this time: at thousands of webhooks a second the others would say the same. */
const NOTIFY_INTERVAL_MS = 20;

/** Connects, and proves that a NOTIFY sent elsewhere is heard here; throws `PoolerError` otherwise. */
export async function createWake(options: WakeOptions): Promise<Wake> {
  const origin = randomUUID();
  const listeners = createListeners();
  const ear = createEar({ ...options, channel: CHANNEL, name: 'breakwater listen', hear: (payload) => hear(payload) });
  const notify = createNotifier(options, origin);
  let heardProbe = () => {};

  function hear(payload: string): void {
    const [topic, from] = payload.split(' ');
    if (topic === 'probe' && from === origin) heardProbe();
    else if (from !== origin && isTopic(topic)) listeners.call(topic);
  }

  await ear.open();
  try {
    await proveThatWeHear(options, origin, (heard) => (heardProbe = heard));
  } catch (error) {
    await ear.close();
    throw error;
  }
  ear.onReconnect(() => {
    for (const topic of TOPICS) listeners.call(topic);
  });

  const wake = (topic: WakeTopic): void => {
    listeners.call(topic);
    notify.soon(topic);
  };
  return Object.assign(wake, {
    on: listeners.add,
    close: async () => {
      notify.stop();
      await ear.close();
    },
  });
}

function isTopic(text: string | undefined): text is WakeTopic {
  return TOPICS.some((topic) => topic === text);
}

function createListeners() {
  const byTopic = new Map(TOPICS.map((topic) => [topic, new Set<() => void>()]));
  return {
    call: (topic: WakeTopic) => {
      for (const listener of byTopic.get(topic) ?? []) listener();
    },
    add: (topic: WakeTopic, listener: () => void) => {
      byTopic.get(topic)?.add(listener);
      return () => void byTopic.get(topic)?.delete(listener);
    },
  };
}

/** A hint may get lost with the server's memory: its commit waits for no disk, and nobody's flush waits behind it. */
const NOTIFY = "select set_config('synchronous_commit', 'off', true), pg_notify($1, $2)";

/** The first call notifies at once; calls within the interval share one more at its end. */
function createNotifier({ pool, log }: WakeOptions, origin: string) {
  const resting = new Map<WakeTopic, { timer: NodeJS.Timeout; again: boolean }>();

  function soon(topic: WakeTopic): void {
    const rest = resting.get(topic);
    if (rest) rest.again = true;
    else send(topic);
  }

  function send(topic: WakeTopic): void {
    const timer = setTimeout(() => {
      const { again } = resting.get(topic) ?? { again: false };
      resting.delete(topic);
      if (again) send(topic);
    }, NOTIFY_INTERVAL_MS);
    resting.set(topic, { timer, again: false });
    pool
      .query(NOTIFY, [CHANNEL, `${topic} ${origin}`])
      .catch((err) => log.debug({ err, topic }, 'could not wake the other replicas; they will find it by polling'));
  }

  function stop(): void {
    for (const { timer } of resting.values()) clearTimeout(timer);
    resting.clear();
  }

  return { soon, stop };
}

async function proveThatWeHear(
  { pool, probeTimeoutMs = 2_000 }: WakeOptions,
  origin: string,
  onHeard: (heard: () => void) => void,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const heard = new Promise<void>((resolve, reject) => {
    onHeard(resolve);
    timer = setTimeout(() => reject(new PoolerError(POOLER_TEXT)), probeTimeoutMs);
  });
  try {
    await Promise.all([heard, pool.query('select pg_notify($1, $2)', [CHANNEL, `probe ${origin}`])]);
  } finally {
    clearTimeout(timer);
  }
}

const POOLER_TEXT =
  'a NOTIFY did not arrive: DATABASE_URL leads through a transaction pooler (PgBouncer, Supavisor, Neon’s pooled host); ' +
  'use the database’s direct address, or the pooler’s session mode';
