import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, writeFileSync } from 'node:fs';
import { readFile, rename, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import {
  type Binaries,
  findBinaries,
  findReachablePlace,
  findServerOwner,
  makeServerDir,
  type ServerOwner,
} from './embedded-postgres-place.ts';

export type EmbeddedPostgres = { url: string; pid: number; adopted: boolean; stop: () => Promise<void> };

const USER = 'breakwater';
const DATABASE = 'breakwater';

/** Everything committed survives a power cut; the sizes let a burst of webhooks pass without a checkpoint every second. */
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  shared_buffers: '1GB',
  max_wal_size: '4GB',
  max_connections: '100',
  log_checkpoints: 'off',
};

/**
 * Runs a real PostgreSQL from the package registry with its data in `dataDir`: initialises it once, adopts the server a
 * killed process left behind, and stops it cleanly. It runs in a process group of its own, so that Ctrl-C reaches us first.
 * `say` gets a line when something is not where one would look for it.
 */
export async function startEmbeddedPostgres(options: {
  dataDir: string;
  settings?: Record<string, string>;
  say?: (line: string) => void;
}): Promise<EmbeddedPostgres> {
  const owner = await findServerOwner();
  const wanted = { dataDir: options.dataDir, binaries: await findBinaries() };
  const { dataDir, binaries } = await findReachablePlace(wanted, owner, options.say ?? (() => {}));
  await initialiseOnce(dataDir, binaries, owner, options.settings?.fsync !== 'off');
  await refuseOtherVersion(dataDir, binaries);
  return await adoptOrLaunch(dataDir, () => launch(dataDir, binaries, owner, { ...SETTINGS, ...options.settings }));
}

/** Of two processes that start at once one launches, and the other, refused by PostgreSQL's lock, adopts. */
async function adoptOrLaunch(dataDir: string, launchOne: () => Promise<Server | null>): Promise<EmbeddedPostgres> {
  for (;;) {
    const left = await findRunningServer(dataDir);
    const launched = left ? null : await launchOne();
    const server = left ?? launched;
    if (!server) continue;
    await createDatabaseOnce(server.port);
    return describeServer(server, left !== null);
  }
}

type Server = { pid: number; port: number };

/** Prepared aside and moved in place when whole: a start that was killed half-way leaves nothing that looks like data. */
async function initialiseOnce(
  dataDir: string,
  binaries: Binaries,
  owner: ServerOwner,
  durable: boolean,
): Promise<void> {
  if (existsSync(join(dataDir, 'PG_VERSION'))) return;
  const draft = `${dataDir}.new-${process.pid}`;
  await makeServerDir(draft, owner);
  const args = ['--pgdata', draft, '--username', USER, '--auth', 'trust', '--encoding', 'UTF8', '--locale', 'C'];
  await run(binaries.initdb, durable ? args : [...args, '--no-sync'], owner);
  await rename(draft, dataDir).catch(async (error: NodeJS.ErrnoException) => {
    await rm(draft, { recursive: true });
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
  });
}

function run(file: string, args: string[], owner: ServerOwner): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { ...owner, cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (chunk) => (stderr += chunk));
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`${file} failed: ${stderr.trim()}`))));
  });
}

async function refuseOtherVersion(dataDir: string, binaries: Binaries): Promise<void> {
  const theirs = await readVersion(dataDir);
  const ours = /(\d+)/.exec(execFileSync(binaries.postgres, ['--version'], { encoding: 'utf8' }))?.[1];
  if (theirs === ours) return;
  throw new Error(
    `${dataDir} holds the data of PostgreSQL ${theirs}, this is ${ours}: start a PostgreSQL ${theirs} on it, save it with ` +
      `pg_dumpall --username ${USER} > dump.sql, move ${dataDir} away, start again and load dump.sql with psql`,
  );
}

async function readVersion(dataDir: string): Promise<string> {
  try {
    return (await readFile(join(dataDir, 'PG_VERSION'), 'utf8')).trim();
  } catch (cause) {
    throw new Error(`${dataDir} is no data directory that this user can read: move it away, or set DATA_DIR`, {
      cause,
    });
  }
}

const START_LIMIT_MS = 60_000;
/** A server that is starting writes its pid file at once after making it. */
const EMPTY_LIMIT_MS = 5_000;

/**
 * The server of this data directory that a process before us left, or that one beside us is starting; waits for one that is just
 * stopping. A pid file whose process is gone, or is another program by now, is removed.
 */
async function findRunningServer(dataDir: string): Promise<Server | null> {
  await waitUntilPidIsWritten(dataDir);
  const deadline = performance.now() + START_LIMIT_MS;
  while (performance.now() < deadline) {
    const server = await readPidFile(dataDir);
    if (!server) return null;
    if (!isAlive(server.pid) || !(await isPostgres(server.pid))) {
      await rm(join(dataDir, 'postmaster.pid'), { force: true });
      return null;
    }
    if (await servesData(server.port, dataDir)) return server;
    await wait(50);
  }
  throw new Error(`a PostgreSQL holds ${dataDir} and does not answer: end it, see postmaster.pid there`);
}

