import type { Bench, Measured } from './bench.ts';
import {
  type Counted,
  countInHotRow,
  countInOwnRows,
  OWN_ROWS_AT_PACE,
  OWN_ROWS_SATURATED,
} from './breaker-counting.ts';
import type { Finding } from './finding.ts';
import { byTurns } from './rounds.ts';
import { median, pairedRatio } from './statistics.ts';

const WAYS = ['hot row', 'own rows', 'paced'] as const;
type Rounds = Record<(typeof WAYS)[number], Counted[]>;

/**
 * What it costs to count results for all replicas together. Ours: each replica adds up what it saw, writes that to rows of its own, then
 * asks whether it is enough. Beside it the design that comes to mind first: one row for all, one UPDATE per result. At saturation each
 * of sixteen connections begins its next statement as soon as the last one is done. Ours carries whatever came in meanwhile, so its results
 * per second are as many as there were; how many flushes that took is told beside them, and were the ratio if each carried one result.
 */
export async function measureBreaker(bench: Bench): Promise<Measured> {
  const databaseUrl = await bench.place.createDatabase();
  const seconds = bench.quick ? 1 : 8;
  const rounds = await byTurns(WAYS, bench.quick ? 2 : 5, async (way) => {
    const counted = await countBy(way, databaseUrl, seconds);
    bench.say(`breaker, ${way}: ${Math.round(counted.results)} results/s in ${Math.round(counted.writes)} writes/s`);
    return counted;
  });
  await bench.place.dropDatabase(databaseUrl);
  return { findings: toFindings(rounds), raw: rounds };
}

function countBy(way: (typeof WAYS)[number], databaseUrl: string, seconds: number): Promise<Counted> {
  switch (way) {
    case 'hot row':
      return countInHotRow(databaseUrl, seconds);
    case 'own rows':
      return countInOwnRows(databaseUrl, seconds, OWN_ROWS_SATURATED);
    case 'paced':
      return countInOwnRows(databaseUrl, seconds, OWN_ROWS_AT_PACE);
  }
}

function toFindings(rounds: Rounds): Finding[] {
  const of = (way: keyof Rounds, what: 'results' | 'writes') => rounds[way].map((counted) => counted[what]);
  const rate = (what: string, rates: number[]): Finding => ({ what, measured: median(rates), unit: '/s' });
  const flushMs = rounds.paced.map(({ tookMs }) => tookMs.p99);
  return [
    rate('16 connections at saturation: results into one hot row, an update each', of('hot row', 'results')),
    rate('… into one breaker', of('own rows', 'results')),
    {
      what: '… × the hot row',
      measured: pairedRatio(of('own rows', 'results'), of('hot row', 'results')),
      unit: '×',
      required: { atLeast: 1.5 },
    },
    rate('… in so many flushes', of('own rows', 'writes')),
    rate('16 replicas at their pace: results into one breaker', of('paced', 'results')),
    rate('… in so many flushes', of('paced', 'writes')),
    { what: '… a flush (record and evaluate), p99', measured: median(flushMs), unit: 'ms', required: { atMost: 20 } },
  ];
}
