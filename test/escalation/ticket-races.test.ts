import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { beforeEach, expect, test } from 'vitest';
import { type Failures, openOrAttach, resolveDoneTickets } from '../../src/escalation/open-ticket.ts';
import { reopenTicket, resolveTicket } from '../../src/escalation/ticket-acts.ts';
import { findTicket } from '../../src/escalation/ticket-query.ts';
import { markPicture } from '../../src/escalation/ticket-store.ts';
import { createTestDatabase } from '../database.ts';
import { insertEvent } from '../seed.ts';

const { db } = await createTestDatabase();
const ann = { personId: 1001, name: 'Ann' };

let family = 0;
let failing: Failures;
beforeEach(() => {
  family += 1;
  failing = {
    cause: { stage: 'delivery', source: 'acme', dependency: 'activation', errorFamily: `HTTP ${family}` },
    count: 1,
    countries: ['DE'],
    sampleTransaction: 'tx1',
    needsLook: false,
  };
});

const open = async () => (await db.transaction().execute((trx) => openOrAttach(trx, failing))).ticketId;

/** Resolves for everybody when `people` have come. */
function meeting(people: number): () => Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let missing = people;
  return () => {
    missing -= 1;
    if (missing === 0) resolve();
    return promise;
  };
}

/** Until some statement on this database waits for a lock that another holds. */
async function somebodyWaits(): Promise<void> {
  for (;;) {
    const { rows } = await sql<{ waiting: number }>`
      select count(*)::int as waiting from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`.execute(db);
    if (rows[0]!.waiting > 0) return;
    await delay(5);
  }
}

test('two transactions that apply the last two events of a ticket at once leave it resolved', async () => {
  const ticketId = await open();
  const [first, second] = [
    await insertEvent(db, { ticketId, userId: 'u1' }),
    await insertEvent(db, { ticketId, userId: 'u2' }),
  ];
  const [bothApplied, bothLooked] = [meeting(2), meeting(2)];
  const apply = (event: { id: number }) =>
    db.transaction().execute(async (trx) => {
      await trx.updateTable('event').set({ state: 'applied' }).where('id', '=', event.id).execute();
      await bothApplied();
      const resolved = await resolveDoneTickets(trx, [ticketId]);
      await Promise.race([bothLooked(), somebodyWaits()]);
      return resolved;
    });
  const resolved = await Promise.all([apply(first), apply(second)]);
  expect(resolved.flat()).toEqual([ticketId]);
  expect((await findTicket(db, ticketId))?.state).toBe('resolved');
});

test('a ticket is not resolved by the event that was applied last while another failure is being attached to it', async () => {
  const ticketId = await open();
  const attached = Promise.withResolvers<void>();
  const commit = Promise.withResolvers<void>();
  const attaching = db.transaction().execute(async (trx) => {
    await openOrAttach(trx, failing);
    await insertEvent(trx, { state: 'dead', ticketId, userId: 'u1' });
    attached.resolve();
    await commit.promise;
  });
  await attached.promise;
  const resolving = db.transaction().execute((trx) => resolveDoneTickets(trx, [ticketId]));
  await somebodyWaits();
  commit.resolve();
  await attaching;
  expect(await resolving).toEqual([]);
  expect((await findTicket(db, ticketId))?.state).toBe('open');
});

test('a retry and a resolution of the same ticket at the same moment wait for each other, and neither fails', async () => {
  const ticketId = await open();
  const event = await insertEvent(db, { state: 'dead', ticketId, userId: 'u1' });
  const locked = Promise.withResolvers<void>();
  const retrying = db.transaction().execute(async (trx) => {
    await trx.selectFrom('event').select('id').where('id', '=', event.id).forUpdate().execute();
    locked.resolve();
    await somebodyWaits();
    await markPicture(trx, ticketId, { by: 'person' });
  });
  await locked.promise;
  const resolving = resolveTicket(db, { ticketId, actor: ann, seenRevision: 1, commandId: `d${family}`, reason: null });
  await retrying;
  expect((await resolving).outcome).toBe('done');
});

test('a ticket reopened by hand while it fails again is opened once, and neither fails', async () => {
  const ticketId = await open();
  await resolveTicket(db, { ticketId, actor: ann, seenRevision: 1, commandId: `e${family}`, reason: null });
  const locked = Promise.withResolvers<void>();
  const failingAgain = db.transaction().execute(async (trx) => {
    await trx.selectFrom('cause').select('ticket_id').where('ticket_id', '=', ticketId).forUpdate().execute();
    locked.resolve();
    await somebodyWaits();
    return openOrAttach(trx, failing);
  });
  await locked.promise;
  const reopening = reopenTicket(db, { ticketId, actor: ann, seenRevision: 2, commandId: `f${family}` });
  expect(await failingAgain).toEqual({ ticketId, opened: false });
  expect((await reopening).outcome).toBe('stale');
  expect(await findTicket(db, ticketId)).toMatchObject({ state: 'open', failures: 2 });
});
