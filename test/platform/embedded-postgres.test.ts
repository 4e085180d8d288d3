import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/platform/embedded-postgres.ts';
import { canEnter } from '../../src/platform/embedded-postgres-place.ts';

const settings = { fsync: 'off', shared_buffers: '16MB' };
const isRoot = userInfo().uid === 0;

/** One data directory for the whole file: each test starts a server on what the one before has left. */
const parent = mkdtempSync(join(tmpdir(), 'breakwater-embedded-'));
chmodSync(parent, 0o755);
const dataDir = join(parent, 'deep', 'pg');
let last: EmbeddedPostgres | null = null;

beforeAll(() => async () => {
  await last?.stop();
  rmSync(parent, { recursive: true });
});

async function start(): Promise<EmbeddedPostgres> {
  last = await startEmbeddedPostgres({ dataDir, settings });
  return last;
}

async function query(server: EmbeddedPostgres, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: server.url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

test('the first start makes a server that takes data; after a stop the next start has it still', async () => {
  const first = await start();
  expect(first.adopted).toBe(false);
  await query(first, 'create table kept as select 1 as one');
  await first.stop();
  await expect(query(first, 'select 1')).rejects.toThrow();
  const second = await start();
  expect(await query(second, 'select one from kept')).toEqual([{ one: 1 }]);
}, 30_000);

test('a server that a killed process left running is adopted, not started beside', async () => {
  const left = last!;
  const adopted = await start();
  expect(adopted).toMatchObject({ adopted: true, pid: left.pid, url: left.url });
}, 30_000);

test('after a crash of the server its pid file is no obstacle and what was committed is there', async () => {
  const crashed = last!;
  await query(crashed, 'insert into kept values (2)');
  process.kill(crashed.pid, 'SIGKILL');
  const again = await start();
  expect(again.adopted).toBe(false);
  expect(await query(again, 'select count(*)::int as rows from kept')).toEqual([{ rows: 2 }]);
}, 30_000);

test('a pid file that names another program by now is no obstacle', async () => {
  await last!.stop();
  const port = new URL(last!.url).port;
  writeFileSync(join(dataDir, 'postmaster.pid'), `${process.pid}\n${dataDir}\n0\n${port}\n\n127.0.0.1\n0\nready\n`);
  const again = await start();
  expect(again.adopted).toBe(false);
  expect(await query(again, 'select count(*)::int as rows from kept')).toEqual([{ rows: 2 }]);
}, 30_000);

test('two processes that start at once share one server', async () => {
  await last!.stop();
  const [one, other] = await Promise.all([start(), start()]);
  expect(other.pid).toBe(one.pid);
  expect([one.adopted, other.adopted].toSorted()).toEqual([false, true]);
}, 30_000);

test('a server that has not written its pid yet is waited for and adopted, not started beside', async () => {
  const running = last!;
  const pidFile = join(dataDir, 'postmaster.pid');
  const written = readFileSync(pidFile);
  writeFileSync(pidFile, '');
  const starting = start();
  // Later than its first look; PostgreSQL itself misses its pid only after a minute.
  await wait(500);
  writeFileSync(pidFile, written);
  expect(await starting).toMatchObject({ adopted: true, pid: running.pid });
}, 30_000);

test('an empty pid file that nobody writes is left alone, with one line on what to do', async () => {
  await last!.stop();
  writeFileSync(join(dataDir, 'postmaster.pid'), '');
  await expect(start()).rejects.toThrow(/postmaster\.pid is empty, .*remove it and start again$/);
  rmSync(join(dataDir, 'postmaster.pid'));
  await start();
}, 30_000);

test('settings of ours that fail name the reason, not just that it ended', async () => {
  await last!.stop();
  const wrong = startEmbeddedPostgres({ dataDir, settings: { max_wal_size: 'plenty' } });
  await expect(wrong).rejects.toThrow(/did not start: invalid value for parameter "max_wal_size"/);
}, 30_000);

test('data of another major version is left alone, with one line on how to save it', async () => {
  await last!.stop();
  writeFileSync(join(dataDir, 'PG_VERSION'), '17\n');
  const refused = start();
  await expect(refused).rejects.toThrow(/holds the data of PostgreSQL 17, this is 18: .*pg_dumpall/);
  await refused.catch((error: Error) => expect(error.message).not.toContain('\n'));
  writeFileSync(join(dataDir, 'PG_VERSION'), '18\n');
  await start();
}, 30_000);

test('a start that was killed while it prepared the data leaves nothing in the way', async () => {
  const half = join(parent, 'half');
  mkdirSync(`${half}.new-1`);
  writeFileSync(join(`${half}.new-1`, 'PG_VERSION'), '18\n');
  const server = await startEmbeddedPostgres({ dataDir: half, settings });
  onTestFinished(() => server.stop());
  expect(await query(server, 'select 1 as one')).toEqual([{ one: 1 }]);
}, 30_000);

test.runIf(isRoot)(
  'as root below a folder closed to others the data lies elsewhere, which is said, and is found again',
  async () => {
    const closed = join(parent, 'closed');
    mkdirSync(closed, { mode: 0o700 });
    const said: string[] = [];
    const startThere = () =>
      startEmbeddedPostgres({ dataDir: join(closed, 'pg'), settings, say: (line) => void said.push(line) });
    const server = await startThere();
    await query(server, 'create table kept_elsewhere ()');
    await server.stop();
    const again = await startThere();
    onTestFinished(() => {
      const [elsewhere] = /\/var\/tmp\/breakwater-\w+/.exec(said[0]!)!;
      rmSync(elsewhere, { recursive: true });
    });
    onTestFinished(() => again.stop());
    expect(await query(again, `select to_regclass('kept_elsewhere') is not null as kept`)).toEqual([{ kept: true }]);
    expect(said).toHaveLength(2);
    expect(said[0]).toBe(said[1]);
  },
  30_000,
);

test('a folder can be entered when every folder above it lets that user through', () => {
  const stranger = { uid: 64_999, gid: 64_999 };
  const outer = join(parent, 'outer');
  const inner = join(outer, 'inner');
  mkdirSync(inner, { recursive: true });
  const modes = (outerMode: number, innerMode: number) => {
    chmodSync(outer, outerMode);
    chmodSync(inner, innerMode);
  };
  modes(0o755, 0o711);
  expect(canEnter(inner, stranger)).toBe(true);
  modes(0o755, 0o750);
  expect(canEnter(inner, stranger)).toBe(false);
  expect(canEnter(inner, { uid: statSync(inner).uid, gid: 1 })).toBe(true);
  modes(0o700, 0o755);
  expect(canEnter(inner, stranger)).toBe(false);
  modes(0o755, 0o755);
});
