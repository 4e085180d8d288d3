import { expect, test } from 'vitest';
import type { Breakers } from '../../src/breaker/breakers.ts';
import { completeSettings, DEFAULT_BREAKER } from '../../src/breaker/settings.ts';
import { createPool } from '../../src/platform/database.ts';
import { createTestDatabase } from '../database.ts';
import { eventually } from '../world/eventually.ts';
import { startReplicaOn } from './replica.ts';

const { url } = await createTestDatabase();
const CALLS = 10_000;

/** A replica, and how often it has asked the database for anything; its listening connection asks nothing but whether it still lives. */
async function startCounted(dependency: string): Promise<{ breakers: Breakers; asked: () => number }> {
  const pool = createPool(url, { max: 2, name: 'call cost', statementTimeoutMs: 1_000 });
  let asked = 0;
  pool.on('acquire', () => {
    asked += 1;
  });
  const settings = completeSettings({ ...DEFAULT_BREAKER, openMs: 50 }, 10_000);
  const options = { replica: dependency, settingsOf: () => settings, dependencies: [dependency] };
  const breakers = await startReplicaOn(url, options, pool);
  return { breakers, asked: () => asked };
}

function makeCall(breakers: Breakers, dependency: string, outcome: 'ok' | 'fail'): void {
  expect(breakers.permit(dependency).may).toBe('call');
  expect(breakers.canStart(dependency)).toBe(Infinity);
  breakers.canRetry(dependency);
  breakers.begin(dependency, 'first').end({ outcome, durationMs: 5 });
}

test('calls of a closed breaker ask the database nothing, and what they came to is written in the same few statements however many they were', async () => {
  const { breakers, asked } = await startCounted('provider:many');
  const statements: number[] = [];
  for (const calls of [1, CALLS]) {
    const seenBefore = await countSeen(breakers);
    const before = asked();
    for (let i = 0; i < calls; i++) makeCall(breakers, 'provider:many', 'ok');
    expect(asked() - before, 'in the time of the calls').toBe(0);
    await eventually(async () => (await countSeen(breakers)) === seenBefore + calls);
    statements.push(asked() - before);
  }
  // The turns of a poll or two and our own looks; one statement per call would be ten thousand.
  expect(Math.max(...statements)).toBeLessThan(100);
});

test('a probe of an open one asks before its call, and reports after it', async () => {
  const { breakers, asked } = await startCounted('provider:open');
  for (let i = 0; i < 10; i++) makeCall(breakers, 'provider:open', 'fail');
  await eventually(() => breakers.permit('provider:open').may === 'probe');
  const before = asked();
  const [probe] = await breakers.acquireProbes('provider:open', 1);
  const between = asked();
  expect(between).toBeGreaterThan(before);
  await breakers.reportProbe(probe!, { outcome: 'ok', durationMs: 5 });
  expect(asked()).toBeGreaterThan(between);
});

async function countSeen(breakers: Breakers): Promise<number> {
  return (await breakers.list()).reduce((sum, { ok }) => sum + ok, 0);
}
