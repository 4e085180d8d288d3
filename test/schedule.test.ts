import { sql } from 'kysely';
import { afterEach, describe, expect, test } from 'vitest';
import { appendAudit } from '../src/audit/audit-store.ts';
import { countPartitionsAhead } from '../src/ledger/partition-store.ts';
import { listJobs } from '../src/schedule.ts';
import { createTestDatabase } from './database.ts';
import { insertEvent } from './seed.ts';

const { db, pool } = await createTestDatabase();
const jobs = listJobs({ db, clock: { now: () => new Date() }, wake: () => {}, onTicket: () => {} });
const run = (name: string) => jobs.find((job) => job.name === name)!.runOnce();
const listTickets = () => db.selectFrom('ticket').select(['error_family', 'severity', 'state']).orderBy('id').execute();

afterEach(async () => {
  await pool.query('truncate ticket, cause, ticket_log cascade');
});

test('a ledger whose counters agree with its rows is balanced, and no ticket is opened', async () => {
  await insertEvent(db, { state: 'applied' });
  expect(await run('conservation')).toMatchObject({ balanced: false });
  await pool.query('update counter set received = received + 1 where shard = 0');
  await pool.query('truncate ticket, cause, ticket_log cascade');
  expect(await run('conservation')).toMatchObject({ balanced: true });
  expect(await listTickets()).toEqual([]);
});

test('a counter that lost an event is found, and becomes one ticket however often it is found', async () => {
  await pool.query('update counter set applied = applied - 1 where shard = (select min(shard) from counter)');
  expect(await run('conservation')).toMatchObject({ balanced: false });
  await run('conservation');
  expect(await listTickets()).toEqual([{ error_family: 'conservation', severity: 'P2', state: 'open' }]);
  await pool.query('update counter set applied = applied + 1 where shard = (select min(shard) from counter)');
});

test('partitions are made three months ahead, again and again', async () => {
  expect(await run('partitions')).toMatchObject({ ahead: 3 });
  const inTwoMonths = new Date(Date.now() + 62 * 86_400_000);
  expect(await countPartitionsAhead(db, inTwoMonths)).toBeLessThan(2);
  expect(await listTickets()).toEqual([]);
});

test('a ledger that runs out of partitions is a P1 a month before it happens', async () => {
  const broken = { name: 'create_payload_partitions', body: 'begin return 0; end' };
  await pool.query(`alter function ${broken.name}(int, timestamptz) rename to kept_aside`);
  await pool.query(
    `create function ${broken.name}(ahead int, at_time timestamptz default clock_timestamp()) returns int language plpgsql as $$ ${broken.body} $$`,
  );
  const { rows } = await pool.query(
    `select 'payload_' || to_char(clock_timestamp() at time zone 'utc' + make_interval(months => n), 'YYYY_MM') as name from generate_series(1, 3) n`,
  );
  for (const { name } of rows) await pool.query(`drop table ${name}`);
  expect(await run('partitions')).toMatchObject({ ahead: 0 });
  expect(await listTickets()).toEqual([{ error_family: 'partitions', severity: 'P1', state: 'open' }]);
});

describe('what only grows', () => {
  const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000);

  test('runs of jobs are forgotten after a week, but the last of each', async () => {
    const runs = [
      { name: 'often', due_at: daysAgo(9) },
      { name: 'often', due_at: daysAgo(8) },
      { name: 'often', due_at: daysAgo(6) },
      { name: 'long ago', due_at: daysAgo(30) },
    ];
    await db
      .insertInto('job_run')
      .values(runs.map((one) => ({ ...one, holder: 'a', error: null })))
      .execute();
    expect(await run('inbox')).toMatchObject({ runs: 2 });
    const left = await db.selectFrom('job_run').select(['name', 'due_at']).orderBy('due_at').execute();
    expect(left).toEqual([runs[3], runs[2]]);
  });

  test('processes are forgotten a week after they were seen last', async () => {
    await db
      .insertInto('replica')
      .values([
        { id: 'gone', roles: 'worker', seen_at: daysAgo(8) },
        { id: 'seen', roles: 'worker', seen_at: daysAgo(6) },
      ])
      .execute();
    expect(await run('inbox')).toMatchObject({ replicas: 1 });
    expect(await db.selectFrom('replica').select('id').execute()).toEqual([{ id: 'seen' }]);
  });
});

describe('the head of the audit log', () => {
  const append = () =>
    db
      .transaction()
      .execute((trx) => appendAudit(trx, { actor: 'telegram:1', action: 'x', target: 'y', allowed: true }));
  const heads = () =>
    db.selectFrom('notice').select(['key', 'body']).where('key', 'like', 'audit-head:%').orderBy('id').execute();
  const tamper = (statement: string) =>
    db.transaction().execute(async (trx) => {
      await sql`set local session_replication_role = replica`.execute(trx);
      await sql.raw(statement).execute(trx);
    });

  test('is posted in its topic whenever something was added', async () => {
    await append();
    expect(await run('audit')).toMatchObject({ intact: true, rows: 1 });
    await run('audit');
    await append();
    await run('audit');
    expect(await heads()).toMatchObject([
      { body: { topic: 'audit', text: expect.stringMatching(/1 rows, the chain is intact\.\n1:[0-9a-f]{32}$/) } },
      { body: { text: expect.stringMatching(/\n2:[0-9a-f]{32}$/) } },
    ]);
    expect(await listTickets()).toEqual([]);
  });

  test('that is not in the log any more is a ticket, though the chain that is left fits together', async () => {
    await tamper('delete from audit where id = 2');
    await tamper('update audit_head set id = 1, hash = (select hash from audit where id = 1)');
    expect(await run('audit')).toMatchObject({ intact: false });
    expect(await listTickets()).toEqual([{ error_family: 'audit chain', severity: 'P1', state: 'open' }]);
  });

  test('is not posted of a broken chain, which is a ticket', async () => {
    await tamper("update audit set actor = 'telegram:2'");
    expect(await run('audit')).toMatchObject({ intact: false, because: expect.stringContaining('row 1') });
    expect(await heads()).toHaveLength(2);
  });
});
