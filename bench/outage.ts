import { setTimeout as wait } from 'node:timers/promises';
import type { Bench, Measured } from './bench.ts';
import { startCpuCount } from './cpu.ts';
import type { Finding } from './finding.ts';
import { assertLedger } from './ledger-check.ts';
import { fillLedger } from './ledger-fill.ts';
import { type LedgerWatch, watchLedger } from './outage-ledger.ts';
import { type ProductCalls, watchProduct } from './outage-product.ts';
import { query } from './place.ts';
import { distributionOf } from './statistics.ts';
import { openWorld, type World } from './world.ts';

/** Ten minutes of 167 webhooks a second. */
const WAITING = 100_000;
const NEW_PER_SECOND = 167;
const OUTAGE_SECONDS = 600;
/** 500 calls a second at 200 ms: fewer than the service could have under way, so what does not overrun it is the limit and nothing else. */
const CAPACITY = { places: 100, latencyMs: 200, queue: 100 };
const PRODUCT_PER_SECOND = (CAPACITY.places * 1000) / CAPACITY.latencyMs;
const CONCURRENCY = 400;
/** So that several probes fail while it is away. */
const OPEN_MS = 5_000;
const FAILED_PROBES_MIN = 3;
/** What was under way when it opened is over by then. */
const SETTLED_MS = 2_000;

/**
 * A product that is away, and comes back to everything that has gathered meanwhile, while new payments keep coming. In real time, except
 * that what ten minutes would have left is inserted at once after real failures have opened the breaker.
 */
export async function measureOutage(bench: Bench): Promise<Measured> {
  const waiting = bench.quick ? WAITING / 10 : WAITING;
  const world = await openWorld(bench, {
    ACTIVATION_CONCURRENCY: String(CONCURRENCY),
    BREAKERS: JSON.stringify({ activation: { openMs: OPEN_MS } }),
  });
  const ledger = watchLedger(world.databaseUrl);
  const product = watchProduct(world.sandbox.product);
  world.sandbox.product.limitTo(CAPACITY);
  const load = startNewPayments(bench, world);
  const away = await goAway(bench, { world, ledger, product, waiting });
  const back = await comeBack(bench, { world, ledger });
  const sent = await load.end();
  await ledger.untilNothingWaits();
  product.end();
  await assertLedger(world.databaseUrl, { applied: waiting + sent });
  const result = { away, back, ...(await summarise(world, { ledger, product, back })) };
  await world.close();
  return { findings: toFindings(result), raw: result };
}

type Stage = { world: World; ledger: LedgerWatch; product: ProductCalls };

/** New payments at their pace, ten seconds of them at a time, until the end. Answers how many there were. */
function startNewPayments({ load }: Bench, { service }: World): { end: () => Promise<number> } {
  const perTurn = NEW_PER_SECOND * 10;
  let isOver = false;
  const sending = (async () => {
    for (let sent = 0; ; sent += perTurn) {
      if (isOver) return sent;
      await load.prepare(perTurn);
      await load.pace({ port: service.port, perSecond: NEW_PER_SECOND, count: perTurn });
    }
  })();
  return {
    end: () => {
      isOver = true;
      return sending;
    },
  };
}

const WELL_MS = 10_000;

/** Until it is about to come back: what was called and written meanwhile. */
async function goAway(bench: Bench, { world, ledger, product, waiting }: Stage & { waiting: number }) {
  await wait(bench.quick ? WELL_MS / 2 : WELL_MS);
  world.sandbox.product.misbehave({ kind: 'status', status: 503 });
  await ledger.untilTransition('open', 1);
  const writesAtOpening = await ledger.countWrites();
  bench.say('outage: the breaker is open');
  const overSeconds = OUTAGE_SECONDS * (waiting / WAITING);
  await fillLedger(world.databaseUrl, {
    count: waiting,
    eventsPerUser: 1,
    state: 'pending',
    series: 'outage',
    overSeconds,
  });
  await wait(SETTLED_MS);
  const [before, callsBefore] = [await ledger.readWaiting(), product.count()];
  await ledger.untilTransition('open', 1 + FAILED_PROBES_MIN);
  await wait(SETTLED_MS);
  const after = await ledger.readChanges(before);
  const writes = (await ledger.countWrites()) - writesAtOpening;
  bench.say(`outage: ${before.size.toLocaleString('en-US')} wait, ${writes} writes on them`);
  return { waiting: before.size, writes, probes: product.count() - callsBefore, ...after };
}

