import { expect, test } from 'vitest';
import { readBacklog } from '../../src/platform/backlog-query.ts';
import { createMetrics, type ShownBacklog } from '../../src/platform/metrics.ts';
import { createTestDatabase } from '../database.ts';

const { db, pool } = await createTestDatabase();

const backlog: ShownBacklog = {
  waiting: 7,
  parked: { activation: 7 },
  oldestDueSeconds: 1.5,
  openTickets: { P1: 0, P2: 3, P3: 0, P4: 0 },
  openedTickets: 12,
  unexplainedReceived: 0,
  unexplainedStored: -1,
};

test('every metric says in words what it means', async () => {
  const metrics = createMetrics();
  const described = await metrics.registry.getMetricsAsJSON();
  const ours = described.filter((metric) => metric.name.startsWith('breakwater_'));
  expect(ours.length).toBeGreaterThan(15);
  expect(ours.filter((metric) => metric.help.split(' ').length < 4)).toEqual([]);
});

test('what the process did is counted under its labels, beside the process’s own figures', async () => {
  const metrics = createMetrics();
  metrics.webhooksRefused.inc({ provider: 'acme', cause: 'wrong_secret', country: 'DE' });
  metrics.webhookAnswerSeconds.observe({ status: '200' }, 0.004);
  const text = await metrics.render();
  expect(text).toContain('breakwater_webhooks_refused_total{provider="acme",cause="wrong_secret",country="DE"} 1');
  expect(text).toContain('breakwater_webhook_answer_seconds_bucket{le="0.005",status="200"} 1');
  expect(text).toContain('process_resident_memory_bytes');
});

test('a scrape shows the backlog, and asks the database once however many scrape', async () => {
  let reads = 0;
  const metrics = createMetrics({ readBacklog: async () => ({ ...backlog, waiting: ++reads }) });
  const texts = await Promise.all([metrics.render(), metrics.render(), metrics.render()]);
  expect(reads).toBe(1);
  for (const text of texts) {
    expect(text).toContain('breakwater_queue_depth 1\n');
    expect(text).toContain('breakwater_queue_oldest_due_seconds 1.5');
    expect(text).toContain('breakwater_breaker_parked{dependency="activation"} 7');
    expect(text).toContain('breakwater_tickets_open{severity="P2"} 3');
    expect(text).toContain('breakwater_tickets_opened_total 12');
    expect(text).toContain('breakwater_conservation_unexplained{of="stored"} -1');
  }
});

test('while the database does not answer, a scrape has the counters and no gauge of the backlog', async () => {
  const metrics = createMetrics({ readBacklog: () => Promise.reject(new Error('down')) });
  metrics.eventsStored.inc({ provider: 'acme' });
  const text = await metrics.render();
  expect(text).toContain('breakwater_events_stored_total{provider="acme"} 1');
  expect(text).not.toMatch(/^breakwater_(queue_depth|queue_oldest_due_seconds|tickets_open|conservation)/m);
});

test('an empty ledger has nothing waiting, nothing due, no ticket and nothing unexplained', async () => {
  expect(await readBacklog(db)).toEqual({
    waiting: 0,
    oldestDueSeconds: 0,
    openTickets: { P1: 0, P2: 0, P3: 0, P4: 0 },
    openedTickets: 0,
    unexplainedReceived: 0,
    unexplainedStored: 0,
  });
});

test('the backlog is what waits, since when it is due, and the tickets still open; what is not due yet is not late', async () => {
  await insertEvent('pending', '-30 seconds');
  await insertEvent('retrying', '-90 seconds');
  await insertEvent('retrying', '+1 hour');
  await insertEvent('applied', '-1 day');
  await insertTicket('cause 1', 'P2', null);
  await insertTicket('cause 2', 'P2', 'resolved');
  await pool.query('update counter set received = 4 where shard = 0');
  const read = await readBacklog(db);
  expect(read).toMatchObject({
    waiting: 3,
    openTickets: { P1: 0, P2: 1 },
    unexplainedReceived: 0,
    unexplainedStored: 0,
  });
  expect(read.oldestDueSeconds).toBeGreaterThanOrEqual(90);
  expect(read.oldestDueSeconds).toBeLessThan(150);
});

test('a webhook that was counted and not stored is unexplained', async () => {
  await pool.query('update counter set received = received + 2 where shard = 1');
  expect((await readBacklog(db)).unexplainedReceived).toBe(2);
});

async function insertEvent(state: string, due: string): Promise<void> {
  await pool.query(
    `insert into event (provider, dedup_key, body_hash, kind, received_at, state, due_at)
     values ('acme', gen_random_uuid()::text, '', 'paid', clock_timestamp(), $1, clock_timestamp() + $2::interval)`,
    [state, due],
  );
}

async function insertTicket(fingerprint: string, severity: string, ended: 'resolved' | null): Promise<void> {
  await pool.query(
    `insert into ticket (fingerprint, stage, source, error_family, severity, first_failure_at, last_failure_at, state, resolved_at)
     values ($1, 'delivery', 'acme', 'timeout', $2, now(), now(), coalesce($3, 'open'), case when $3::text is null then null else now() end)`,
    [fingerprint, severity, ended],
  );
}
