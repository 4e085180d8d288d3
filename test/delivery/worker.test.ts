import { sql } from 'kysely';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { startSandbox } from '../../sandbox/main.ts';
import { findRedriveReport, redriveEvent, redriveTicket } from '../../src/delivery/redrive.ts';
import { createWorker, type WorkerDeps } from '../../src/delivery/worker.ts';
import { isActive } from '../../src/entitlement/fold.ts';
import { createTestDatabase } from '../database.ts';
import { insertEvent, type SeedEvent } from '../seed.ts';
import { openGate, workerDeps } from './worker-bench.ts';

const { db } = await createTestDatabase();
const secret = `whsec_${Buffer.from('a secret of thirty-two bytes, yes').toString('base64')}`;
const sandbox = await startSandbox({ port: 0, activationSecret: secret });
afterAll(() => sandbox.close());
const { product } = sandbox;

let n = 0;
let user: string;
beforeEach(() => {
  n += 1;
  user = `user${n}`;
  product.work();
});

const activation = { url: product.activationUrl, secret, timeoutMs: 1000, concurrency: 16, gate: openGate };
const patient = { ...activation, timeoutMs: 10_000 };

/** Runs until nothing is due any more. */
async function deliver(overrides: Partial<WorkerDeps> = {}): Promise<void> {
  const worker = createWorker(workerDeps(db, overrides));
  while ((await worker.runOnce()) > 0) await worker.idle();
}

async function makeDue(): Promise<void> {
  await db
    .updateTable('event')
    .set({ due_at: new Date(0) })
    .where('state', 'in', ['pending', 'retrying'])
    .execute();
}

const readEvent = (event: { id: number }) =>
  db.selectFrom('event').selectAll().where('id', '=', event.id).executeTakeFirstOrThrow();
const isHeld = async (event: { id: number }) => {
  const claims = await db.selectFrom('claim').selectAll().execute();
  return claims.some((claim) => claim.events.includes(event.id));
};
const readAttempts = (event: { id: number }) =>
  db.selectFrom('attempt').selectAll().where('event_id', '=', event.id).orderBy('n').execute();
const has = async (feature = 'premium') => {
  const row = await db
    .selectFrom('entitlement')
    .selectAll()
    .where('user_id', '=', user)
    .where('feature', '=', feature)
    .executeTakeFirst();
  return row ? isActive(row, new Date()) : undefined;
};
const callsOf = (userId: string) => product.calls.filter((call) => call.user === userId);
const paid = (seed: SeedEvent = {}) => insertEvent(db, { userId: user, ...seed });

