import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  acquireLease,
  ensureBreaker,
  evaluate,
  recordResults,
  reportLease,
  tick,
} from '../../src/breaker/breaker-store.ts';
import { commandBreaker } from '../../src/breaker/command.ts';
import { completeSettings, DEFAULT_BREAKER } from '../../src/breaker/settings.ts';
import { redriveTicket } from '../../src/delivery/redrive.ts';
import { tellBreakersOnce } from '../../src/escalation/breaker-tickets.ts';
import { openOrAttach, raiseSeverity, resolveDoneTickets } from '../../src/escalation/open-ticket.ts';
import { acknowledgeTicket, reopenTicket, resolveTicket } from '../../src/escalation/ticket-acts.ts';
import { findTicket, listOpenTickets } from '../../src/escalation/ticket-query.ts';
import { createTestDatabase } from '../database.ts';
import { insertEvent } from '../seed.ts';

const { db } = await createTestDatabase();

const ann = { personId: 1001, name: 'Ann' };
const deps = { db, tellsProduct: false };
const OPEN_MS = 60_000;
let dependency = '';
let count = 0;

beforeEach(async () => {
  count += 1;
  dependency = `provider:${count}`;
  const settings = { ...DEFAULT_BREAKER, openMs: OPEN_MS, closeAfter: 1 };
  await ensureBreaker(db, dependency, completeSettings(settings, 10_000));
});

const tell = (now: Date | null = null) => tellBreakersOnce(deps, now);
const inMs = (ms: number) => new Date(Date.now() + ms);

async function openBreaker(): Promise<void> {
  const { epoch } = await db
    .selectFrom('breaker')
    .select('epoch')
    .where('name', '=', dependency)
    .executeTakeFirstOrThrow();
  await recordResults(db, 'r1', [{ name: dependency, epoch, ok: 3, failed: 7, ageMs: 0 }]);
  expect(await evaluate(db, dependency, 'r1')).toMatchObject({ opened: true });
}

/** The probe after the opening's end, and what it came to. */
async function probe(outcome: 'ok' | 'fail', now = inMs(OPEN_MS + 1_000)): Promise<void> {
  const lease = await acquireLease(db, { name: dependency, replica: 'r1', lease: randomUUID() }, now);
  expect(await reportLease(db, lease!, outcome, now)).not.toBeNull();
}

async function order(verb: 'trip' | 'hold_closed' | 'reset' | 'release', ttlMs: number | null = null): Promise<void> {
  const command = { verb, ttlMs, dependency, reason: 'a deploy', actor: 'Ann', commandId: randomUUID() };
  expect(await commandBreaker(db, command)).toMatchObject({ outcome: 'changed' });
}

async function ticketIds(): Promise<number[]> {
  const rows = await db
    .selectFrom('ticket')
    .select('id')
    .where('fingerprint', '=', `breaker:${dependency}`)
    .orderBy('id')
    .execute();
  return rows.map((row) => row.id);
}

async function ticket() {
  const [id] = await ticketIds();
  return (await findTicket(db, id!))!;
}

const story = async () => (await ticket()).log.map((line) => line.text);

/** A failure as the worker tells it: in one transaction the ticket, and the event on it. */
async function fail(errorFamily = 'HTTP 503', of = dependency): Promise<{ ticketId: number; eventId: number }> {
  return db.transaction().execute(async (trx) => {
    const cause = { stage: 'delivery', source: 'acme', dependency: of, errorFamily } as const;
    const failures = { cause, count: 1, countries: ['DE'], sampleTransaction: 'tx1', needsLook: false };
    const { ticketId } = await openOrAttach(trx, failures);
    const event = await insertEvent(trx as never, { state: 'dead', reason: 'transient_exhausted', ticketId });
    await raiseSeverity(trx, ticketId, false);
    return { ticketId, eventId: event.id };
  });
}

async function applyAll(ticketId: number): Promise<number[]> {
  return db.transaction().execute(async (trx) => {
    await trx
      .updateTable('event')
      .set({ state: 'applied', reason: null, finished_at: new Date() })
      .where('ticket_id', '=', ticketId)
      .execute();
    return resolveDoneTickets(trx, [ticketId]);
  });
}

