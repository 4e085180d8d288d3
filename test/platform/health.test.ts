import { expect, onTestFinished, test } from 'vitest';
import { createDb, createPool } from '../../src/platform/database.ts';
import { createHealth, registerHealthRoutes } from '../../src/platform/health.ts';
import { createHttpServer } from '../../src/platform/http-server.ts';
import { createLog } from '../../src/platform/log.ts';
import { createTestDatabase } from '../database.ts';

const { db, pool, url } = await createTestDatabase();
const replica = { id: 'host-1-abc', roles: 'intake,worker' };

function openServer(health: ReturnType<typeof createHealth>) {
  const server = createHttpServer({ trustProxy: false, log: createLog({ level: 'silent' }) });
  registerHealthRoutes(server, health);
  onTestFinished(() => server.close());
  return server;
}

test('while the process can commit it is ready, and its heartbeat is a row', async () => {
  const answer = await openServer(createHealth({ db, replica })).inject('/readyz');
  expect([answer.statusCode, answer.json()]).toEqual([200, { ready: true, database: 'ok', parts: {} }]);
  const { rows } = await pool.query('select roles, seen_at > now() - interval $$10 seconds$$ as fresh from replica');
  expect(rows).toEqual([{ roles: 'intake,worker', fresh: true }]);
});

test('a part that is down is named and never makes the process unready', async () => {
  const health = createHealth({ db, replica });
  health.reportPart('telegram', 'down: no answer for 40 s');
  const answer = await openServer(health).inject('/readyz');
  expect([answer.statusCode, answer.json().parts]).toEqual([200, { telegram: 'down: no answer for 40 s' }]);
});

test('a process that cannot reach its database is alive and not ready', async () => {
  const elsewhere = createPool(url.replace(/:\d+\//, ':1/'), { max: 1, name: 'test' });
  onTestFinished(() => elsewhere.end());
  const server = openServer(createHealth({ db: createDb(elsewhere), replica }));
  expect((await server.inject('/healthz')).statusCode).toBe(200);
  const answer = await server.inject('/readyz');
  expect([answer.statusCode, answer.json()]).toEqual([
    503,
    { ready: false, database: 'cannot commit: ECONNREFUSED', parts: {} },
  ]);
});

test('a database that does not answer makes the process unready within the limit, and ready again when it does', async () => {
  const blocker = await pool.connect();
  onTestFinished(() => blocker.release());
  await blocker.query('begin; lock table replica in access exclusive mode');
  const health = createHealth({ db, replica, commitLimitMs: 50, cacheMs: 0 });
  expect(await health.check()).toMatchObject({ ready: false, database: 'cannot commit: TimeLimitError' });
  await blocker.query('rollback');
  expect(await health.check()).toMatchObject({ ready: true });
});

test('however many ask, the heartbeat is written once a second', async () => {
  const health = createHealth({ db, replica: { id: 'counted', roles: 'api' } });
  await health.check();
  const { rows: before } = await pool.query(`select seen_at from replica where id = 'counted'`);
  await Promise.all(Array.from({ length: 20 }, () => health.check()));
  const { rows: after } = await pool.query(`select seen_at from replica where id = 'counted'`);
  expect(after).toEqual(before);
});
