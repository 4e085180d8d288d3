import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll } from 'vitest';
import { createDb, createPool } from '../../src/platform/database.ts';
import { startEmbeddedPostgres } from '../../src/platform/embedded-postgres.ts';
import { findBinaries, findServerOwner } from '../../src/platform/embedded-postgres-place.ts';
import type { TestDatabase } from '../database.ts';
import { eventually } from './eventually.ts';
import { makeFolder } from './service.ts';

/** A server of the test's own, to be taken away from the service and given back at the same address. */
export type FaultyPostgres = TestDatabase & {
  /** Fast shutdown, as an operator or a failover does. */
  stop(): Promise<void>;
  restart(): Promise<void>;
  /** Every process of it stands still; connections stay open and nobody answers. */
  freeze(): void;
  thaw(): void;
};

const SETTINGS = { fsync: 'off', shared_buffers: '64MB', max_connections: '200' };

export async function startFaultyPostgres(): Promise<FaultyPostgres> {
  const dataDir = join(makeFolder(), 'pg');
  const first = await startEmbeddedPostgres({ dataDir, settings: SETTINGS });
  let pid = first.pid;
  const pool = createPool(first.url, { max: 8, name: 'test' });
  pool.on('error', () => {}); // taken away under its idle connections: that is the point
  const db = createDb(pool);

  const stop = async () => {
    process.kill(pid, 'SIGINT');
    await eventually(() => !isAlive(pid));
  };
  const restart = async () => {
    pid = await launch(dataDir, new URL(first.url).port);
    await eventually(() => answers(first.url), 20_000);
  };
  const signalAll = (signal: NodeJS.Signals) => {
    for (const one of [pid, ...childrenOf(pid)]) signalIfThere(one, signal);
  };
  afterAll(async () => {
    signalAll('SIGCONT');
    await db.destroy();
    if (isAlive(pid)) await stop();
    rmSync(dataDir, { recursive: true, force: true });
  });
  return {
    url: first.url,
    pool,
    db,
    stop,
    restart,
    freeze: () => signalAll('SIGSTOP'),
    thaw: () => signalAll('SIGCONT'),
  };
}

/** On the port it had before: the service knows no other. */
async function launch(dataDir: string, port: string): Promise<number> {
  const { postgres } = await findBinaries();
  const settings = { ...SETTINGS, port, listen_addresses: '127.0.0.1', unix_socket_directories: '' };
  const args = ['-D', dataDir, ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`])];
  const log = openSync(`${dataDir}.log`, 'a');
  const child = spawn(postgres, args, {
    ...(await findServerOwner()),
    cwd: '/',
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  child.unref();
  return child.pid!;
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.trim().split(' ').filter(Boolean).map(Number);
}

function signalIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // A backend that has just ended.
  }
}

/** A zombie is as gone as nothing. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