describe('without a product to tell', () => {
  test('a payment unlocks what was paid for; nobody was called, so no attempt is on record', async () => {
    const event = await paid();
    await deliver();
    expect(await has()).toBe(true);
    expect(await readEvent(event)).toMatchObject({ state: 'applied', tries: 0, attempts: 0 });
    expect(await readAttempts(event)).toEqual([]);
  });

  test('two events for one capture take effect once', async () => {
    const first = await paid({ transactionId: `tx${n}` });
    const second = await paid({ transactionId: `tx${n}` });
    await deliver();
    expect((await readEvent(first)).state).toBe('applied');
    expect((await readEvent(second)).state).toBe('applied');
    expect(await db.selectFrom('fact').selectAll().where('user_id', '=', user).execute()).toHaveLength(1);
    expect(
      await db.selectFrom('entitlement').select('revision').where('user_id', '=', user).executeTakeFirst(),
    ).toEqual({ revision: 1 });
  });

  test('the same capture with another amount is not applied and alarms; the first amount stays', async () => {
    await paid({ transactionId: `tx${n}`, amountMinor: 1999 });
    await deliver();
    const second = await paid({ transactionId: `tx${n}`, amountMinor: 2999 });
    await deliver();
    expect(await readEvent(second)).toMatchObject({
      state: 'dead',
      reason: 'permanent',
      error_family: 'amount mismatch',
    });
    expect(await db.selectFrom('fact').select('amount_minor').where('user_id', '=', user).execute()).toEqual([
      { amount_minor: 1999 },
    ]);
    const ticket = await db
      .selectFrom('ticket')
      .selectAll()
      .where('id', '=', (await readEvent(second)).ticket_id!)
      .executeTakeFirst();
    expect(ticket).toMatchObject({ severity: 'P3', error_family: 'amount mismatch' });
  });

  test('a payment whose user is not known waits without a try, and is applied when another event tells it', async () => {
    const nameless = await insertEvent(db, { transactionId: `tx${n}`, userId: null });
    await deliver();
    expect(await readEvent(nameless)).toMatchObject({ state: 'retrying', tries: 0, error_family: 'user unknown' });
    await paid({ transactionId: `tx${n}` });
    await deliver();
    expect(await has()).toBe(true);
    expect((await readEvent(nameless)).state).toBe('applied');
  });

  test('… and goes on waiting when the other event only shares the key of its transaction', async () => {
    const nameless = await insertEvent(db, { transactionId: `tx${n}`, userId: null });
    const learnt = await insertEvent(db, { transactionId: `other${n}`, userId: null });
    await deliver();
    const { due_at: dueAt } = await readEvent(nameless);
    await sql`insert into event_of_transaction values (transaction_key(${`other${n}`}), ${nameless.id})`.execute(db);
    await paid({ transactionId: `other${n}` });
    await deliver();
    expect((await readEvent(learnt)).state).toBe('applied');
    expect(await readEvent(nameless)).toMatchObject({ state: 'retrying', due_at: dueAt });
  });

  test('a payment that nobody claims for ten minutes is dead with its ticket, and applied all the same when its user is told', async () => {
    const nameless = await insertEvent(db, {
      transactionId: `tx${n}`,
      userId: null,
      receivedAt: new Date(Date.now() - 601_000),
    });
    await deliver();
    const dead = await readEvent(nameless);
    expect(dead).toMatchObject({ state: 'dead', reason: 'permanent', error_family: 'user unknown' });
    await paid({ transactionId: `tx${n}` });
    await deliver();
    expect((await readEvent(nameless)).state).toBe('applied');
    expect(await db.selectFrom('ticket').select('state').where('id', '=', dead.ticket_id!).executeTakeFirst()).toEqual({
      state: 'resolved',
    });
  });

  test('a refund that comes before anybody knows whose payment it is, is applied at once as a fact', async () => {
    const facts = [{ type: 'refunded', effect: 'refund:all', amountMinor: null, cumulative: false }];
    const refund = await insertEvent(db, { transactionId: `tx${n}`, userId: null, kind: 'payment_refunded' });
    await db
      .updateTable('event')
      .set({ facts: JSON.stringify(facts) })
      .where('id', '=', refund.id)
      .execute();
    await deliver();
    expect((await readEvent(refund)).state).toBe('applied');
    await paid({ transactionId: `tx${n}` });
    await deliver();
    expect(await has()).toBe(false);
  });

  test('an event nobody can fold does not fail its neighbours, and is tried again as an internal error', async () => {
    const good = await paid();
    const broken = await paid();
    await db
      .updateTable('event')
      .set({ facts: '[{"type":"paid","effect":null}]' })
      .where('id', '=', broken.id)
      .execute();
    await deliver();
    expect((await readEvent(good)).state).toBe('applied');
    expect(await readEvent(broken)).toMatchObject({ state: 'retrying', tries: 1, error_family: 'internal error' });
    await db.updateTable('event').set({ state: 'ignored' }).where('id', '=', broken.id).execute();
  });

  test('retries that are due and first tries are claimed one to one', async () => {
    for (let i = 0; i < 30; i++) await paid({ state: 'retrying', dueAt: new Date(0) });
    for (let i = 0; i < 10; i++) await paid();
    const { claimEvents } = await import('../../src/delivery/claim-store.ts');
    const claimed = await claimEvents(db, { limit: 10, leaseMs: 1, busyUsers: [] });
    const states = await Promise.all(claimed.map(async (event) => (await readEvent(event)).state));
    expect(states.filter((state) => state === 'pending')).toHaveLength(5);
    const rest = await claimEvents(db, { limit: 100, leaseMs: 1, busyUsers: [] });
    expect(rest).toHaveLength(30);
    await db.deleteFrom('claim').execute();
    await db.updateTable('event').set({ state: 'ignored' }).where('state', 'in', ['pending', 'retrying']).execute();
  });
});

