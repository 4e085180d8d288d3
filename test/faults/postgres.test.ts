import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { eventually } from '../world/eventually.ts';
import { startFaultyPostgres } from '../world/faulty-postgres.ts';
import { type LoadAnswer, startLoad } from '../world/load.ts';
import { checkPromises } from '../world/promises.ts';
import { startWorld } from '../world/world.ts';

const database = await startFaultyPostgres();
const world = await startWorld({ database });
const { api } = world;
// Each part says that the database is away; nothing else may be wrong.
world.service.allowErrors(/ECONNREFUSED|"code":"57P0|[Tt]imeout|terminat|Connection/);

const AWAY_MS = 10_000;
/** The promise, and what two busy cores may add to it. */
const ANSWERED_WITHIN_MS = 3_000;
const RECOVERED_WITHIN_MS = 10_000;

type Fault = { away: () => Promise<void> | void; back: () => Promise<void> | void };

const faults: [string, string, Fault][] = [
  ['stopped', 'stop', { away: database.stop, back: database.restart }],
  ['frozen', 'freeze', { away: database.freeze, back: database.thaw }],
];

describe.each(faults)('PostgreSQL %s for ten seconds under load', (_title, prefix, fault) => {
  const answers: LoadAnswer[] = [];
  let [goneAtMs, returningAtMs, backAtMs] = [0, 0, 0];
  const sentBetween = (fromMs: number, toMs: number) =>
    answers.filter(({ sentAtMs, tookMs }) => sentAtMs >= fromMs && sentAtMs + tookMs <= toMs);

  test('it goes and comes back', async () => {
    const load = startLoad(() => world.service, { prefix, connections: 16, pauseMs: 10 });
    await eventually(() => load.answers.filter(({ status }) => status === 200).length > 300, 30_000);
    goneAtMs = performance.now();
    await fault.away();
    await wait(AWAY_MS); // the fault itself lasts this long
    returningAtMs = performance.now();
    await fault.back();
    backAtMs = performance.now();
    await eventually(
      () => load.answers.filter(({ status, sentAtMs }) => status === 200 && sentAtMs > backAtMs).length > 300,
      30_000,
    );
    answers.push(...(await load.stop()));
  }, 90_000);

  test('before it every webhook is taken', () => {
    expect(statusesOf(sentBetween(0, goneAtMs))).toEqual([200]);
  });

  test('meanwhile every webhook is answered, with 503 and when to come back, within three seconds', () => {
    // What was sent a moment before may still have been committed.
    const meanwhile = sentBetween(goneAtMs + 1_000, returningAtMs);
    expect(meanwhile.length).toBeGreaterThan(20);
    expect(statusesOf(meanwhile)).toEqual([503]);
    expect(meanwhile.every(({ retryAfter }) => Number(retryAfter) >= 1)).toBe(true);
    expect(Math.max(...meanwhile.map(({ tookMs }) => tookMs))).toBeLessThan(ANSWERED_WITHIN_MS);
  });

  test('nothing but success and 503 is ever answered, and never late', () => {
    expect(statusesOf(answers)).toEqual([200, 503]);
    expect(Math.max(...answers.map(({ tookMs }) => tookMs))).toBeLessThan(ANSWERED_WITHIN_MS);
  });

  test('it recovers by itself', () => {
    const refusedAgain = answers.filter(
      ({ status, sentAtMs }) => status !== 200 && sentAtMs > backAtMs + RECOVERED_WITHIN_MS,
    );
    const firstTaken = answers.find(({ status, sentAtMs }) => status === 200 && sentAtMs > backAtMs)!;
    expect(firstTaken.sentAtMs - backAtMs).toBeLessThan(RECOVERED_WITHIN_MS);
    expect(refusedAgain).toEqual([]);
  });

  test('everything acknowledged is there, applied once, and every promise holds', async () => {
    await eventually(async () => (await api.conservation()).waiting === 0, 60_000);
    const rows = await database.db
      .selectFrom('event')
      .select(['transaction_id', 'state'])
      .where('transaction_id', 'like', `${prefix}-%`)
      .execute();
    const stateOf = new Map(rows.map((row) => [row.transaction_id, row.state]));
    const acknowledged = answers.filter(({ status }) => status === 200);
    expect(acknowledged.filter(({ payment }) => stateOf.get(payment.transaction_id) !== 'applied')).toEqual([]);
    await checkPromises(database.db);
    expect((await fetch(`${world.service.url}/readyz`)).status).toBe(200);
  }, 90_000);
});

function statusesOf(answers: LoadAnswer[]): (number | null)[] {
  return [...new Set(answers.map(({ status }) => status))].sort();
}
