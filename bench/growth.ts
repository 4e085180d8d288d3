import type { Bench, Measured } from './bench.ts';
import { type FullLoad, measureAsItIs } from './full-load.ts';
import { fillLedger } from './ledger-fill.ts';
import { query } from './place.ts';
import { byTurns } from './rounds.ts';
import { startService } from './service.ts';
import { mean, median, pairedRatio } from './statistics.ts';

const LEDGERS = ['empty', 'full'] as const;
type Round = Record<(typeof LEDGERS)[number], FullLoad[]>;

/** Whether a webhook costs more when there are many: intake into a ledger of five million events, beside an empty one. */
export async function measureGrowth(bench: Bench): Promise<Measured> {
  const events = bench.quick ? 20_000 : 5_000_000;
  const fullUrl = await bench.place.createDatabase();
  await fillLedger(fullUrl, { count: events, eventsPerUser: 3, state: 'applied', series: 'growth' });
  bench.say(`growth: ${events.toLocaleString('en-US')} events are stored`);
  const rounds: Round[] = [];
  for (let n = 0; n < (bench.quick ? 2 : 9); n++) {
    const round = await measureRound(bench, fullUrl);
    rounds.push(round);
    bench.say(
      `growth: ${Math.round(rateOf(round.full))}/s, and ${Math.round(rateOf(round.empty))}/s into an empty ledger`,
    );
  }
  await bench.place.dropDatabase(fullUrl);

  const ratesOf = (ledger: keyof Round) => rounds.map((round) => rateOf(round[ledger]));
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
    raw: { empty: rounds.flatMap((round) => round.empty), full: rounds.flatMap((round) => round.full) },
  };
}

function rateOf(slices: FullLoad[]): number {
  return mean(slices.map((slice) => slice.rate));
}

/**
 * Every round begins with an empty ledger again: a few rounds of intake would fill it. Both services run, and change turns every two
 * seconds: this machine's speed moves within ten by more than what is to be seen.
 */
async function measureRound(bench: Bench, fullUrl: string): Promise<Round> {
  const emptyUrl = await bench.place.createDatabase();
  const services = { empty: await startService(emptyUrl, 'intake'), full: await startService(fullUrl, 'intake') };
  await query(fullUrl, 'checkpoint');
  // Longer than elsewhere: after a checkpoint each page goes whole into the log once, which comes every few minutes and not every few seconds.
  const warmUp = { warmUpSeconds: 0, seconds: bench.quick ? 1 : 10 };
  for (const ledger of LEDGERS) await measureAsItIs(bench, services[ledger], warmUp);
  const times = { warmUpSeconds: 0.3, seconds: bench.quick ? 0.5 : 2 };
  const round = await byTurns(LEDGERS, bench.quick ? 2 : 6, (ledger) => measureAsItIs(bench, services[ledger], times));
  for (const ledger of LEDGERS) await services[ledger].stop();
  await bench.place.dropDatabase(emptyUrl);
  return round;
}
