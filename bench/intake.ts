import type { Bench, Measured } from './bench.ts';
import { measureFullLoad } from './full-load.ts';
import { byTurns } from './rounds.ts';
import { startService, startVariant } from './service.ts';
import { median, pairedRatio } from './statistics.ts';

const SERVERS = ['durable', 'storing nothing', 'one insert each'] as const;

/**
 * What durability costs: the service that writes every webhook down before it answers, beside the same server that verifies,
 * reads and forgets them, and beside the same server with a statement for each. All three run all the time, and take turns.
 */
export async function measureIntake(bench: Bench): Promise<Measured> {
  const databaseUrl = await bench.place.createDatabase();
  const services = {
    durable: await startService(databaseUrl, 'intake'),
    'storing nothing': await startVariant('stores-nothing', databaseUrl),
    'one insert each': await startVariant('one-insert-each', databaseUrl),
  };
  const times = bench.quick ? { warmUpSeconds: 1, seconds: 1 } : { warmUpSeconds: 3, seconds: 8 };
  const rounds = await byTurns(SERVERS, bench.quick ? 2 : 5, async (name) => {
    const round = await measureFullLoad(bench, services[name], { databaseUrl, ...times });
    bench.say(`intake, ${name}: ${Math.round(round.rate)}/s`);
    return round;
  });
  for (const service of Object.values(services)) await service.stop();

  const ratesOf = (name: (typeof SERVERS)[number]) => rounds[name].map((round) => round.rate);
  return {
    findings: [
      { what: 'durable intake, 64 connections, 500-byte bodies', measured: median(ratesOf('durable')), unit: '/s' },
      {
        what: '… × the same server storing nothing',
        measured: pairedRatio(ratesOf('durable'), ratesOf('storing nothing')),
        unit: '×',
        required: { atLeast: 0.4 },
      },
      {
        what: '… × one insert per request',
        measured: pairedRatio(ratesOf('durable'), ratesOf('one insert each')),
        unit: '×',
        required: { atLeast: 2 },
      },
    ],
    raw: rounds,
  };
}
