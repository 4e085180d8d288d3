import { sql } from 'kysely';
import { expect, test, vi } from 'vitest';
import { createClock } from '../../src/platform/clock.ts';
import { createTestDatabase } from '../database.ts';

const { db } = await createTestDatabase();

test('a synchronised clock tells the database’s time, whatever this machine’s clock is set to', async () => {
  const clock = createClock();
  vi.setSystemTime(new Date('2001-01-01T00:00:00Z'));
  await clock.synchronise(db);
  const before = clock.now();
  const { rows } = await sql<{ now: Date }>`select clock_timestamp() as now`.execute(db);
  const after = clock.now();
  vi.useRealTimers();
  expect(rows[0]!.now.getTime()).toBeGreaterThan(before.getTime() - 500);
  expect(rows[0]!.now.getTime()).toBeLessThan(after.getTime() + 500);
});

test('a clock that was never synchronised still runs, on this machine’s time', () => {
  expect(Math.abs(createClock().now().getTime() - Date.now())).toBeLessThan(60_000);
});
