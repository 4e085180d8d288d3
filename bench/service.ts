import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { PROVIDER } from './load/signed-webhooks.ts';

const MAIN = new URL('../src/main.ts', import.meta.url);
const VARIANTS = {
  'stores-nothing': new URL('./variants/stores-nothing.ts', import.meta.url),
  'one-insert-each': new URL('./variants/one-insert-each.ts', import.meta.url),
};

/** A process under measurement. */
export type Service = { pid: number; port: number; stop: () => Promise<void> };

/** Everything is set, as in production: nothing is generated, embedded or readable only by a person. */
const ENVIRONMENT = {
  NODE_ENV: 'production',
  HOST: '127.0.0.1',
  PORT: '0',
  PROVIDERS: JSON.stringify([PROVIDER]),
  API_TOKEN: 'benchmark-api-token',
  SECRET_KEY: Buffer.alloc(32, 7).toString('base64'),
  LOG_LEVEL: 'info',
};

/** `npm start` as it is, in a process of its own. */
export function startService(
  databaseUrl: string,
  run: string,
  environment: Record<string, string> = {},
): Promise<Service> {
  return startProcess(MAIN, { ...ENVIRONMENT, DATABASE_URL: databaseUrl, RUN: run, ...environment });
}

/** A server to compare with; see variants/. */
export function startVariant(name: keyof typeof VARIANTS, databaseUrl: string): Promise<Service> {
  return startProcess(VARIANTS[name], { ...ENVIRONMENT, DATABASE_URL: databaseUrl });
}

async function startProcess(file: URL, environment: Record<string, string>): Promise<Service> {
  // BENCH_NODE_ARGS=--cpu-prof shows where the time goes.
  const nodeArgs = (process.env.BENCH_NODE_ARGS ?? '').split(' ').filter(Boolean);
  const child = spawn(process.execPath, [...nodeArgs, fileURLToPath(file)], {
    env: { PATH: process.env.PATH, ...environment },
    // Somebody's .env is read from the working directory, and must not take part.
    cwd: tmpdir(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const endWithUs = () => child.kill('SIGKILL');
  process.once('exit', endWithUs);
  child.once('exit', () => process.off('exit', endWithUs));
  const said = collectOutput(child);
  const port = await findPort(child, said);
  return { pid: child.pid!, port, stop: () => stopProcess(child) };
}

function collectOutput(child: ChildProcess): () => string {
  let said = '';
  const keep = (chunk: Buffer) => {
    said = (said + chunk).slice(-4_000);
  };
  child.stdout!.on('data', keep);
  child.stderr!.on('data', keep);
  return () => said;
}

/** It says where it listens once it does. */
async function findPort(child: ChildProcess, said: () => string): Promise<number> {
  for (;;) {
    const address = /Breakwater\s+http:\/\/127\.0\.0\.1:(\d+)/.exec(said());
    if (address) return Number(address[1]);
    const ended = once(child, 'exit').then(() => 'ended');
    if ((await Promise.race([once(child.stdout!, 'data'), ended])) === 'ended')
      throw new Error(`it did not start: ${said()}`);
  }
}

async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}
