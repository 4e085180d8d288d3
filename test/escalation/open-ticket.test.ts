import { beforeEach, expect, test } from 'vitest';
import { type Failures, openOrAttach, raiseSeverity, resolveDoneTickets } from '../../src/escalation/open-ticket.ts';
import { acknowledgeTicket, reopenTicket, resolveTicket } from '../../src/escalation/ticket-acts.ts';
import { findTicket, listOpenTickets } from '../../src/escalation/ticket-query.ts';
import { createTestDatabase } from '../database.ts';
import { insertEvent } from '../seed.ts';

const { db } = await createTestDatabase();

const ann = { personId: 1001, name: 'Ann' };
const ben = { personId: 1002, name: 'Ben' };
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

const open = (failures = failing, now: Date | null = null) =>
  db.transaction().execute((trx) => openOrAttach(trx, failures, now));

test('failures of one cause, told by twenty transactions at once, are one ticket with all of them counted', async () => {
  const tickets = await Promise.all(Array.from({ length: 20 }, () => open({ ...failing, count: 5 })));
  expect(new Set(tickets.map((ticket) => ticket.ticketId)).size).toBe(1);
  expect(tickets.filter((ticket) => ticket.opened)).toHaveLength(1);
  expect((await findTicket(db, tickets[0]!.ticketId))?.failures).toBe(100);
});

test('what fails again where it stands already is counted once, and so is its country', async () => {
  const { ticketId } = await open();
  await open({ ...failing, count: 3, countries: ['DE', 'FR', 'DE'], knownOn: [ticketId, null, ticketId + 1] });
  expect(await findTicket(db, ticketId)).toMatchObject({ failures: 3, countries: { DE: 2, FR: 1 } });
});

test('another cause is another ticket', async () => {
  const first = await open();
  const second = await open({ ...failing, cause: { ...failing.cause, errorFamily: `timeout ${family}` } });
  expect(second.ticketId).not.toBe(first.ticketId);
});

test('a dependency that is down is one ticket, whichever providers fail by it; without one the provider is the cause', async () => {
  const first = await open();
  expect((await open({ ...failing, cause: { ...failing.cause, source: 'stripe' } })).ticketId).toBe(first.ticketId);
  const intake = (source: string) => open({ ...failing, cause: { ...failing.cause, dependency: null, source } });
  expect((await intake('acme')).ticketId).not.toBe((await intake('stripe')).ticketId);
});

test('a failure within two hours of resolving opens the same ticket again', async () => {
  const { ticketId } = await open();
  await resolveTicket(db, { ticketId, actor: ann, seenRevision: 1, commandId: `r${family}`, reason: null });
  const again = await open();
  expect(again).toEqual({ ticketId, opened: false });
  expect((await findTicket(db, ticketId))?.state).toBe('open');
});

test('a ticket that opens again says so under its card, and shows a payment that fails now', async () => {
  const { ticketId } = await open();
  await resolveTicket(db, { ticketId, actor: ann, seenRevision: 1, commandId: `r${family}`, reason: null });
  await open({ ...failing, sampleTransaction: 'tx2' });
  expect((await findTicket(db, ticketId))?.sampleTransaction).toBe('tx2');
  const ofTicket = db.selectFrom('notice').select(['kind', 'body']).where('ticket_id', '=', ticketId);
  const notices = await ofTicket.where('key', 'like', 'reopened:%').execute();
  expect(notices).toEqual([{ kind: 'ticket', body: { text: expect.stringContaining('failing again') } }]);
});

test('a failure more than two hours after resolving is a new ticket', async () => {
  const { ticketId } = await open();
  await resolveTicket(db, { ticketId, actor: ann, seenRevision: 1, commandId: `r${family}`, reason: null });
  const later = new Date(Date.now() + 2 * 60 * 60 * 1000 + 1000);
  expect((await open(failing, later)).ticketId).not.toBe(ticketId);
  expect((await findTicket(db, ticketId))?.state).toBe('resolved');
});

test('twenty waiting people make a ticket P1, nineteen leave it P2, and nobody waiting P4', async () => {
  const { ticketId } = await open();
  expect(await db.transaction().execute((trx) => raiseSeverity(trx, ticketId, false))).toBe('P4');
  for (let n = 1; n <= 19; n++) await insertEvent(db, { state: 'dead', ticketId, userId: `u${n}` });
  expect(await db.transaction().execute((trx) => raiseSeverity(trx, ticketId, false))).toBe('P2');
  await insertEvent(db, { state: 'dead', ticketId, userId: 'u20' });
  expect(await db.transaction().execute((trx) => raiseSeverity(trx, ticketId, false))).toBe('P1');
});