describe('an opening', () => {
  test('opens one ticket, which says why; its name is the breaker’s', async () => {
    await openBreaker();
    await tell();
    expect(await ticket()).toMatchObject({ stage: 'breaker', dependency, state: 'open', severity: 'P3', failures: 0 });
    expect((await ticket()).breaker).toMatchObject({ name: dependency, state: 'open', epoch: 2 });
    expect((await ticket()).breaker!.opening).toMatchObject({
      reason: 'failure_ratio',
      evidence: { ok: 3, failed: 7 },
    });
    expect(await story()).toEqual(['opened: 7 of 10 calls failed (70 %)']);
  });

  test('is told once, however many replicas tell at once, also when they told before', async () => {
    const tellTogether = async () => {
      const told = await Promise.all(Array.from({ length: 8 }, () => tell()));
      return told.reduce((sum, counts) => sum + counts.transitions, 0);
    };
    for (let round = 0; round < 5; round++) {
      await openBreaker();
      expect(await tellTogether(), `the opening of round ${round}`).toBe(1);
      await order('reset');
      expect(await tellTogether(), `the reset of round ${round}`).toBe(1);
    }
    expect(await ticketIds()).toHaveLength(1);
    const lines = await db
      .selectFrom('ticket_log')
      .select('text')
      .where('ticket_id', '=', (await ticket()).id)
      .where('kind', '=', 'breaker')
      .execute();
    expect(lines).toHaveLength(10);
  });

  test('by a person names who, why and until when', async () => {
    await order('trip', 60_000);
    await tell();
    expect(await story()).toEqual([expect.stringMatching(/^tripped until \d\d:\d\d UTC by Ann: “a deploy”$/)]);
    const { urgentRevision, wantedRevision } = await ticket();
    expect(urgentRevision).toBeGreaterThan(0);
    expect(urgentRevision).toBeLessThanOrEqual(wantedRevision);
  });

  test('of another dependency is another ticket', async () => {
    await openBreaker();
    const [first] = [dependency];
    dependency = `${dependency}b`;
    await ensureBreaker(db, dependency, completeSettings(DEFAULT_BREAKER, 10_000));
    await openBreaker();
    await tell();
    expect(await ticketIds()).toHaveLength(1);
    dependency = first;
    expect(await ticketIds()).toHaveLength(1);
  });

  test('what is not an opening opens no ticket', async () => {
    await order('hold_closed', 60_000);
    await order('release');
    await tell();
    expect(await ticketIds()).toEqual([]);
  });
});

describe('people who wait', () => {
  const activation = { db, tellsProduct: true };

  async function countedAt(): Promise<Date> {
    const { counted_at } = await db
      .selectFrom('breaker_told')
      .select('counted_at')
      .where('name', '=', dependency)
      .executeTakeFirstOrThrow();
    return counted_at!;
  }

  test('make it P1, also when they begin to wait after the opening', async () => {
    dependency = 'activation';
    await ensureBreaker(db, dependency, completeSettings(DEFAULT_BREAKER, 10_000));
    await openBreaker();
    await tellBreakersOnce(activation);
    expect(await ticket()).toMatchObject({ severity: 'P3', breaker: { waiting: 0, people: 0 } });
    const { id } = await insertEvent(db, { state: 'retrying' });
    await insertEvent(db, { state: 'pending' });
    const before = await ticket();
    const counted = await countedAt();
    await tellBreakersOnce(activation, new Date(counted.getTime() + 2_900));
    expect((await ticket()).severity).toBe('P3');
    await tellBreakersOnce(activation, new Date(counted.getTime() + 3_100));
    expect(await ticket()).toMatchObject({ severity: 'P1', breaker: { waiting: 2, people: 2 } });
    expect((await ticket()).wantedRevision).toBeGreaterThan(before.wantedRevision);
    await db.updateTable('event').set({ state: 'applied' }).where('id', '=', id).execute();
  });

  test('for something else leave it P3', async () => {
    await insertEvent(db, { state: 'pending' });
    await openBreaker();
    await tellBreakersOnce(activation);
    expect(await ticket()).toMatchObject({ severity: 'P3', breaker: { waiting: 0, people: 0 } });
  });

  test('are not counted while nothing has changed and the time has not come', async () => {
    await openBreaker();
    await tell();
    expect((await tell()).counted).toBe(0);
  });
});