/** Until nothing is left of what had gathered. */
async function comeBack(bench: Bench, { world, ledger }: Omit<Stage, 'product'>) {
  world.sandbox.product.work();
  const closedAt = await ledger.untilTransition('closed', 1);
  const cpu = startCpuCount(bench, world.service);
  const backlog = await ledger.countReceivedBefore(closedAt);
  bench.say(`outage: closed, with ${backlog.toLocaleString('en-US')} waiting`);
  const drainedAt = await ledger.untilDrained(closedAt, (left) =>
    bench.say(`outage: ${left.toLocaleString('en-US')} wait`),
  );
  const seconds = (drainedAt.getTime() - closedAt.getTime()) / 1000;
  const cpuMicros = cpu.perItem(backlog + seconds * NEW_PER_SECOND);
  const possibleSeconds = backlog / (PRODUCT_PER_SECOND - NEW_PER_SECOND);
  return { closedAt, drainedAt, backlog, seconds, possibleSeconds, cpuMicros };
}

type Back = Awaited<ReturnType<typeof comeBack>>;

async function summarise({ databaseUrl }: World, { ledger, product, back }: Omit<Stage, 'world'> & { back: Back }) {
  const [{ dead }] = (await query<{ dead: number }>(databaseUrl, DEAD_LETTERS)) as [{ dead: number }];
  return {
    dead,
    reopenings: await ledger.countOpeningsAfter(back.closedAt),
    newAppliedMs: distributionOf(await ledger.readAppliedMs(back.closedAt, back.drainedAt)),
    calls: product.summarise(back.closedAt.getTime(), CAPACITY.latencyMs),
  };
}

/** Also those that were redriven since: each has left its line on a ticket. */
const DEAD_LETTERS = `select ((select sum(dead) from counter) + (select count(*) from event where self_redrives > 0))::int as dead`;

type Result = { away: Awaited<ReturnType<typeof goAway>>; back: Back } & Awaited<ReturnType<typeof summarise>>;

function toFindings({ away, back, calls, ...rest }: Result): Finding[] {
  const count = (what: string, measured: number, atMost?: number): Finding => {
    return { what, measured, unit: 'count', ...(atMost === undefined ? {} : { required: { atMost } }) };
  };
  return [
    count(`product away with ${away.waiting.toLocaleString('en-US')} waiting: dead letters`, rest.dead, 0),
    count('… tries of waiting events used up', away.tries, 0),
    count('… their attempts, those of the probes apart', away.attempts - away.probes, 0),
    count('… their due times moved, those of the probes apart', Math.max(0, away.moved - away.probes), 0),
    count('… writes on waiting rows', away.writes, 1_000),
    count('back: calls under way in the first round trip', calls.firstUnderWay, 5),
    {
      what: '… growth × a doubling per round trip',
      measured: calls.growth,
      unit: '×',
      required: { atMost: 1 },
    },
    count('… calls under way, at most', calls.mostUnderWay),
    count('… calls refused as too many', calls.refused),
    count('… reopenings', rest.reopenings, 0),
    {
      what: `… drained × the possible minimum of ${Math.round(back.possibleSeconds)} s`,
      measured: back.seconds / back.possibleSeconds,
      unit: '×',
      required: { atMost: 1.2 },
    },
    { what: '… new payments meanwhile, received → applied, p50', measured: rest.newAppliedMs.p50, unit: 'ms' },
    { what: '… p99', measured: rest.newAppliedMs.p99, unit: 'ms', required: { atMost: 5_000 } },
  ];
}
