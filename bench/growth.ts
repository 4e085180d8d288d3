import type { Bench, Measured } from './bench.ts';
import { measureFullLoad } from './full-load.ts';
import { fillLedger } from './ledger-fill.ts';
import { byTurns } from './rounds.ts';
import { startService } from './service.ts';
import { median, pairedRatio } from './statistics.ts';

/** Whether a webhook costs more when there are many: intake into a ledger of five million events, beside an empty one. */
export async function measureGrowth(bench: Bench): Promise<Measured> {
  const events = bench.quick ? 20_000 : 5_000_000;
  const fullUrl = await bench.place.createDatabase();
  await fillLedger(fullUrl, { count: events, eventsPerUser: 3, state: 'applied', series: 'growth' });
  bench.say(`growth: ${events.toLocaleString('en-US')} events are stored`);
  const rounds = await byTurns(['empty', 'full'], bench.quick ? 2 : 9, async (name) => {
    const round = await (name === 'full' ? measureOn(bench, fullUrl) : measureOnNew(bench));
    bench.say(`growth, ${name}: ${Math.round(round.rate)}/s`);
    return round;
  });
  await bench.place.dropDatabase(fullUrl);

  const ratesOf = (name: 'empty' | 'full') => rounds[name].map((round) => round.rate);
  return {
    findings: [
      {
        what: `intake at ${events.toLocaleString('en-US')} stored events`,
        measured: median(ratesOf('full')),
        unit: '/s',
      },
      {
        what: '… × at an empty ledger',
        measured: pairedRatio(ratesOf('full'), ratesOf('empty')),
        unit: '×',
        required: { atLeast: 0.9 },
      },
    ],
    raw: rounds,
  };
}

/** Every round begins with an empty one again: a few rounds of intake would fill it. */
async function measureOnNew(bench: Bench) {
  const databaseUrl = await bench.place.createDatabase();
  const round = await measureOn(bench, databaseUrl);
  await bench.place.dropDatabase(databaseUrl);
  return round;
}

async function measureOn(bench: Bench, databaseUrl: string) {
  const service = await startService(databaseUrl, 'intake');
  // The warm-up is longer than elsewhere: after a checkpoint each page goes whole into the log once, which comes every few minutes and not
  // every few seconds. Neighbouring rounds differ by more than what is to be seen, so there are many of them.
  const times = bench.quick ? { warmUpSeconds: 1, seconds: 1 } : { warmUpSeconds: 10, seconds: 12 };
  const round = await measureFullLoad(bench, service, { databaseUrl, ...times });
  await service.stop();
  return round;
}
