import { execFileSync } from 'node:child_process';
import { cpus, loadavg, platform, release, totalmem } from 'node:os';
import { query } from './place.ts';

/** Where and on what the figures were measured; a figure without it is a rumour. */
export async function describeMachine(databaseUrl: string) {
  const [server] = await query<{ version: string; fsync: string; synchronousCommit: string }>(
    databaseUrl,
    `select version(), current_setting('fsync') as fsync, current_setting('synchronous_commit') as "synchronousCommit"`,
  );
  return {
    date: new Date().toISOString(),
    commit: readCommit(),
    processors: `${cpus().length} × ${cpus()[0]?.model.trim()}`,
    memoryGigabytes: Math.round(totalmem() / 1e9),
    system: `${platform()} ${release()}`,
    node: process.version,
    postgres: server!.version,
    durability: `fsync ${server!.fsync}, synchronous_commit ${server!.synchronousCommit}`,
    /** Processes that wanted to run before anything was measured; above 0.5 somebody else works here. */
    loadBefore: loadavg()[0]!,
  };
}

function readCommit(): string | null {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return null;
  }
}