test('an acknowledgement has one winner; the other is told who it was and changes nothing', async () => {
  const { ticketId } = await open();
  const results = await Promise.all([
    acknowledgeTicket(db, { ticketId, actor: ann, seenRevision: 1, commandId: `a${family}` }),
    acknowledgeTicket(db, { ticketId, actor: ben, seenRevision: 1, commandId: `b${family}` }),
  ]);
  expect(results.map((result) => result.outcome).sort()).toEqual(['done', 'stale']);
  const [first, second] = results;
  expect(first.ticket?.ownerName).toBe(second.ticket?.ownerName);
  expect(first.ticket?.stateRevision).toBe(2);
});

test('a button drawn before somebody acted changes nothing, though its act would still be possible', async () => {
  const { ticketId } = await open();
  await acknowledgeTicket(db, { ticketId, actor: ann, seenRevision: 1, commandId: `w${family}` });
  const old = { ticketId, actor: ben, seenRevision: 1, commandId: `v${family}`, reason: null };
  expect((await resolveTicket(db, old)).outcome).toBe('stale');
  expect((await findTicket(db, ticketId))?.state).toBe('acknowledged');
  const fresh = { ...old, seenRevision: 2, commandId: `u${family}` };
  expect((await resolveTicket(db, fresh)).outcome).toBe('done');
});

test('the same press, delivered twice, acts once', async () => {
  const { ticketId } = await open();
  const press = { ticketId, actor: ann, seenRevision: 1, commandId: `same${family}` };
  expect((await acknowledgeTicket(db, press)).outcome).toBe('done');
  expect((await acknowledgeTicket(db, press)).outcome).toBe('repeated');
  expect((await findTicket(db, ticketId))?.stateRevision).toBe(2);
});

test('no storm of failures outruns a press: counters do not move the revision a press is compared with', async () => {
  const { ticketId } = await open();
  for (let n = 0; n < 5; n++) await open();
  const result = await acknowledgeTicket(db, { ticketId, actor: ann, seenRevision: 1, commandId: `s${family}` });
  expect(result.outcome).toBe('done');
});

test('resolving settles what is dead by name and reason, and reopening takes that back', async () => {
  const { ticketId } = await open();
  const event = await insertEvent(db, { state: 'dead', ticketId, userId: 'u1' });
  const read = () => db.selectFrom('event').selectAll().where('id', '=', event.id).executeTakeFirstOrThrow();
  await resolveTicket(db, { ticketId, actor: ann, seenRevision: 1, commandId: `x${family}`, reason: 'test purchase' });
  expect(await read()).toMatchObject({ settled_by: 'Ann', settled_reason: 'test purchase' });
  await reopenTicket(db, { ticketId, actor: ben, seenRevision: 2, commandId: `y${family}` });
  expect(await read()).toMatchObject({ settled_by: null });
});

test('reopening merges a twin that has opened meanwhile', async () => {
  const { ticketId } = await open();
  await resolveTicket(db, { ticketId, actor: ann, seenRevision: 1, commandId: `m${family}`, reason: null });
  const twin = await open(failing, new Date(Date.now() + 3 * 60 * 60 * 1000));
  const event = await insertEvent(db, { state: 'dead', ticketId: twin.ticketId, userId: 'u1' });
  const result = await reopenTicket(db, { ticketId, actor: ann, seenRevision: 2, commandId: `n${family}` });
  expect(result.ticket).toMatchObject({ state: 'open', failures: 2, deadEvents: 1 });
  expect((await findTicket(db, twin.ticketId))?.state).toBe('merged');
  expect(
    (await db.selectFrom('event').select('ticket_id').where('id', '=', event.id).executeTakeFirst())?.ticket_id,
  ).toBe(ticketId);
  expect((await open()).ticketId).toBe(ticketId);
});

test('a ticket resolves itself when everything on it is applied, and not while one event still waits', async () => {
  const { ticketId } = await open();
  const event = await insertEvent(db, { state: 'pending', ticketId, userId: 'u1' });
  const resolve = () => db.transaction().execute((trx) => resolveDoneTickets(trx, [ticketId]));
  expect(await resolve()).toEqual([]);
  await db.updateTable('event').set({ state: 'applied' }).where('id', '=', event.id).execute();
  expect(await resolve()).toEqual([ticketId]);
  expect(await resolve()).toEqual([]);
});

test('open tickets are listed gravest first', async () => {
  await open({ ...failing, needsLook: true });
  const severities = (await listOpenTickets(db, { limit: 100 })).map((ticket) => ticket.severity);
  expect(severities).toEqual([...severities].sort());
});
