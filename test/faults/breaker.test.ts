import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Breakers } from '../../src/breaker/breakers.ts';
import { DEFAULT_BREAKER, settingsLookup } from '../../src/breaker/settings.ts';
import { migrate } from '../../src/platform/migrate.ts';
import { startReplicaOn } from '../breaker/replica.ts';
import { eventually } from '../world/eventually.ts';
import { startFaultyPostgres } from '../world/faulty-postgres.ts';

const database = await startFaultyPostgres();
await migrate(database.url);

const ok = { outcome: 'ok', durationMs: 5 } as const;
const fail = { outcome: 'fail', durationMs: 5 } as const;
const AWAY_MS = 3_000;

function startReplica(replica: string, dependency: string): Promise<Breakers> {
  const settings = { ...DEFAULT_BREAKER, openMs: 1_000, leaseMs: 4_000 };
  const settingsOf = settingsLookup({ [dependency]: settings }, 1_000);
  return startReplicaOn(database.url, { replica, settingsOf, dependencies: [dependency] });
}

async function open(breakers: Breakers, dependency: string): Promise<void> {
  for (let i = 0; i < 10; i++) breakers.begin(dependency, 'first').end(fail);
  await eventually(() => breakers.permit(dependency).may !== 'call');
}

const stateOf = async (breakers: Breakers, dependency: string) =>
  (await breakers.list()).find(({ name }) => name === dependency)!;

const faults = [
  ['restarted', database.stop, database.restart],
  ['frozen', database.freeze, database.thaw],
] as const;

test.each(faults)(
  'a breaker that is open while PostgreSQL is %s is open afterwards, and closes by its probes',
  async (title, away, back) => {
    const dependency = `provider:open-${title}`;
    const [one, two] = [await startReplica('one', dependency), await startReplica('two', dependency)];
    await open(one, dependency);
    await away();
    await wait(AWAY_MS); // the fault itself lasts this long
    for (const replica of [one, two]) expect(replica.permit(dependency)).toMatchObject({ may: 'wait', why: 'unknown' });
    await back();
    await eventually(() => one.permit(dependency).may === 'probe' && two.permit(dependency).may === 'probe');
    expect(await stateOf(one, dependency)).toMatchObject({ state: 'open', epoch: 2 });
    const probes = await two.acquireProbes(dependency, 3);
    for (const probe of probes) await two.reportProbe(probe, ok);
    await eventually(() => one.permit(dependency).may === 'call' && two.permit(dependency).may === 'call');
  },
);

test.each(faults)(
  'probes under way while PostgreSQL is %s are lost when their lease ends, and others take their place',
  async (title, away, back) => {
    const dependency = `provider:half-open-${title}`;
    const [one, two] = [await startReplica('one', dependency), await startReplica('two', dependency)];
    await open(one, dependency);
    await eventually(() => one.permit(dependency).may === 'probe');
    const lost = await one.acquireProbes(dependency, 3);
    expect(lost).toHaveLength(3);
    await away();
    await one.reportProbe(lost[0]!, ok); // does not arrive, and does not throw
    await wait(AWAY_MS);
    await back();
    await eventually(() => two.permit(dependency).may === 'probe', 15_000);
    expect(await stateOf(two, dependency)).toMatchObject({ state: 'half_open', epoch: 3 });
    const probes = await eventually(async () => {
      const leases = await two.acquireProbes(dependency, 3);
      return leases.length === 3 && leases;
    }, 15_000);
    for (const probe of probes) await two.reportProbe(probe, ok);
    await eventually(() => one.permit(dependency).may === 'call');
    expect(await stateOf(two, dependency)).toMatchObject({ state: 'closed', epoch: 4 });
  },
);
