import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { sweepOnce } from '../../src/duty/sweep.ts';
import { createTestDatabase } from '../database.ts';

const { db, pool } = await createTestDatabase();

async function apply(files: string[]): Promise<void> {
  for (const file of files.sort()) await pool.query(readFileSync(file, 'utf8'));
}

test('tickets that are open at the upgrade get their deadlines from then on, and nobody is called for them at once', async () => {
  const files = globSync('migrations/*.sql');
  await pool.query('drop schema public cascade; create schema public');
  await apply(files.filter((file) => file < 'migrations/0050'));
  await pool.query(`
    insert into person (telegram_id, role) values (1001, 'engineer');
    insert into ticket (fingerprint, stage, source, error_family, state, severity, owner_id, first_failure_at, last_failure_at, opened_at, resolved_at)
    select state || severity, 'delivery', 'acme', 'timeout', state, severity, case state when 'acknowledged' then 1001 end, at, at, at,
      case state when 'resolved' then at end
    from unnest(array['open', 'acknowledged', 'resolved']) as state, unnest(array['P1', 'P2', 'P3', 'P4']) as severity,
      (select now() - interval '9 days') as long(at)`);
  await apply(files.filter((file) => file >= 'migrations/0050' && file < 'migrations/0060'));
  expect(await sweepOnce({ db })).toEqual({ served: 0, paged: 0 });
  const soon = new Date(Date.now() + 5 * 60_000 + 1_000);
  expect((await sweepOnce({ db }, soon)).served).toBe(1);
  const called = await db
    .selectFrom('page')
    .innerJoin('ticket', 'ticket.id', 'page.ticket_id')
    .select('fingerprint')
    .execute();
  expect(called).toEqual([{ fingerprint: 'openP1' }]);
  const done = await db.selectFrom('ticket').select('next_deadline').where('state', '=', 'resolved').execute();
  expect(done.every((ticket) => ticket.next_deadline === null)).toBe(true);
});
