import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const READY_WITHIN_MS = 45_000;
const STOP_WITHIN_MS = 20_000;

export type ServiceEnvironment = Record<string, string | undefined>;

/** The real service, in a process of its own. */
export type Service = {
  url: string;
  pid: number;
  /** Everything it printed so far, both streams. */
  logs(): string;
  /** Its log lines, read. */
  logLines(): LogLine[];
  /** The code it ended with; null when a signal ended it. */
  ended: Promise<number | null>;
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Its process stands still, as on a machine that swaps; `thaw` lets it go on. */
  freeze(): void;
  thaw(): void;
  /** SIGTERM, and the end in time. Rejects when it had to be killed or its log holds an error nobody expected. */
  stop(): Promise<void>;
  /** From now on, and for what it said before, such lines are what the test expects. */
  allowErrors(...patterns: RegExp[]): void;
};

type LogLine = { level: string; msg?: string } & Record<string, unknown>;

type Options = { cwd?: string; allowErrors?: RegExp[] };

const running = new Set<Service>();

/** What was found wrong while things were put away. Thrown last: a hook that throws keeps the others from running. */
const foundAtTheEnd: Error[] = [];

/** No process outlives its test file, and none takes an error to its grave unseen. */
afterAll(async () => {
  await stopServices();
  if (foundAtTheEnd[0]) throw foundAtTheEnd[0];
});

/** Fails the file once everything it started is gone. */
export function failAtTheEnd(error: Error): void {
  foundAtTheEnd.push(error);
}

/** Hooks run last in, first out: whoever owns the database they use registers this after it. */
export async function stopServices(services: Iterable<Service> = running): Promise<void> {
  const stopped = await Promise.allSettled([...services].map((service) => service.stop()));
  for (const result of stopped) if (result.status === 'rejected') failAtTheEnd(result.reason);
}

/** Starts the service and waits until it says where it listens. Its environment is `env` alone. */
export async function startService(env: ServiceEnvironment, options: Options = {}): Promise<Service> {
  const { child, output, ended } = launch(env, options);
  const url = await Promise.race([readAddress(child, output), ended.then((code) => failedStart(code, output()))]);
  const service = describe(child, url, output, ended, [...(options.allowErrors ?? [])]);
  running.add(service);
  return service;
}

/** For a start that is to fail: what it said and how it ended. */
export async function runToItsEnd(
  env: ServiceEnvironment,
  options: Options = {},
): Promise<{ code: number | null; output: string; lines: string[] }> {
  const { child, output, ended } = launch(env, options);
  const timer = setTimeout(() => child.kill('SIGKILL'), READY_WITHIN_MS);
  const code = await ended;
  clearTimeout(timer);
  return { code, output: output(), lines: output().trim().split('\n') };
}

/** A folder nobody else works in; every user may look into it, the embedded server's too. */
export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'breakwater-world-'));
  chmodSync(folder, 0o755);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Ends the embedded server that a killed service has left in this data directory, if one still runs. */
export function endLeftServer(dataDir: string): void {
  try {
    const [pid] = readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n');
    process.kill(Number(pid), 'SIGQUIT');
  } catch {
    // It ended as it should.
  }
}

function launch(env: ServiceEnvironment, options: Options) {
  const { PATH, HOME, NODE_COMPILE_CACHE } = process.env;
  const whole = { PATH, HOME, NODE_COMPILE_CACHE, ...env };
  const cwd = options.cwd ?? tmpdir();
  const child = spawn(process.execPath, [MAIN], { cwd, env: whole, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  child.stdout.on('data', (chunk) => (text += chunk));
  child.stderr.on('data', (chunk) => (text += chunk));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return { child, output: () => text, ended };
}

function readAddress(child: ChildProcess, output: () => string): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not ready in time:\n${output()}`)), READY_WITHIN_MS);
    const look = () => {
      const [, url] = /Breakwater\s+(http:\/\/\S+)/.exec(output()) ?? [];
      if (!url) return;
      clearTimeout(timer);
      resolve(url);
    };
    child.stdout!.on('data', look);
  });
}

function failedStart(code: number | null, output: string): never {
  throw new Error(`the service ended with ${code} before it was ready:\n${output}`);
}

function describe(
  child: ChildProcess,
  url: string,
  output: () => string,
  ended: Promise<number | null>,
  allowed: RegExp[],
): Service {
  let wasKilled = false;
  const service: Service = {
    url,
    pid: child.pid!,
    logs: output,
    logLines: () => readLines(output()),
    ended,
    kill: async (signal) => {
      wasKilled = true;
      child.kill(signal);
      await ended;
    },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    stop: async () => {
      if (!running.delete(service)) return;
      const isOver = child.exitCode !== null || child.signalCode !== null;
      if (isOver && !wasKilled) throw new Error(`the service ended by itself:\n${output().slice(-3000)}`);
      const code = isOver ? 0 : await end(child, ended);
      refuseErrors(output(), allowed);
      if (code !== 0) throw new Error(`SIGTERM ended the service with ${code}:\n${output().slice(-3000)}`);
    },
    allowErrors: (...patterns) => void allowed.push(...patterns),
  };
  return service;
}

async function end(child: ChildProcess, ended: Promise<number | null>): Promise<number | null> {
  child.kill('SIGCONT');
  child.kill('SIGTERM');
  let tooLate = false;
  const timer = setTimeout(() => {
    tooLate = true;
    child.kill('SIGKILL');
  }, STOP_WITHIN_MS);
  const code = await ended;
  clearTimeout(timer);
  if (tooLate) throw new Error(`the service did not end within ${STOP_WITHIN_MS} ms of SIGTERM`);
  return code;
}

function refuseErrors(output: string, allowed: RegExp[]): void {
  const unexpected = output
    .split('\n')
    .filter((line) => isError(line) && !allowed.some((pattern) => pattern.test(line)));
  if (unexpected.length > 0) throw new Error(`errors in the service's log:\n${unexpected.slice(0, 5).join('\n')}`);
}

/** Errors of the log, and whatever Node itself prints about a crash. */
function isError(line: string): boolean {
  return /"level":"(error|fatal)"/.test(line) || /^\s+at .*\(?.*:\d+:\d+\)?$|^(\w*Error|node:internal)\b/.test(line);
}

function readLines(output: string): LogLine[] {
  return output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as LogLine];
      } catch {
        return []; // cut by a kill
      }
    });
}
