import { afterAll, expect, onTestFinished, test } from 'vitest';
import { createPool } from '../../src/platform/database.ts';
import { createLog } from '../../src/platform/log.ts';
import { createWake, PoolerError, type Wake } from '../../src/platform/wake.ts';
import { createTestDatabase, withDatabase } from '../database.ts';
import { openProxy } from './proxy.ts';

const { url, pool } = await createTestDatabase();
const log = createLog({ level: 'silent' });

async function openWake(options: { listenUrl?: string; livenessIntervalMs?: number } = {}): Promise<Wake> {
  const wake = await createWake({ pool, listenUrl: url, log, probeTimeoutMs: 2_000, ...options });
  onTestFinished(() => wake.close());
  return wake;
}

function called(wake: Wake, topic: 'event' | 'card'): Promise<void> {
  return new Promise((resolve) => {
    const stop = wake.on(topic, () => {
      stop();
      resolve();
    });
  });
}

test('a listener of the same process is called before the call returns, one of another topic is not', async () => {
  const wake = await openWake();
  const calls: string[] = [];
  wake.on('event', () => calls.push('event'));
  wake.on('card', () => calls.push('card'));
  wake('event');
  expect(calls).toEqual(['event']);
});

test('a listener that stopped is not called', async () => {
  const wake = await openWake();
  const calls: string[] = [];
  wake.on('event', () => calls.push('stopped'))();
  wake('event');
  expect(calls).toEqual([]);
});

test('another process is woken within 100 ms of the call', async () => {
  const [here, there] = [await openWake(), await openWake()];
  const woken = called(there, 'event');
  const before = performance.now();
  here('event');
  await woken;
  expect(performance.now() - before).toBeLessThan(100);
});

test('a notification that a person sends from psql wakes too', async () => {
  const wake = await openWake();
  const woken = called(wake, 'card');
  await pool.query(`notify breakwater, 'card'`);
  await woken;
});

test('a thousand calls in one moment send two notifications, the last of them after the last call', async () => {
  const [here, there] = [await openWake(), await openWake()];
  let heard = 0;
  there.on('event', () => (heard += 1));
  for (let i = 0; i < 1_000; i++) here('event');
  const last = called(there, 'card');
  await new Promise<void>((resolve) => {
    const stop = there.on('event', () => {
      if (heard < 2) return;
      stop();
      resolve();
    });
  });
  here('card');
  await last;
  expect(heard).toBe(2);
});

test('a process hears its own call once, not again from the database', async () => {
  const [here, there] = [await openWake(), await openWake()];
  let heard = 0;
  here.on('event', () => (heard += 1));
  here('event');
  const echoed = called(here, 'card');
  there('card');
  await echoed;
  expect(heard).toBe(1);
});

test('a listening connection that broke is replaced, and every listener is called for what it may have missed', async () => {
  const wake = await openWake();
  const woken = Promise.all([called(wake, 'event'), called(wake, 'card')]);
  await pool.query(`select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = 'breakwater listen' and datname = current_database()`);
  await woken;
  const again = called(wake, 'event');
  await pool.query(`notify breakwater, 'event'`);
  await again;
});

test('a listening connection that died in silence is found out and replaced', async () => {
  const proxy = await openProxy(url);
  const wake = await openWake({ listenUrl: proxy.url, livenessIntervalMs: 50 });
  const woken = called(wake, 'event');
  proxy.freeze();
  await woken;
});

test('where notifications do not arrive, the start fails with a line that says what to do', async () => {
  const other = createPool(withDatabase(url, 'postgres'), { max: 1, name: 'test' });
  afterAll(() => other.end());
  const failing = createWake({ pool: other, listenUrl: url, log, probeTimeoutMs: 200 });
  await expect(failing).rejects.toThrow(PoolerError);
  await expect(failing).rejects.toThrow(/transaction pooler.*direct address/);
});
