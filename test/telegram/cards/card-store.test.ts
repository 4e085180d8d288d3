import { sql } from 'kysely';
import pg from 'pg';
import { beforeEach, expect, test } from 'vitest';
import { listStaleCards, markSending, markShown, markUnchanged } from '../../../src/telegram/cards/card-store.ts';
import { createTestDatabase } from '../../database.ts';
import { openTicket, resolve } from '../sender-harness.ts';

const { db, url } = await createTestDatabase();
const CHAT = -100;
const AT = new Date('2026-11-22T12:00:00Z');

beforeEach(async () => {
  await sql`truncate card, ticket cascade`.execute(db);
});

const stale = async () => (await listStaleCards(db, CHAT)).map((card) => card.ticketId);

async function show(ticketId: number, revision: number): Promise<void> {
  await markSending(db, ticketId, CHAT);
  await markShown(db, { ticketId, messageId: 1, revision, textHash: 'x', severity: 'P2', at: AT });
}

test('a ticket is stale until it is shown as it is', async () => {
  const id = await openTicket(db, AT, {});
  expect(await stale()).toEqual([id]);
  await show(id, 1);
  expect(await stale()).toEqual([]);
  await resolve(db, id);
  expect(await stale()).toEqual([id]);
  await markUnchanged(db, id, 2);
  expect(await stale()).toEqual([]);
});

test('a card shown in another chat is stale in this one', async () => {
  const id = await openTicket(db, AT, {});
  await show(id, 1);
  expect((await listStaleCards(db, -200)).map((card) => [card.ticketId, card.messageId])).toEqual([[id, null]]);
});

test('an older picture never takes back a newer one', async () => {
  const id = await openTicket(db, AT, {});
  await show(id, 3);
  await markUnchanged(db, id, 2);
  const card = await db.selectFrom('card').select('shown_revision').where('ticket_id', '=', id).executeTakeFirst();
  expect(card?.shown_revision).toBe(3);
});

test('a note on a resolved ticket makes its card stale again', async () => {
  const id = await openTicket(db, AT, {});
  await resolve(db, id);
  await show(id, 2);
  expect(await stale()).toEqual([]);
  await sql`update ticket set wanted_revision = wanted_revision + 1 where id = ${id}`.execute(db);
  expect(await stale()).toEqual([id]);
});

test('resolving at the very moment of the first send is not missed', async () => {
  const id = await openTicket(db, AT, {});
  const resolver = new pg.Client({ connectionString: url });
  await resolver.connect();
  await resolver.query('begin');
  await resolver.query(
    `update ticket set state = 'resolved', resolved_at = now(), wanted_revision = wanted_revision + 1 where id = $1`,
    [id],
  );
  const sending = markSending(db, id, CHAT);
  await expect
    .poll(
      async () =>
        (await sql<{ n: number }>`select count(*)::int as n from pg_locks where not granted`.execute(db)).rows[0]?.n,
    )
    .toBeGreaterThan(0);
  await resolver.query('commit');
  await resolver.end();
  await sending;
  await markShown(db, { ticketId: id, messageId: 1, revision: 1, textHash: 'x', severity: 'P2', at: AT });
  expect(await stale()).toEqual([id]);
});

test('however many tickets are done, only open and uncorrected ones are looked at', async () => {
  await sql`
    insert into ticket (fingerprint, stage, source, error_family, severity, state, resolved_at, first_failure_at, last_failure_at)
    select 'done ' || n, 'delivery', 'acme', 'x', 'P4', 'resolved', now(), now(), now() from generate_series(1, 5000) n`.execute(
    db,
  );
  await sql`
    insert into card (ticket_id, chat_id, message_id, shown_revision, done_revision) select id, ${CHAT}::bigint, 1, 1, 1 from ticket`.execute(
    db,
  );
  await sql`analyze ticket, card`.execute(db);
  const { rows } = await sql<{ 'QUERY PLAN': string }>`
    explain select t.id from card c join ticket t on t.id = c.ticket_id
    where c.done_revision > c.shown_revision and t.state in ('resolved', 'merged')`.execute(db);
  expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toContain('card_to_correct');
  expect(await stale()).toEqual([]);
});