/** Nobody but the one who looks can tell an empty file that a crash has left from one that is about to be written. */
async function waitUntilPidIsWritten(dataDir: string): Promise<void> {
  const deadline = performance.now() + EMPTY_LIMIT_MS;
  while ((await readPidText(dataDir)) === '') {
    if (performance.now() > deadline)
      throw new Error(
        `${join(dataDir, 'postmaster.pid')} is empty, as a crash leaves it: unless another PostgreSQL is starting there, remove it and start again`,
      );
    await wait(50);
  }
}

/** null when there is no such file. */
function readPidText(dataDir: string): Promise<string | null> {
  return readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => null);
}

async function readPidFile(dataDir: string): Promise<Server | null> {
  const text = (await readPidText(dataDir)) ?? '';
  const [pid, , , port] = text.split('\n').map(Number);
  return pid ? { pid, port: port ?? 0 } : null;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The log may hold the other one's lines, so the pid file decides whether another process was quicker; it begins empty. */
async function isHeld(dataDir: string): Promise<boolean> {
  if ((await readPidText(dataDir)) === '') return true;
  const server = await readPidFile(dataDir);
  return server !== null && isAlive(server.pid) && isPostgres(server.pid);
}

/** A pid is given out again after a crash of the machine. Where this cannot be seen, PostgreSQL itself decides. */
async function isPostgres(pid: number): Promise<boolean> {
  if (process.platform !== 'linux') return true;
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return commandLine.includes('postgres');
}

/** The port may be another server's by now, one of the same name even. */
async function servesData(port: number, dataDir: string): Promise<boolean> {
  if (!port) return false;
  try {
    return await withClient(port, 'postgres', async (client) => {
      const { rows } = await client.query('show data_directory');
      return rows[0]?.data_directory === dataDir;
    });
  } catch {
    return false;
  }
}

/** null when another process was quicker. */
async function launch(
  dataDir: string,
  binaries: Binaries,
  owner: ServerOwner,
  settings: Record<string, string>,
): Promise<Server | null> {
  const deadline = performance.now() + START_LIMIT_MS;
  while (performance.now() < deadline) {
    const port = await freePort();
    const child = spawnServer(dataDir, binaries, owner, { ...settings, port: String(port) });
    if (await becomesReady(child, port, dataDir, deadline)) return { pid: child.pid!, port };
    if (await isHeld(dataDir)) return null;
    const reason = await readReason(dataDir);
    // The children of a killed server take a moment to notice; a port can be lost to another program.
    if (!/pre-existing shared memory|could not bind|could not create any TCP/.test(reason)) throw new Error(reason);
    await wait(100);
  }
  throw new Error(`the embedded PostgreSQL did not become ready within ${START_LIMIT_MS / 1000} s`);
}

function spawnServer(
  dataDir: string,
  binaries: Binaries,
  owner: ServerOwner,
  settings: Record<string, string>,
): ChildProcess {
  const args = ['-D', dataDir, ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`])];
  // Emptied and then appended to: two servers that start at once would write over each other's lines.
  writeFileSync(logFile(dataDir), '', { mode: 0o600 });
  const log = openSync(logFile(dataDir), 'a');
  const child = spawn(binaries.postgres, args, { ...owner, cwd: '/', detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  child.on('error', () => {});
  child.unref();
  return child;
}

function logFile(dataDir: string): string {
  return `${dataDir}.log`;
}

async function becomesReady(child: ChildProcess, port: number, dataDir: string, deadline: number): Promise<boolean> {
  while (performance.now() < deadline) {
    if (!child.pid || child.exitCode !== null || child.signalCode !== null) return false;
    if (await servesData(port, dataDir)) return true;
    await wait(25);
  }
  child.kill('SIGQUIT');
  return false;
}

async function readReason(dataDir: string): Promise<string> {
  const lines = (await readFile(logFile(dataDir), 'utf8')).split('\n');
  const reason = lines.find((line) => /FATAL|PANIC/.test(line)) ?? lines.findLast(Boolean) ?? 'it said nothing';
  return `the embedded PostgreSQL did not start: ${reason.replace(/^.*?(FATAL|PANIC):\s*/, '')} (${logFile(dataDir)})`;
}

async function createDatabaseOnce(port: number): Promise<void> {
  await withClient(port, 'postgres', async (client) => {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [DATABASE]);
    if (!rowCount) await client.query(`create database ${DATABASE}`).catch(unlessDuplicate);
  });
}

function unlessDuplicate(error: { code?: string }): void {
  if (error.code !== '42P04' && error.code !== '23505') throw error;
}

async function withClient<T>(port: number, database: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: USER, database, connectionTimeoutMillis: 2_000 });
  client.on('error', () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

function describeServer({ pid, port }: Server, adopted: boolean): EmbeddedPostgres {
  return {
    url: `postgres://${USER}@127.0.0.1:${port}/${DATABASE}`,
    pid,
    adopted,
    stop: () => stopServer(pid),
  };
}

/** A shutdown of PostgreSQL takes a checkpoint; one that takes longer is cut short and made good at the next start. */
const STOP_LIMIT_MS = 10_000;

/** SIGINT is PostgreSQL's fast shutdown: open transactions are rolled back, everything committed stays. */
async function stopServer(pid: number): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    if (!isAlive(pid)) return;
    process.kill(pid, signal);
    const deadline = performance.now() + STOP_LIMIT_MS;
    while (isAlive(pid) && performance.now() < deadline) await wait(20);
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}