describe('with a product to tell', () => {
  test('the product is told the state, signed, with a revision, and the event is applied', async () => {
    const event = await paid();
    await deliver({ activation });
    expect(product.featuresOf(user)).toMatchObject([{ feature: 'premium', active: true, revision: 1 }]);
    expect(callsOf(user)[0]!.headers).toMatchObject({
      'idempotency-key': `${user}:premium:1`,
      'webhook-id': `${user}:premium:1`,
    });
    expect(await readAttempts(event)).toMatchObject([{ outcome: 'ok', http_status: 200, dependency: 'activation' }]);
  });

  test('a second event for one capture tells nobody anything', async () => {
    await paid({ transactionId: `tx${n}` });
    await deliver({ activation });
    await paid({ transactionId: `tx${n}` });
    await deliver({ activation });
    expect(callsOf(user)).toHaveLength(1);
  });

  test('two events for one capture, claimed together, make one call', async () => {
    await paid({ transactionId: `tx${n}` });
    await paid({ transactionId: `tx${n}` });
    await deliver({ activation });
    expect(callsOf(user)).toHaveLength(1);
  });

  test('a product that is down is tried five times by the schedule, then the event is dead with its ticket, and a redrive applies it', async () => {
    product.misbehave({ kind: 'status', status: 503, user });
    const event = await paid();
    for (let i = 0; i < 6; i++) {
      await deliver({ activation });
      await makeDue();
    }
    const attempts = await readAttempts(event);
    expect(attempts.map((attempt) => attempt.delay_ms)).toEqual([1000, 2000, 4000, 8000, null]);
    const dead = await readEvent(event);
    expect(dead).toMatchObject({ state: 'dead', reason: 'transient_exhausted', tries: 5, error_family: 'HTTP 503' });

    product.work();
    const actor = { personId: 1001, name: 'Ann' };
    const started = await redriveTicket(db, { ticketId: dead.ticket_id!, actor, commandId: `c${n}` });
    expect(started).toMatchObject({ outcome: 'started', events: 1 });
    expect(await redriveTicket(db, { ticketId: dead.ticket_id!, actor, commandId: `c${n}` })).toMatchObject({
      outcome: 'already',
    });
    expect(await redriveTicket(db, { ticketId: dead.ticket_id!, actor, commandId: `d${n}` })).toEqual({
      outcome: 'running',
    });
    await deliver({ activation });
    expect(await readEvent(event)).toMatchObject({ state: 'applied', attempts: 6 });
    expect(await findRedriveReport(db, started.outcome === 'started' ? started.redriveId : 0)).toMatchObject({
      applied: 1,
      finished: true,
    });
    expect(product.featuresOf(user)[0]?.active).toBe(true);
    expect(await db.selectFrom('ticket').select('state').where('id', '=', dead.ticket_id!).executeTakeFirst()).toEqual({
      state: 'resolved',
    });
    expect(await redriveEvent(db, { ...event, actor, commandId: `e${n}` })).toEqual({ outcome: 'nothing' });
  });

  test('a payment that dies again after a retry is still one payment on its ticket', async () => {
    product.misbehave({ kind: 'status', status: 418, user });
    const event = await paid();
    await deliver({ activation });
    const { ticket_id: ticketId } = await readEvent(event);
    await redriveTicket(db, { ticketId: ticketId!, actor: { personId: 1001, name: 'Ann' }, commandId: `again${n}` });
    await deliver({ activation });
    expect(await readEvent(event)).toMatchObject({ state: 'dead', attempts: 2, ticket_id: ticketId });
    const count = () => db.selectFrom('ticket').select('failures').where('id', '=', ticketId!).executeTakeFirst();
    expect(await count()).toEqual({ failures: 1 });
    product.misbehave({ kind: 'status', status: 418, user: `${user}-other` });
    await insertEvent(db, { userId: `${user}-other` });
    await deliver({ activation });
    expect(await count()).toEqual({ failures: 2 });
  });

  test('an event that dies of something else after a retry leaves no empty ticket behind', async () => {
    product.misbehave({ kind: 'status', status: 416, user });
    const event = await paid();
    await deliver({ activation });
    const { ticket_id: first } = await readEvent(event);
    product.work();
    product.misbehave({ kind: 'status', status: 417, user });
    await redriveTicket(db, { ticketId: first!, actor: { personId: 1001, name: 'Ann' }, commandId: `other${n}` });
    await deliver({ activation });
    const { ticket_id: second } = await readEvent(event);
    expect(second).not.toBe(first);
    const state = (id: number) => db.selectFrom('ticket').select('state').where('id', '=', id).executeTakeFirst();
    expect([await state(first!), await state(second!)]).toEqual([{ state: 'resolved' }, { state: 'open' }]);
  });

  test.each([400, 401, 404, 410, 422, 302])('HTTP %i is permanent: dead at once, with its ticket', async (status) => {
    product.misbehave(status === 302 ? { kind: 'redirect', user } : { kind: 'status', status, user });
    const event = await paid();
    await deliver({ activation });
    expect(await readEvent(event)).toMatchObject({
      state: 'dead',
      reason: 'permanent',
      error_family: `HTTP ${status}`,
    });
    expect((await readEvent(event)).ticket_id).not.toBeNull();
  });

  test.each([409, 500, 502, 503, 504])('HTTP %i is transient: a try, and another later', async (status) => {
    product.misbehave({ kind: 'status', status, user });
    const event = await paid();
    await deliver({ activation });
    expect(await readEvent(event)).toMatchObject({ state: 'retrying', tries: 1 });
    product.work();
    await makeDue();
    await deliver({ activation });
    expect((await readEvent(event)).state).toBe('applied');
  });

  test('HTTP 429 is written down and costs no try; Retry-After is a floor', async () => {
    product.misbehave({ kind: 'status', status: 429, retryAfterSeconds: 60, user });
    const event = await paid();
    await deliver({ activation });
    expect(await readEvent(event)).toMatchObject({ state: 'retrying', tries: 0, attempts: 1 });
    const [attempt] = await readAttempts(event);
    expect(attempt).toMatchObject({ outcome: 'throttled', http_status: 429, delay_ms: 66_000 });
    product.work();
    await makeDue();
    await deliver({ activation });
  });

  test.each([
    ['hangs', { kind: 'hang' } as const, 'timeout'],
    ['cuts the connection', { kind: 'cut' } as const, 'connection reset'],
    ['answers without end', { kind: 'huge' } as const, 'answer too large'],
  ])('a product that %s is a transient failure of its own family', async (_name, misbehaviour, family) => {
    product.misbehave({ ...misbehaviour, user });
    const event = await paid();
    await deliver({ activation });
    expect(await readEvent(event)).toMatchObject({ state: 'retrying', tries: 1, error_family: family });
    product.work();
    await makeDue();
    await deliver({ activation });
    expect((await readEvent(event)).state).toBe('applied');
  });

  test('product down, then a refund, then product up: it ends revoked, told once', async () => {
    product.misbehave({ kind: 'status', status: 503, user });
    const capture = await paid({ transactionId: `tx${n}` });
    await deliver({ activation });
    const refund = await paid({ transactionId: `tx${n}`, kind: 'payment_refunded' });
    const facts = [{ type: 'refunded', effect: 'refund:all', amountMinor: null, cumulative: false }];
    await db
      .updateTable('event')
      .set({ facts: JSON.stringify(facts) })
      .where('id', '=', refund.id)
      .execute();
    await deliver({ activation });
    product.work();
    await makeDue();
    await deliver({ activation });
    expect(product.featuresOf(user)).toMatchObject([{ active: false, revision: 2 }]);
    expect(callsOf(user).filter((call) => call.status === 200)).toHaveLength(1);
    expect((await readEvent(capture)).state).toBe('applied');
    expect((await readEvent(refund)).state).toBe('applied');
    expect(await has()).toBe(false);
  });

  test('a product that hangs on one user holds up nobody else', async () => {
    product.misbehave({ kind: 'hang', user });
    const hanging = await paid();
    const worker = createWorker(workerDeps(db, { activation }));
    expect(await worker.runOnce()).toBe(1);
    const stuck = await paid();
    const other = await insertEvent(db, { userId: `${user}-other` });
    await product.waitForCall((call) => call.user === user);
    expect(await worker.runOnce()).toBe(1);
    await product.waitForFeature(`${user}-other`, 'premium', true);
    expect((await readEvent(stuck)).attempts).toBe(0);
    await worker.idle();
    expect((await readEvent(other)).state).toBe('applied');
    expect((await readEvent(hanging)).state).toBe('retrying');
    product.work();
    await makeDue();
    await deliver({ activation });
  });

  test('a second replica never tells the product about a user somebody is telling about', async () => {
    product.misbehave({ kind: 'slow', latencyMs: 2500, user, times: 1 });
    await paid({ transactionId: `tx${n}` });
    const [one, two] = [
      createWorker(workerDeps(db, { activation: patient })),
      createWorker(workerDeps(db, { activation: patient })),
    ];
    await one.runOnce();
    await product.waitForCall((call) => call.user === user);
    const second = await paid({ transactionId: `tx${n}` });
    await two.runOnce();
    await two.idle();
    expect(await readEvent(second)).toMatchObject({ state: 'pending', attempts: 0 });
    expect(await isHeld(second)).toBe(false);
    await one.idle();
    await makeDue();
    await deliver({ activation });
    expect(callsOf(user)).toHaveLength(1);
    expect((await readEvent(second)).state).toBe('applied');
  });
});

