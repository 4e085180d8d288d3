import { mkdirSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import type { Bench, Measured, Measurement } from './bench.ts';
import { measureBreaker } from './breaker.ts';
import { measureCards } from './cards.ts';
import { measureDrain } from './drain.ts';
import { type Finding, isMet, renderTable } from './finding.ts';
import { measureGrowth } from './growth.ts';
import { measureIntake } from './intake.ts';
import { measureLatency } from './latency.ts';
import { startLoad } from './load/load.ts';
import { PROVIDER } from './load/signed-webhooks.ts';
import { describeMachine } from './machine.ts';
import { measureMemory } from './memory.ts';
import { measureOutage } from './outage.ts';
import { openPlace } from './place.ts';
import { measureStorm } from './storm.ts';
import { measureStorms } from './storms.ts';
import { measureSweep } from './sweep.ts';
import { measureTrip } from './trip.ts';

/** In the order of the table. `node bench/main.ts` runs all, `node bench/main.ts intake` one; with `--quick` to see that it works. */
const MEASUREMENTS: Record<string, Measurement> = {
  intake: measureIntake,
  drain: measureDrain,
  latency: measureLatency,
  cards: measureCards,
  storm: measureStorm,
  storms: measureStorms,
  memory: measureMemory,
  growth: measureGrowth,
  breaker: measureBreaker,
  trip: measureTrip,
  outage: measureOutage,
  sweep: measureSweep,
};

const RESULTS = 'bench/results/latest.json';

const quick = process.argv.includes('--quick');
const names = process.argv.slice(2).filter((argument) => argument !== '--quick');
const unknown = names.filter((name) => !Object.hasOwn(MEASUREMENTS, name));
if (unknown.length > 0) {
  process.stderr.write(
    `there is no measurement ${unknown.join(', ')}; there are ${Object.keys(MEASUREMENTS).join(', ')}\n`,
  );
  process.exit(2);
}
const findings = await measureAll(names.length > 0 ? names : Object.keys(MEASUREMENTS));
process.stdout.write(`\n${renderTable(findings)}\n${quick ? '\nA quick run: these figures mean nothing.\n' : ''}`);
process.exit(!quick && findings.some((finding) => isMet(finding) === false) ? 1 : 0);

async function measureAll(chosen: string[]): Promise<Finding[]> {
  const place = await openPlace();
  process.once('SIGINT', () => void place.remove().then(() => process.exit(130)));
  const load = startLoad(`/webhooks/${PROVIDER.name}`);
  const machine = await describeMachine(place.postgres.url);
  const measured: Record<string, Measured & { loadBefore: number }> = {};
  const bench: Bench = { place, load, quick, say: (line) => process.stdout.write(`  ${line}\n`) };
  try {
    for (const name of chosen) measured[name] = { loadBefore: loadavg()[0]!, ...(await MEASUREMENTS[name]!(bench)) };
  } finally {
    await load.stop();
    await place.remove();
  }
  if (!quick && chosen.length === Object.keys(MEASUREMENTS).length) keep({ ...machine, measured });
  return Object.values(measured).flatMap((one) => one.findings);
}

/** Only of a complete run: figures of different days do not belong side by side. */
function keep(results: unknown): void {
  mkdirSync('bench/results', { recursive: true });
  writeFileSync(RESULTS, `${JSON.stringify(results, null, 1)}\n`);
}
