import { setTimeout as wait } from 'node:timers/promises';
import type { Bench, Measured } from './bench.ts';
import { startCpuCount } from './cpu.ts';
import { assertLedger } from './ledger-check.ts';
import { query } from './place.ts';
import { type Distribution, distributionOf } from './statistics.ts';
import { openWorld } from './world.ts';

const PER_SECOND = 200;

/**
 * What a provider and a customer wait for at 200 webhooks a second, with every part of the service running and a product that is
 * told about each: until the webhook is answered, and until what was paid for is unlocked.
 */
export async function measureLatency(bench: Bench): Promise<Measured> {
  const world = await openWorld(bench);
  const warmUp = PER_SECOND * (bench.quick ? 1 : 5);
  const count = PER_SECOND * (bench.quick ? 2 : 30);
  await sendPaced(bench, world.service.port, warmUp);
  await waitForApplied(world.databaseUrl, warmUp);
  const since = new Date();
  const cpu = startCpuCount(bench, world.service);
  const { answerMs } = await sendPaced(bench, world.service.port, count);
  await waitForApplied(world.databaseUrl, warmUp + count);
  const cpuMicros = cpu.perItem(count);
  await assertLedger(world.databaseUrl, { applied: warmUp + count });
  const appliedMs = await readAppliedMs(world.databaseUrl, since);
  await world.close();

  const answer = distributionOf(answerMs);
  const applied = distributionOf(appliedMs);
  return {
    findings: [...toFindings('200 webhooks/s: answer', answer, 12), ...toFindings('received → applied', applied, 125)],
    raw: { answer, applied, cpuMicros, answerMs: answerMs.map(round), appliedMs: appliedMs.map(round) },
  };
}

function toFindings(what: string, { p50, p95, p99 }: Distribution, p95AtMost: number) {
  return [
    { what: `${what}, p50`, measured: p50, unit: 'ms' as const },
    { what: `${what}, p95`, measured: p95, unit: 'ms' as const, required: { atMost: p95AtMost } },
    { what: `${what}, p99`, measured: p99, unit: 'ms' as const },
  ];
}

async function sendPaced({ load }: Bench, port: number, count: number) {
  await load.prepare(count);
  return load.pace({ port, perSecond: PER_SECOND, count });
}

const APPLIED_WITHIN_MS = 30_000;

async function waitForApplied(databaseUrl: string, events: number): Promise<void> {
  const deadline = performance.now() + APPLIED_WITHIN_MS;
  for (;;) {
    const [row] = await query<{ applied: number }>(databaseUrl, 'select sum(applied)::int as applied from counter');
    if (row!.applied === events) return;
    if (performance.now() > deadline) throw new Error(`only ${row!.applied} of ${events} events were applied`);
    await wait(100);
  }
}

/** By the ledger's times: from the first byte of the webhook to the end of what it set off. */
async function readAppliedMs(databaseUrl: string, since: Date): Promise<number[]> {
  const rows = await query<{ ms: number }>(
    databaseUrl,
    `select (extract(epoch from finished_at - received_at) * 1000)::float8 as ms from event where received_at >= $1 order by id`,
    [since],
  );
  return rows.map((row) => row.ms);
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