describe('leases', () => {
  test('an event whose worker froze is taken over by one other, and the late write changes nothing', async () => {
    const { claimEvents, claimSuspect, reclaimExpired } = await import('../../src/delivery/claim-store.ts');
    const { finishEvents } = await import('../../src/delivery/finish.ts');
    const event = await paid();
    const [frozen] = await claimEvents(db, { limit: 10, leaseMs: 60_000, busyUsers: [] });
    const later = new Date(Date.now() + 120_000);
    expect(await reclaimExpired(db)).toBe(0);
    const takers = await Promise.all([reclaimExpired(db, later), reclaimExpired(db, later)]);
    expect(takers.sort()).toEqual([0, 1]);
    const [taker, other] = [
      await claimSuspect(db, { leaseMs: 30_000, busyUsers: [] }),
      await claimSuspect(db, { leaseMs: 30_000, busyUsers: [] }),
    ];
    expect(taker?.id).toBe(event.id);
    expect(other).toBeNull();

    const late = { event: frozen!, step: 'applied' as const, attempt: null };
    const report = await db.transaction().execute((trx) => finishEvents(trx, [late], []));
    expect(report.written).toEqual([]);
    expect(await readEvent(event)).toMatchObject({ state: 'pending', lost_leases: 1 });
    expect(await readAttempts(event)).toMatchObject([{ outcome: 'handed_back', error_code: 'LEASE_LOST' }]);
    await db.deleteFrom('claim').execute();
    await deliver();
    expect((await readEvent(event)).state).toBe('applied');
  });

  test('an event that took four workers down with it is dead as crashed, and its neighbour of the first crash is applied', async () => {
    const { claimEvents, claimSuspect, reclaimExpired } = await import('../../src/delivery/claim-store.ts');
    const poison = await paid();
    const neighbour = await paid();
    await claimEvents(db, { limit: 10, leaseMs: 1, busyUsers: [] });
    const later = new Date(Date.now() + 60_000);
    await reclaimExpired(db, later);
    // The neighbour is no more suspected than the poison, and one suspect runs at a time: it gets through.
    await db.updateTable('event').set({ lost_leases: 2 }).where('id', '=', poison.id).execute();
    const first = await claimSuspect(db, { leaseMs: 1, busyUsers: [] });
    expect(first?.id).toBe(neighbour.id);
    await db.deleteFrom('claim').execute();
    await db.updateTable('event').set({ lost_leases: 4 }).where('id', '=', poison.id).execute();
    await deliver();
    expect(await readEvent(neighbour)).toMatchObject({ state: 'applied', lost_leases: 0 });
    expect(await readEvent(poison)).toMatchObject({ state: 'dead', reason: 'crashed' });
  });
});
