import pg from 'pg';
import type { Logger } from './log.ts';

export type EarOptions = {
  /** A direct connection: behind a transaction pooler a LISTEN hears nothing. */
  listenUrl: string;
  channel: string;
  /** What the server shows the connection as. */
  name: string;
  log: Logger;
  hear: (payload: string) => void;
  livenessIntervalMs?: number;
};

export type Ear = {
  /** Connects and listens, or throws. */
  open(): Promise<void>;
  close(): Promise<void>;
  isListening(): boolean;
  onBreak(listener: () => void): void;
  /** Listening again: whatever was told in between was missed. */
  onReconnect(listener: () => void): void;
};

const RECONNECT_MS_MIN = 100;
const RECONNECT_MS_MAX = 5_000;
const LIVENESS_TIMEOUT_MS = 1_000;

/** One listening connection. Silent death is found by asking; a broken one is replaced, ever more slowly, until closed. */
export function createEar({ listenUrl, channel, name, log, hear, livenessIntervalMs = 2_000 }: EarOptions): Ear {
  let client: pg.Client | null = null;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  let broke = () => {};
  let reconnected = () => {};

  async function open(): Promise<void> {
    const fresh = new pg.Client({
      connectionString: listenUrl,
      application_name: name,
      connectionTimeoutMillis: 2_500,
      query_timeout: LIVENESS_TIMEOUT_MS,
      keepAlive: true,
    });
    fresh.on('notification', ({ payload }) => hear(payload ?? ''));
    fresh.on('error', () => replace(fresh));
    fresh.on('end', () => replace(fresh));
    try {
      await fresh.connect();
      await fresh.query(`listen ${channel}`);
    } catch (error) {
      discard(fresh);
      throw error;
    }
    if (closed) return discard(fresh);
    client = fresh;
    timer = setTimeout(checkLiveness, livenessIntervalMs);
  }

  function checkLiveness(): void {
    const asked = client;
    asked?.query('select 1').then(
      () => {
        if (client === asked && !closed) timer = setTimeout(checkLiveness, livenessIntervalMs);
      },
      () => replace(asked),
    );
  }

  function replace(broken: pg.Client): void {
    if (broken !== client) return;
    client = null;
    clearTimeout(timer);
    discard(broken);
    if (closed) return;
    log.warn({ channel }, 'the listening connection broke; polling finds the work meanwhile');
    broke();
    void reopen(RECONNECT_MS_MIN);
  }

  async function reopen(afterMs: number): Promise<void> {
    await new Promise((resolve) => (timer = setTimeout(resolve, afterMs)));
    if (closed) return;
    try {
      await open();
      log.info({ channel }, 'listening again');
      reconnected();
    } catch {
      void reopen(Math.min(afterMs * 2, RECONNECT_MS_MAX));
    }
  }

  async function close(): Promise<void> {
    closed = true;
    clearTimeout(timer);
    if (client) discard(client);
    client = null;
  }

  return {
    open,
    close,
    isListening: () => client !== null,
    onBreak: (listener) => (broke = listener),
    onReconnect: (listener) => (reconnected = listener),
  };
}

/** Not `end()`: it waits for an answer that a frozen server never gives. */
function discard(client: pg.Client): void {
  client.connection.stream.destroy();
}
