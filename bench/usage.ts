import { readdirSync, readFileSync } from 'node:fs';

/** What processes used, read from Linux's /proc; elsewhere there is nothing to read, and the figures are null. */

/** The kernel counts in hundredths of a second on every architecture Node runs on (USER_HZ). */
const TICKS_PER_SECOND = 100;

/** User and system time of a process up to now. */
export function cpuSecondsOf(pid: number): number | null {
  const fields = readStat(pid);
  // Fields 14 and 15 of proc_pid_stat(5); the first one here is field 3.
  return fields && (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** The same of a process and its children, those that ended included: PostgreSQL is one process per connection. */
export function cpuSecondsOfFamily(pid: number): number | null {
  const own = readStat(pid);
  if (!own) return null;
  const reapedSeconds = (Number(own[13]) + Number(own[14])) / TICKS_PER_SECOND;
  const family = [pid, ...childrenOf(pid)].map((member) => cpuSecondsOf(member) ?? 0);
  return reapedSeconds + family.reduce((sum, seconds) => sum + seconds, 0);
}

/** The memory a process really holds (resident set), in MB of 10^6 bytes. */
export function residentMegabytesOf(pid: number): number | null {
  const match = /VmRSS:\s+(\d+) kB/.exec(readProc(`${pid}/status`) ?? '');
  return match && (Number(match[1]) * 1024) / 1e6;
}

function childrenOf(pid: number): number[] {
  const pids = readdirSync('/proc').map(Number).filter(Boolean);
  return pids.filter((other) => Number(readStat(other)?.[1]) === pid);
}

/** The fields after the command's name, which may hold spaces itself. */
function readStat(pid: number): string[] | null {
  const text = readProc(`${pid}/stat`);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ') ?? null;
}

function readProc(path: string): string | null {
  try {
    return readFileSync(`/proc/${path}`, 'utf8');
  } catch {
    return null;
  }
}
