import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { commandBreaker } from '../src/breaker/command.ts';
import { createDb, createPool, type Db } from '../src/platform/database.ts';
import type { Bench, Measured } from './bench.ts';
import { query } from './place.ts';
import { REPLICAS, type Replicas, startReplicas } from './replicas/replicas.ts';
import { distributionOf } from './statistics.ts';

const DEPENDENCY = 'activation';
const KNOWN_WITHIN_MS = 100;

/**
 * From a trip to the last of sixteen replicas that refuses a call because of it: with notifications, and with every listening connection
 * ended and none to be had. The clock starts when the statement that trips is at the row, which is before its commit; that waits for no disk
 * here, since a disk that takes a second to answer delays the trip and not the news of it.
 */
export async function measureTrip(bench: Bench): Promise<Measured> {
  const rounds = bench.quick ? 10 : 200;
  const databaseUrl = await bench.place.createDatabase();
  const db = createDb(
    createPool(`${databaseUrl}?options=-c%20synchronous_commit%3Doff`, { max: 2, name: 'bench-trip' }),
  );
  const ears = await createEars(databaseUrl);
  const replicas = await startReplicas({ databaseUrl, listenUrl: ears.url, dependency: DEPENDENCY });
  const heard = await tripAgainAndAgain(db, replicas, rounds);
  bench.say(`trip: ${rounds} rounds with notifications`);
  await ears.cut();
  const unheard = await tripAgainAndAgain(db, replicas, rounds);
  bench.say(`trip: ${rounds} rounds without`);
  await replicas.stop();
  await db.destroy();
  await bench.place.dropDatabase(databaseUrl);
  await ears.forget();
  return {
    findings: [
      ...toFindings(`a trip known to all ${REPLICAS} replicas`, heard),
      ...toFindings('… without notifications', unheard),
    ],
    raw: { heard, unheard },
  };
}

function toFindings(what: string, lastKnewMs: number[]) {
  const { p50, max } = distributionOf(lastKnewMs);
  return [
    { what: `${what}, p50`, measured: p50, unit: 'ms' as const },
    { what: '… slowest', measured: max, unit: 'ms' as const, required: { atMost: KNOWN_WITHIN_MS } },
  ];
}

const EAR = 'bench_ear';

/** Listening connections have a user of their own, so that they can be ended and kept from coming back while all others work on. */
async function createEars(databaseUrl: string) {
  const password = randomUUID();
  await query(databaseUrl, `create role ${EAR} login password '${password}'`);
  const url = new URL(databaseUrl);
  url.username = EAR;
  url.password = password;
  const cut = async () => {
    await query(databaseUrl, `alter role ${EAR} nologin`);
    const ended = await query(
      databaseUrl,
      `select pg_terminate_backend(pid) from pg_stat_activity where usename = '${EAR}'`,
    );
    if (ended.length !== REPLICAS) throw new Error(`${ended.length} listening connections were ended`);
    await wait(CUT_MS);
  };
  return {
    url: url.toString(),
    cut,
    forget: () => query(databaseUrl.replace(/[^/]+$/, 'postgres'), `drop role ${EAR}`),
  };
}

/** Then each has found out. */
const CUT_MS = 500;
/** At most; where in their beat a trip meets the replicas is left to chance. */
const PAUSE_MS = 200;

async function tripAgainAndAgain(db: Db, replicas: Replicas, rounds: number): Promise<number[]> {
  const lastKnewMs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    lastKnewMs.push(await tripOnce(db, replicas));
    await command(db, 'reset').then(({ epoch }) => replicas.allKnow(epoch));
    await wait(Math.random() * PAUSE_MS);
  }
  return lastKnewMs;
}

async function tripOnce(db: Db, replicas: Replicas): Promise<number> {
  const { epoch, atMs } = await command(db, 'trip');
  const news = await replicas.allKnow(epoch);
  const stillCalling = news.filter(({ mayCall }) => mayCall);
  if (stillCalling.length > 0) throw new Error(`${stillCalling.length} replicas knew of a trip and went on`);
  return Math.max(...news.map((one) => one.atMs)) - atMs;
}

async function command(db: Db, verb: 'trip' | 'reset'): Promise<{ epoch: number; atMs: number }> {
  const order = { commandId: randomUUID(), dependency: DEPENDENCY, verb, reason: 'bench', actor: 'bench' };
  await commandBreaker(db, order);
  const row = await db
    .selectFrom('breaker_transition')
    .select(['epoch', 'at'])
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirstOrThrow();
  return { epoch: row.epoch, atMs: row.at.getTime() };
}
