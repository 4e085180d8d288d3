import { setTimeout as wait } from 'node:timers/promises';
import type { Bench, Measured } from './bench.ts';
import { type CpuMicros, startCpuCount } from './cpu.ts';
import { type FullLoad, measureFullLoad } from './full-load.ts';
import { assertLedger } from './ledger-check.ts';
import { fillLedger } from './ledger-fill.ts';
import { query } from './place.ts';
import { byTurns } from './rounds.ts';
import { type Service, startService } from './service.ts';
import { median, pairedRatio } from './statistics.ts';

/**
 * How fast a backlog goes, beside how fast webhooks come in: after an outage the queue must shrink although they keep coming.
 * The worst shape is a user and a payment for every event, since then none of them shares a fold or a row with another.
 */
export async function measureDrain(bench: Bench): Promise<Measured> {
  const events = bench.quick ? 5_000 : 200_000;
  const intake = await startIntake(bench);
  const rounds = await byTurns(['intake', 'drain', 'drain, 10 events per user'], bench.quick ? 2 : 3, async (name) => {
    const round = name === 'intake' ? await intake.measure() : await drain(bench, events, name === 'drain' ? 1 : 10);
    bench.say(`drain, ${name}: ${Math.round(round.rate)}/s`);
    return round;
  });
  await intake.service.stop();

  const ratesOf = (name: keyof typeof rounds) => rounds[name].map((round) => round.rate);
  return {
    findings: [
      {
        what: `draining ${events.toLocaleString('en-US')} pending events, each of its own user`,
        measured: median(ratesOf('drain')),
        unit: '/s',
      },
      {
        what: '… × durable intake',
        measured: pairedRatio(ratesOf('drain'), ratesOf('intake')),
        unit: '×',
        required: { atLeast: 2 },
      },
      { what: '… with 10 events per user', measured: median(ratesOf('drain, 10 events per user')), unit: '/s' },
    ],
    raw: rounds,
  };
}

async function startIntake(bench: Bench): Promise<{ service: Service; measure: () => Promise<FullLoad> }> {
  const databaseUrl = await bench.place.createDatabase();
  const service = await startService(databaseUrl, 'intake');
  const times = bench.quick ? { warmUpSeconds: 1, seconds: 1 } : { warmUpSeconds: 3, seconds: 8 };
  return { service, measure: () => measureFullLoad(bench, service, { databaseUrl, ...times }) };
}

type Drained = { rate: number; cpuMicros: CpuMicros };

/** A worker that has just been started finds them all, in a database that has never seen another; it is never warmed up. */
async function drain(bench: Bench, events: number, eventsPerUser: number): Promise<Drained> {
  const databaseUrl = await bench.place.createDatabase();
  await fillLedger(databaseUrl, { count: events, eventsPerUser, state: 'pending', series: 'drain' });
  const worker = await startService(databaseUrl, 'worker');
  const cpu = startCpuCount(bench, worker);
  await waitUntilDrained(databaseUrl);
  const cpuMicros = cpu.perItem(events);
  await worker.stop();
  await assertLedger(databaseUrl, { applied: events });
  const rate = await readDrainRate(databaseUrl, events);
  await bench.place.dropDatabase(databaseUrl);
  return { rate, cpuMicros };
}

const LOOK_EVERY_MS = 500;

async function waitUntilDrained(databaseUrl: string): Promise<void> {
  for (;;) {
    const [row] = await query<{ waiting: number }>(databaseUrl, 'select sum(waiting)::int as waiting from counter');
    if (row!.waiting === 0) return;
    await wait(LOOK_EVERY_MS);
  }
}

/** By the ledger's own times: an event leaves none when it is taken, so the clock starts when the first hundredth is done. */
const FIRST_PART = 0.01;

async function readDrainRate(databaseUrl: string, events: number): Promise<number> {
  const [row] = await query<{ seconds: number }>(
    databaseUrl,
    `select extract(epoch from max(finished_at) - percentile_disc($1::float8) within group (order by finished_at))::float8 as seconds from event`,
    [FIRST_PART],
  );
  return (events * (1 - FIRST_PART)) / row!.seconds;
}
