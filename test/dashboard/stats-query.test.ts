import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { readStats } from '../../src/dashboard/stats-query.ts';
import { condenseStats } from '../../src/dashboard/stats-store.ts';
import { viewStats, windowOf } from '../../src/dashboard/stats-view.ts';
import { createTestDatabase } from '../database.ts';

const { db } = await createTestDatabase();
const NOW = new Date('2026-11-22T12:04:30Z');
const at = (time: string) => new Date(`2026-11-22T${time}Z`);

async function statsOf(span: '1h' | '24h' | '7d') {
  const window = windowOf(span, NOW);
  return viewStats(span, window, await readStats(db, window));
}

async function putTicket(seed: { source?: string; severity?: string; openedAt: Date; resolvedAt?: Date }) {
  await db
    .insertInto('ticket')
    .values({
      fingerprint: `${seed.openedAt.toISOString()} ${seed.source}`,
      stage: 'delivery',
      source: seed.source ?? 'acme',
      dependency: null,
      error_family: 'x',
      severity: (seed.severity ?? 'P2') as 'P2',
      countries: '{}',
      state: seed.resolvedAt ? 'resolved' : 'open',
      opened_at: seed.openedAt,
      resolved_at: seed.resolvedAt ?? null,
      first_failure_at: seed.openedAt,
      last_failure_at: seed.openedAt,
    })
    .execute();
}

test('a window adds up its own minutes over all workers, and nothing outside it', async () => {
  await sql`truncate delivery_minute, call_minute`.execute(db);
  const row = { share: 1, provider: 'acme', state: 'applied' as const, quarter: 20, events: 5 };
  await db
    .insertInto('delivery_minute')
    .values([
      { ...row, minute: at('12:04') },
      { ...row, minute: at('12:04'), share: 2, events: 7 },
      { ...row, minute: at('11:05'), state: 'dead', events: 1 },
      { ...row, minute: at('11:04'), events: 100 },
    ])
    .execute();
  await db
    .insertInto('call_minute')
    .values([
      { minute: at('12:00'), share: 1, dependency: 'activation', outcome: 'transient', calls: 3 },
      { minute: at('09:00'), share: 1, dependency: 'activation', outcome: 'ok', calls: 9 },
    ])
    .execute();
  const hour = await statsOf('1h');
  expect(hour).toMatchObject({ ended: 13, failed: 1, dependencies: [{ name: 'activation', calls: 3, failed: 3 }] });
  expect(hour.slots[0]).toMatchObject({ applied: 0, failed: 1 });
  expect(hour.slots.at(-1)).toMatchObject({ applied: 12, failed: 0 });
  expect(await statsOf('24h')).toMatchObject({ ended: 113, dependencies: [{ calls: 12, failed: 3 }] });
});

test('tickets are counted when they opened and when they were resolved, drills never', async () => {
  await sql`truncate ticket cascade`.execute(db);
  await putTicket({ openedAt: at('12:01'), severity: 'P1' });
  await putTicket({ openedAt: at('08:00'), resolvedAt: at('12:02') });
  await putTicket({ openedAt: at('12:03'), source: 'drill' });
  expect(await statsOf('1h')).toMatchObject({ opened: 1, resolved: 1, open: { P1: 1, P2: 0 } });
  expect(await statsOf('7d')).toMatchObject({ opened: 2, resolved: 1 });
});

test('old minutes are put together by the quarter of an hour, which changes no picture of a day or a week', async () => {
  await sql`truncate delivery_minute, call_minute`.execute(db);
  const row = { provider: 'acme', state: 'applied' as const, quarter: 20, events: 1 };
  const call = { dependency: 'activation', outcome: 'permanent' as const, calls: 1 };
  for (const minute of ['07:00', '07:01', '07:14', '07:15', '11:50'].map(at))
    for (const share of [1, 2]) {
      await db
        .insertInto('delivery_minute')
        .values({ ...row, minute, share })
        .execute();
      await db
        .insertInto('call_minute')
        .values({ ...call, minute, share })
        .execute();
    }
  const before = [await statsOf('1h'), await statsOf('24h'), await statsOf('7d')];
  expect(await condenseStats(db, NOW)).toEqual({ condensed: 4, deleted: 0 });
  expect([await statsOf('1h'), await statsOf('24h'), await statsOf('7d')]).toEqual(before);
  expect(await countMinutes()).toBe(4);
  expect(await condenseStats(db, NOW)).toEqual({ condensed: 0, deleted: 0 });
  await db
    .insertInto('delivery_minute')
    .values({ ...row, minute: at('07:03'), share: 1 })
    .execute();
  await condenseStats(db, NOW);
  expect((await statsOf('7d')).ended).toBe(11);
});

test('minutes that no picture shows are deleted, and no others', async () => {
  await sql`truncate delivery_minute, call_minute`.execute(db);
  for (const days of [9, 7.5]) {
    const minute = new Date(NOW.getTime() - days * 86_400_000);
    const row = { minute, share: 0, provider: 'acme', state: 'applied' as const, quarter: 1, events: 1 };
    await db.insertInto('delivery_minute').values(row).execute();
  }
  expect(await condenseStats(db, NOW)).toMatchObject({ deleted: 1 });
  expect(await condenseStats(db, NOW)).toMatchObject({ deleted: 0 });
});

async function countMinutes(): Promise<number> {
  return (await db.selectFrom('delivery_minute').select('minute').execute()).length;
}

test('the database sorts a latency as the view reads it', async () => {
  const { rows } = await sql<{ seconds: number; quarter: number }>`
    select seconds, latency_quarter(seconds) as quarter
    from unnest(array[0, 0.0004, 0.001, 0.01, 1, 3600, 604800]::float8[]) as s(seconds)`.execute(db);
  for (const { seconds, quarter } of rows) expect(quarter).toBe(Math.floor(4 * Math.log2(Math.max(1, seconds * 1000))));
});