describe('failures of the same dependency', () => {
  test('from before the opening merge into its ticket, with all that hangs on them', async () => {
    const [first, second] = [await fail('HTTP 503'), await fail('timeout')];
    expect(first.ticketId).not.toBe(second.ticketId);
    await openBreaker();
    await tell();
    const breaker = await ticket();
    expect(breaker).toMatchObject({
      severity: 'P1',
      failures: 2,
      deadEvents: 2,
      peopleWaiting: 2,
      sampleTransaction: 'tx1',
    });
    for (const { ticketId } of [first, second]) {
      expect(await findTicket(db, ticketId)).toMatchObject({ state: 'merged', deadEvents: 0 });
      expect(await story()).toContain(`T-${ticketId} merged into this`);
    }
  });

  test('while it is open go on its ticket at once, of whatever family', async () => {
    await openBreaker();
    await tell();
    const { id } = await ticket();
    for (const family of ['HTTP 503', 'timeout', 'HTTP 429']) expect((await fail(family)).ticketId).toBe(id);
    expect(await ticket()).toMatchObject({ failures: 3, deadEvents: 3 });
  });

  test('that it refuses for good are no part of the outage: they keep a ticket of their own', async () => {
    const before = await fail('HTTP 422');
    await openBreaker();
    await tell();
    const { id } = await ticket();
    expect((await findTicket(db, before.ticketId))!.state).toBe('open');
    expect((await fail('HTTP 400')).ticketId).not.toBe(id);
  });

  test('of another dependency keep theirs', async () => {
    const other = await fail('HTTP 503', `${dependency}-other`);
    await openBreaker();
    await tell();
    expect((await findTicket(db, other.ticketId))!.state).toBe('open');
  });

  test('after the breaker has closed are a ticket of their own again', async () => {
    await fail();
    await openBreaker();
    await tell();
    await order('reset');
    await tell();
    const { id, state } = await ticket();
    expect(state).toBe('open');
    expect((await fail()).ticketId).not.toBe(id);
  });

  test('told by many transactions while the breaker opens are lost by nobody, and nothing deadlocks', async () => {
    await fail();
    await openBreaker();
    const many = Array.from({ length: 12 }, (_, n) => fail(n % 2 ? 'timeout' : 'HTTP 503'));
    await Promise.all([tell(), ...many]);
    await tell(inMs(3_100));
    expect(await ticket()).toMatchObject({ deadEvents: 13, failures: 13 });
    const open = (await listOpenTickets(db, { limit: 500 })).filter((one) => one.dependency === dependency);
    expect(open).toHaveLength(1);
  });

  test('are redriven from its ticket', async () => {
    await fail();
    await openBreaker();
    await tell();
    const { id } = await ticket();
    const redriven = await redriveTicket(db, { ticketId: id, commandId: randomUUID(), actor: ann });
    expect(redriven).toMatchObject({ outcome: 'started', events: 1 });
  });
});

describe('closing', () => {
  test('resolves the ticket when nothing dead is left on it, by the story it tells', async () => {
    await openBreaker();
    await tell();
    await probe('ok');
    await tell();
    expect(await ticket()).toMatchObject({ state: 'resolved', resolvedBy: 'itself' });
    expect(await story()).toEqual([
      'opened: 7 of 10 calls failed (70 %)',
      'half-open, probing',
      'closed: the probes succeeded',
      'nothing is left on it, resolved by itself',
    ]);
  });

  test('leaves it open while something dead is on it; it resolves when that is applied', async () => {
    const { ticketId } = await fail();
    await openBreaker();
    await tell();
    const { id } = await ticket();
    expect(id).not.toBe(ticketId);
    await probe('ok');
    await tell();
    expect((await ticket()).state).toBe('open');
    expect(await applyAll(id)).toEqual([id]);
    expect((await ticket()).state).toBe('resolved');
  });

  test('is needed: what was dead is applied, and the ticket stays open while the breaker is', async () => {
    await fail();
    await openBreaker();
    await tell();
    const { id } = await ticket();
    expect(await applyAll(id)).toEqual([]);
    expect((await ticket()).state).toBe('open');
    await order('reset');
    await tell();
    expect((await ticket()).state).toBe('resolved');
  });

  test('and the last event at the same moment resolve it, whichever comes first', async () => {
    for (let round = 0; round < 10; round++) {
      count += 1;
      dependency = `provider:${count}`;
      await ensureBreaker(db, dependency, completeSettings(DEFAULT_BREAKER, 10_000));
      await fail();
      await openBreaker();
      await tell();
      const { id } = await ticket();
      await Promise.all([order('reset').then(() => tell()), applyAll(id)]);
      await tell();
      expect((await ticket()).state, `round ${round}`).toBe('resolved');
    }
  });

  test('a breaker that is held closed has not recovered', async () => {
    await openBreaker();
    await order('hold_closed', 60_000);
    await tell();
    expect(await ticket()).toMatchObject({ state: 'open', breaker: { state: 'forced_closed' } });
    await tick(db, inMs(61_000));
    await tell();
    expect((await ticket()).state).toBe('resolved');
  });
});

