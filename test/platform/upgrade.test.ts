import { createHash } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { hashAuditRecord } from '../../src/audit/audit-chain.ts';
import { appendAudit, verifyAuditChain } from '../../src/audit/audit-store.ts';
import { readStats } from '../../src/dashboard/stats-query.ts';
import { windowOf } from '../../src/dashboard/stats-view.ts';
import { sweepOnce } from '../../src/duty/sweep.ts';
import { acknowledgeTicket } from '../../src/escalation/ticket-acts.ts';
import { findTicket } from '../../src/escalation/ticket-query.ts';
import { findPerson } from '../../src/people/person-store.ts';
import { migrate } from '../../src/platform/migrate.ts';
import { renderCard } from '../../src/telegram/cards/card-text.ts';
import { claimUpdates } from '../../src/telegram/incoming/inbox-store.ts';
import { createTestDatabase } from '../database.ts';
import { insertEvent } from '../seed.ts';

const { db, pool, url } = await createTestDatabase();
/** What a database of the release before people, duty and overrides had applied. */
const FIRST_NEW = '0040';

async function goBack(): Promise<string[]> {
  const files = globSync('migrations/*.sql').sort();
  await pool.query('drop schema public cascade; create schema public');
  await pool.query(
    'create table migration (name text primary key, hash text not null, applied_at timestamptz not null default now())',
  );
  for (const file of files.filter((one) => basename(one) < FIRST_NEW)) {
    const text = readFileSync(file, 'utf8');
    await pool.query(text);
    const hash = createHash('sha256').update(text).digest('hex');
    await pool.query('insert into migration (name, hash) values ($1, $2)', [basename(file), hash]);
  }
  return files.map((file) => basename(file)).filter((name) => name >= FIRST_NEW);
}

async function fillOldSchema(): Promise<void> {
  await pool.query(`
    insert into person (telegram_id, first_name, role, active, private_chat) values
      (1001, 'Ann', 'engineer', true, true), (1002, 'Ben', 'admin', true, false), (1009, 'Gone', 'lead', false, true);
    insert into ticket (fingerprint, stage, source, dependency, error_family, state, severity, owner_id, owner_name, snoozed_until,
      first_failure_at, last_failure_at, opened_at, resolved_at)
    select stage || state || severity, stage, 'acme', 'activation', 'HTTP 503', state, severity,
      case state when 'acknowledged' then 1001 end, case state when 'acknowledged' then 'Ann' end,
      case state when 'snoozed' then now() + interval '10 minutes' end, at, at, at, case state when 'resolved' then at end
    from unnest(array['delivery', 'intake', 'operations']) as stage,
      unnest(array['open', 'acknowledged', 'snoozed', 'resolved', 'merged']) as state,
      unnest(array['P1', 'P2', 'P3', 'P4']) as severity, (select now() - interval '9 days') as long(at);
    insert into ticket_log (ticket_id, kind, text) select id, 'opened', 'opened' from ticket;
    insert into card (ticket_id, chat_id, message_id) select id, -1001, case when id % 3 > 0 then id end from ticket;
    insert into notice (key, chat_id, ticket_id, kind, body) select 'told:' || id, -1001, id, 'ticket', '{"text":"x"}' from ticket where id % 5 = 0;
    insert into telegram_update (update_id, lane, kind, payload) values (1, '-1001:1001', 'message', '{"update_id":1}');
    insert into chat (configured_id, chat_id) values (-1, -1001);
    select create_payload_partitions(3)`);
  const { id: ticketId } = await db.selectFrom('ticket').select('id').limit(1).executeTakeFirstOrThrow();
  for (const state of ['dead', 'applied', 'pending', 'ignored'] as const) {
    const { id } = await insertEvent(db, { state, ticketId: state === 'dead' ? ticketId : null });
    await sql`update event set finished_at = received_at - interval '1 second' where id = ${id} and state = 'applied'`.execute(
      db,
    );
    await sql`insert into attempt (provider, event_id, n, started_at, duration_ms, dependency, outcome)
      values ('acme', ${id}, 1, now(), 5, 'activation', 'transient')`.execute(db);
  }
  await appendOldAudit();
}

/** As the release before wrote it: without the columns that came since. */
async function appendOldAudit(): Promise<void> {
  const head = await db.selectFrom('audit_head').select('hash').executeTakeFirstOrThrow();
  const at = new Date('2026-11-01T10:00:00.123Z');
  const record = {
    id: 1,
    at,
    actor: 'telegram:1001',
    action: 'press:ack',
    target: 'T-1001',
    allowed: true,
    detail: {},
  };
  const hash = hashAuditRecord(head.hash, { ...record, place: null, factor: null, before: null, after: null });
  await pool.query(
    'insert into audit (id, at, actor, action, target, allowed, detail, previous_hash, hash) values (1, $1, $2, $3, $4, true, $5, $6, $7)',
    [at, record.actor, record.action, record.target, '{}', head.hash, hash],
  );
  await pool.query('update audit_head set id = 1, hash = $1', [hash]);
}

test('a database with tickets, people, open cards and an audit log is upgraded, and all of it goes on', async () => {
  const missing = await goBack();
  await fillOldSchema();
  expect(await migrate(url)).toEqual(missing);
  expect(await migrate(url)).toEqual([]);

  expect(await verifyAuditChain(db)).toMatchObject({ intact: true, rows: 1 });
  const entry = { actor: 'telegram:1001', action: 'x', target: 'y', allowed: true, place: 'group', factor: 'code' };
  await db.transaction().execute((trx) => appendAudit(trx, entry));
  expect(await verifyAuditChain(db)).toMatchObject({ intact: true, rows: 2 });

  expect(await findPerson(db, 1009)).toMatchObject({ role: 'lead', active: false });
  const tickets = await db.selectFrom('ticket').select(['id', 'state']).orderBy('id').execute();
  for (const { id } of tickets) expect(renderCard((await findTicket(db, id))!, new Date()).text).toContain(`T-${id}`);

  expect(await sweepOnce({ db })).toEqual({ served: 0, paged: 0 });
  const later = new Date(Date.now() + 11 * 60_000);
  const woken = await sweepOnce({ db }, later);
  expect(woken.served).toBeGreaterThanOrEqual(12);
  const asleep = await db.selectFrom('ticket').select('id').where('state', '=', 'snoozed').execute();
  expect(asleep).toEqual([]);

  const open = tickets.find(({ state }) => state === 'open')!;
  const ann = { personId: 1001, name: 'Ann' };
  const press = { ticketId: open.id, actor: ann, seenRevision: null, commandId: 'press:1' };
  expect((await acknowledgeTicket(db, press)).outcome).toBe('done');

  expect(await claimUpdates(db, { limit: 5, leaseMs: 1_000 })).toHaveLength(1);
  expect((await readStats(db, windowOf('24h', later))).deliveries).toBeDefined();
});