describe('a breaker that flaps', () => {
  test('has one ticket: it opens again within two hours, and the word under the card is one message', async () => {
    await openBreaker();
    for (let n = 0; n < 3; n++) {
      await order('reset');
      await tell();
      expect((await ticket()).state).toBe('resolved');
      await openBreaker();
      await tell();
      expect((await ticket()).state).toBe('open');
    }
    const [id] = await ticketIds();
    expect(await ticketIds()).toHaveLength(1);
    expect(await db.selectFrom('notice').select('key').where('ticket_id', '=', id!).execute()).toHaveLength(1);
  });

  test('opens another ticket after more than two hours', async () => {
    await openBreaker();
    await order('reset');
    await tell();
    await openBreaker();
    await tell(inMs(2 * 3_600_000 + 1_000));
    expect(await ticketIds()).toHaveLength(2);
  });

  test('that comes to nothing between two looks leaves a resolved ticket with the whole story', async () => {
    await openBreaker();
    await probe('fail');
    await order('reset');
    await tell();
    expect(await ticket()).toMatchObject({ state: 'resolved' });
    expect(await story()).toEqual([
      'opened: 7 of 10 calls failed (70 %)',
      'half-open, probing',
      'open again: a probe failed',
      'reset by Ann: “a deploy”',
      'nothing is left on it, resolved by itself',
    ]);
  });
});

describe('a person', () => {
  const request = async (more: object = {}) => ({
    ticketId: (await ticket()).id,
    actor: ann,
    seenRevision: null,
    commandId: randomUUID(),
    ...more,
  });

  test('cannot resolve it while the breaker is not closed, and can when it is', async () => {
    await fail();
    await openBreaker();
    await tell();
    await acknowledgeTicket(db, await request());
    expect(await resolveTicket(db, { ...(await request()), reason: null })).toMatchObject({ outcome: 'too_early' });
    expect(await ticket()).toMatchObject({ state: 'acknowledged', deadEvents: 1 });
    await order('reset');
    await tell();
    expect(await resolveTicket(db, { ...(await request()), reason: null })).toMatchObject({ outcome: 'done' });
    expect(await ticket()).toMatchObject({ state: 'resolved', deadEvents: 0 });
  });

  test('who reopens it has it open until they resolve it', async () => {
    await openBreaker();
    await order('reset');
    await tell();
    expect(await reopenTicket(db, await request())).toMatchObject({ outcome: 'done' });
    await tell(inMs(60_000));
    expect((await ticket()).state).toBe('open');
  });
});

describe('a trip without an end', () => {
  const reminders = async () =>
    (
      await db
        .selectFrom('notice')
        .select(['key', 'body'])
        .where('key', 'like', `breaker-reminder:${dependency}:%`)
        .execute()
    ).map(({ body }) => String(body.text));

  const corrections = () =>
    db
      .selectFrom('notice')
      .select('key')
      .where('key', 'like', `breaker-reminder:${dependency}:%`)
      .where('wanted_revision', '>', 1)
      .execute();

  test('is reminded of every thirty minutes until it ends', async () => {
    await order('trip');
    await tell();
    await tell(inMs(29 * 60_000));
    expect(await reminders()).toHaveLength(0);
    await tell(inMs(30 * 60_000 + 1_000));
    await tell(inMs(31 * 60_000));
    expect(await corrections()).toEqual([]);
    expect(await reminders()).toEqual([expect.stringContaining('tripped by Ann: “a deploy”')]);
    await tell(inMs(61 * 60_000));
    expect(await reminders()).toHaveLength(2);
    await order('reset');
    await tell(inMs(91 * 60_000));
    expect(await reminders()).toHaveLength(2);
  });

  test('is reminded of once when nobody was there to remind for hours', async () => {
    await order('trip');
    await tell(inMs(5 * 3_600_000 + 60_000));
    await tell(inMs(5 * 3_600_000 + 70_000));
    expect(await reminders()).toHaveLength(1);
  });

  test('is reminded of once, however many replicas look', async () => {
    await order('trip');
    await tell();
    await Promise.all(Array.from({ length: 6 }, () => tell(inMs(31 * 60_000))));
    expect(await reminders()).toHaveLength(1);
  });

  test('with an end, and an opening of its own, it is not', async () => {
    await order('trip', 24 * 3_600_000);
    await tell(inMs(60 * 60_000));
    await order('reset');
    await openBreaker();
    await tell(inMs(120 * 60_000));
    expect(await reminders()).toEqual([]);
  });
});
