import { sql } from 'kysely';
import { beforeEach, describe, expect, test } from 'vitest';
import { sweepOnce } from '../../src/duty/sweep.ts';
import { checkSweep } from '../../src/duty/sweep-checker.ts';
import { savePolicy } from '../../src/escalation/deadline-store.ts';
import { DEFAULT_POLICY } from '../../src/escalation/policy.ts';
import { acknowledgeTicket, resolveTicket } from '../../src/escalation/ticket-acts.ts';
import { confirmTicket, escalateTicket, snoozeTicket } from '../../src/escalation/ticket-duty-acts.ts';
import { markSeverity } from '../../src/escalation/ticket-store.ts';
import { createTestDatabase } from '../database.ts';
import {
  ANN,
  after,
  BEN,
  CARA,
  callsOf,
  NOON,
  noticesOf,
  openTicket,
  seedDuty,
  stateOf,
  storyOf,
  sweepFrom,
} from './duty-room.ts';

const { db } = await createTestDatabase();
const ann = { personId: ANN, name: 'Ann' };
let commands = 0;
const by = (ticketId: number, minute: number, actor: { personId: number; name: string } = ann) => {
  commands += 1;
  return { ticketId, actor, seenRevision: null, commandId: `c${commands}`, now: after(minute) };
};

beforeEach(() => seedDuty(db));

test('a P1 that nobody acknowledges calls the on-call, again, the second level, everyone; three rounds, then every half hour', async () => {
  const id = await openTicket(db, 'P1');
  await sweepFrom(db, NOON, after(125));
  const calls = await callsOf(db, id);
  const minutes = [
    ...new Set(calls.filter(({ reason }) => reason !== 'warning' && reason !== 'overdue').map((call) => call.minute)),
  ];
  expect(minutes).toEqual([0, 5, 10, 20, 25, 30, 40, 45, 50, 60, 90, 120]);
  const at = (minute: number) => calls.filter((call) => call.minute === minute).map((call) => call.person);
  expect(at(0)).toEqual([ANN]);
  expect(at(10)).toEqual([BEN]);
  expect(at(20)).toEqual([ANN, BEN, CARA]);
});

test('every deadline of a P1’s life is served within five seconds of its time', async () => {
  const id = await openTicket(db, 'P1');
  const due = [0, 5, 10];
  await sweepFrom(db, NOON, after(11), 4_000);
  await acknowledgeTicket(db, by(id, 11));
  await sweepFrom(db, after(11), after(75), 4_000);
  const served = await callsOf(db, id);
  // Asked to confirm at 31, the acknowledgement lapses at 41; the warning at 45, the end at 60; then anew at 46, 51, 61.
  const expected = [...due, 31, 41, 45, 46, 51, 60, 61, 61, 61, 66, 71];
  expect(served).toHaveLength(expected.length);
  served.forEach((call, index) => {
    expect((call.minute - expected[index]!) * 60).toBeGreaterThanOrEqual(0);
    expect((call.minute - expected[index]!) * 60).toBeLessThanOrEqual(5);
  });
});

test('an acknowledged ticket calls nobody, until the acknowledgement lapses; then nobody has it and all begins anew', async () => {
  const id = await openTicket(db, 'P1');
  await sweepOnce({ db }, NOON);
  await acknowledgeTicket(db, by(id, 1));
  await sweepFrom(db, after(1), after(20));
  expect(await callsOf(db, id)).toHaveLength(1);
  await sweepFrom(db, after(21), after(30));
  expect((await callsOf(db, id)).slice(1)).toMatchObject([{ minute: 21, person: ANN, reason: 'confirm' }]);
  expect(await stateOf(db, id)).toBe('acknowledged');
  await sweepOnce({ db }, after(31));
  expect(await stateOf(db, id)).toBe('open');
  expect((await callsOf(db, id)).at(-1)).toMatchObject({ minute: 31, person: ANN, reason: 'lapsed' });
  expect(await storyOf(db, id)).toContain('acknowledgement by Ann lapsed, nobody has it');
});

test('a confirmed acknowledgement lives on from then; of somebody else’s ticket nothing is confirmed', async () => {
  const id = await openTicket(db, 'P1');
  await acknowledgeTicket(db, by(id, 0));
  await sweepFrom(db, NOON, after(25));
  expect((await confirmTicket(db, by(id, 25, { personId: BEN, name: 'Ben' }))).outcome).toBe('stale');
  expect((await confirmTicket(db, by(id, 25))).outcome).toBe('done');
  await sweepFrom(db, after(25), after(54));
  expect(await stateOf(db, id)).toBe('acknowledged');
  await sweepOnce({ db }, after(55));
  expect(await stateOf(db, id)).toBe('open');
});

test('a snoozed ticket is quiet until its time; then it is as before, and calls', async () => {
  const id = await openTicket(db, 'P1');
  await sweepOnce({ db }, NOON);
  await snoozeTicket(db, { ...by(id, 1), until: after(31) });
  await sweepFrom(db, after(1), after(30));
  expect(await callsOf(db, id)).toHaveLength(1);
  await sweepOnce({ db }, after(31));
  expect(await stateOf(db, id)).toBe('open');
  expect((await callsOf(db, id)).at(-1)).toMatchObject({ minute: 31, person: ANN });
});

test('a snoozed ticket of an owner is theirs again', async () => {
  const id = await openTicket(db, 'P1');
  await acknowledgeTicket(db, by(id, 0));
  await snoozeTicket(db, { ...by(id, 1), until: after(31) });
  await sweepOnce({ db }, after(31));
  expect(await stateOf(db, id)).toBe('acknowledged');
  await sweepOnce({ db }, after(62));
  expect(await stateOf(db, id)).toBe('open');
});

test('a person who escalates has the next level called at once, also of a ticket that somebody has', async () => {
  const id = await openTicket(db, 'P2');
  await sweepOnce({ db }, NOON);
  await acknowledgeTicket(db, by(id, 1));
  await escalateTicket(db, by(id, 2));
  await sweepOnce({ db }, after(2));
  expect((await callsOf(db, id)).slice(1)).toMatchObject([{ person: BEN, reason: 'asked' }]);
  expect(await stateOf(db, id)).toBe('acknowledged');
  await escalateTicket(db, by(id, 3));
  await sweepOnce({ db }, after(3));
  expect((await callsOf(db, id)).slice(2).map((call) => call.person)).toEqual([ANN, BEN, CARA]);
});

test('the steps of the policy go on after somebody escalated', async () => {
  const id = await openTicket(db, 'P1');
  await sweepOnce({ db }, NOON);
  await escalateTicket(db, by(id, 1));
  await sweepFrom(db, after(1), after(5));
  expect((await callsOf(db, id)).map(({ minute, person }) => [minute, person])).toEqual([
    [0, ANN],
    [1, BEN],
    [5, ANN],
  ]);
});

test('a warning at three quarters of the time and the end of it reach whoever has the ticket, each once', async () => {
  const id = await openTicket(db, 'P2');
  await acknowledgeTicket(db, by(id, 0));
  for (const minute of [100, 200]) await confirmTicket(db, by(id, minute));
  await sweepFrom(db, after(179), after(185));
  await sweepFrom(db, after(239), after(245));
  const told = (await callsOf(db, id)).filter(({ reason }) => reason === 'warning' || reason === 'overdue');
  expect(told).toMatchObject([
    { minute: 180, person: ANN, reason: 'warning' },
    { minute: 240, person: ANN, reason: 'overdue' },
  ]);
});

test('a resolved ticket calls nobody any more', async () => {
  const id = await openTicket(db, 'P1');
  await resolveTicket(db, { ...by(id, 1), reason: 'a test' });
  await sweepFrom(db, NOON, after(130));
  expect(await callsOf(db, id)).toEqual([]);
});

test('a P3 and a P4 call nobody at night or at the weekend, whatever is due', async () => {
  const fridayNight = new Date('2026-11-27T20:00:00Z');
  const ids = [await openTicket(db, 'P3', fridayNight), await openTicket(db, 'P4', fridayNight)];
  await sweepFrom(db, fridayNight, new Date('2026-12-03T20:00:00Z'), 10 * 60_000);
  const rows = await db.selectFrom('page').select(['at', 'ticket_id']).execute();
  expect(new Set(rows.map((row) => row.ticket_id))).toEqual(new Set(ids));
  for (const { at } of rows) {
    expect([1, 2, 3, 4, 5]).toContain(at.getUTCDay());
    expect(at.getUTCHours()).toBeGreaterThanOrEqual(9);
    expect(at <= new Date(`${at.toISOString().slice(0, 10)}T18:10:00Z`)).toBe(true);
  }
});

test('a P3 that becomes a P1 at night is called for at once', async () => {
  const night = new Date('2026-11-24T02:00:00Z');
  const id = await openTicket(db, 'P3', night);
  await sweepOnce({ db }, night);
  expect(await callsOf(db, id)).toEqual([]);
  const later = after(10, night);
  await db.transaction().execute((trx) => markSeverity(trx, id, 'P1', later));
  await sweepOnce({ db }, later);
  expect(await callsOf(db, id)).toMatchObject([{ person: ANN }]);
});

test('what was missed while nobody swept is made up for once, on the highest level that was due', async () => {
  const id = await openTicket(db, 'P1');
  await sweepOnce({ db }, NOON);
  await sweepOnce({ db }, after(33));
  const calls = (await callsOf(db, id)).slice(1);
  expect(calls.map((call) => call.person)).toEqual([ANN, BEN, CARA]);
  await sweepFrom(db, after(34), after(40));
  expect((await callsOf(db, id)).at(-1)).toMatchObject({ minute: 40 });
});

test('a ticket keeps the policy it opened with; one that opens later has the new one', async () => {
  const before = await openTicket(db, 'P1');
  const P1 = { ...DEFAULT_POLICY.severities.P1, rounds: 1, steps: [{ afterMinutes: 1, level: 3 as const }] };
  await savePolicy(db, { ...DEFAULT_POLICY, severities: { ...DEFAULT_POLICY.severities, P1 } }, 'Cara');
  const later = await openTicket(db, 'P1');
  await sweepFrom(db, NOON, after(2));
  expect((await callsOf(db, before)).map((call) => call.minute)).toEqual([0]);
  expect((await callsOf(db, later)).map((call) => call.minute)).toEqual([1, 1, 1]);
});

test('replicas that sweep at the same moment call each person once', async () => {
  const ids = await Promise.all(Array.from({ length: 20 }, () => openTicket(db, 'P1')));
  const counts = await Promise.all(Array.from({ length: 6 }, () => sweepOnce({ db }, NOON)));
  expect(counts.reduce((sum, { served }) => sum + served, 0)).toBe(20);
  for (const id of ids) expect(await callsOf(db, id)).toHaveLength(1);
});

test('a sweep passes by a ticket that somebody is acting on, and the act decides', async () => {
  const id = await openTicket(db, 'P1');
  await db.transaction().execute(async (trx) => {
    await trx.selectFrom('ticket').select('id').where('id', '=', id).forUpdate().execute();
    expect(await sweepOnce({ db }, NOON)).toEqual({ served: 0, paged: 0 });
  });
  expect((await sweepOnce({ db }, NOON)).served).toBe(1);
});

test('many tickets in one minute are one message to a person; the gravest have their own', async () => {
  for (let n = 0; n < 10; n += 1) await openTicket(db, 'P2');
  await openTicket(db, 'P1');
  await sweepOnce({ db }, NOON);
  const messages = await noticesOf(db, 'page');
  expect(messages.map(({ key, person_id }) => [key, person_id])).toEqual([
    [`page:${ANN}:2026-11-23T12:00`, ANN],
    [`page:${ANN}:2026-11-23T12:00:P1`, ANN],
  ]);
});

test('somebody who never pressed Start is called in the group; nobody else is', async () => {
  await db.updateTable('person').set({ private_chat: false }).where('telegram_id', '=', ANN).execute();
  const id = await openTicket(db, 'P1');
  await sweepOnce({ db }, NOON);
  expect(await callsOf(db, id)).toMatchObject([{ person: ANN, state: 'fell_back' }]);
  expect(await noticesOf(db, 'page')).toEqual([]);
  expect(await noticesOf(db, 'page_fallback')).toHaveLength(1);
});

describe('while there is no rotation', () => {
  beforeEach(() => db.deleteFrom('rotation').execute());
  const noPrivateChats = () => db.updateTable('person').set({ private_chat: false }).execute();

  test('the new card calls the group, and nobody is named under it', async () => {
    await noPrivateChats();
    const id = await openTicket(db, 'P1');
    await sweepOnce({ db }, NOON);
    expect(await callsOf(db, id)).toEqual([]);
    expect(await noticesOf(db, 'page_fallback')).toEqual([]);
  });

  test('whoever can be written to in private is called there as well', async () => {
    await noPrivateChats();
    await db.updateTable('person').set({ private_chat: true }).where('telegram_id', '=', BEN).execute();
    const id = await openTicket(db, 'P1');
    await sweepOnce({ db }, NOON);
    expect((await callsOf(db, id)).map((call) => call.person)).toEqual([BEN]);
  });

  test('when nobody acknowledges it, who cannot be written to is named in the group', async () => {
    await noPrivateChats();
    const id = await openTicket(db, 'P1');
    await sweepOnce({ db }, NOON);
    await sweepOnce({ db }, new Date(NOON.getTime() + 5 * 60_000));
    expect((await callsOf(db, id)).map(({ person, state }) => [person, state])).toEqual(
      [ANN, BEN, CARA].map((person) => [person, 'fell_back']),
    );
    expect(await noticesOf(db, 'page_fallback')).toHaveLength(1);
  });
});

test('a rotation whose people all left calls everyone who may act', async () => {
  await db.updateTable('person').set({ active: false }).where('telegram_id', 'in', [ANN, BEN]).execute();
  const id = await openTicket(db, 'P1');
  await sweepOnce({ db }, NOON);
  expect((await callsOf(db, id)).map((call) => call.person)).toEqual([CARA]);
});

test('when nobody may act at all the group is told that nobody is on call', async () => {
  await db.updateTable('person').set({ active: false }).execute();
  const id = await openTicket(db, 'P1');
  await sweepOnce({ db }, NOON);
  expect(await callsOf(db, id)).toMatchObject([{ person: null, state: 'fell_back' }]);
  expect(await storyOf(db, id)).toContain('nobody could be paged: nobody may act');
});

test('a call at the very beginning redraws no card, later ones do', async () => {
  const id = await openTicket(db, 'P1');
  const wanted = async () =>
    (await db.selectFrom('ticket').select('wanted_revision').where('id', '=', id).executeTakeFirstOrThrow())
      .wanted_revision;
  const before = await wanted();
  await sweepOnce({ db }, NOON);
  expect(await wanted()).toBe(before);
  await sweepOnce({ db }, after(5));
  expect(await wanted()).toBe(before + 1);
});

test('a call by itself makes no button stale; a lapse does', async () => {
  const id = await openTicket(db, 'P1');
  const revision = async () =>
    (await db.selectFrom('ticket').select('state_revision').where('id', '=', id).executeTakeFirstOrThrow())
      .state_revision;
  const before = await revision();
  await sweepFrom(db, NOON, after(20));
  expect(await revision()).toBe(before);
  await acknowledgeTicket(db, by(id, 20));
  await sweepOnce({ db }, after(50));
  expect(await revision()).toBe(before + 2);
});

test('a deadline that nobody has served for a minute is a ticket; a younger one is none', async () => {
  await openTicket(db, 'P1');
  const check = (seconds: number) => checkSweep({ db, onTicket: () => {} }, new Date(NOON.getTime() + seconds * 1000));
  expect(await check(59)).toEqual({ unserved: 0 });
  expect(await check(61)).toEqual({ unserved: 1 });
  const found = await db.selectFrom('ticket').select('severity').where('error_family', '=', 'deadlines').execute();
  expect(found).toEqual([{ severity: 'P2' }]);
});

test('a thousand tickets whose time has come are all served, a part at a time', async () => {
  for (let n = 0; n < 3; n += 1) await openTicket(db, 'P2');
  await sql`
    insert into ticket (fingerprint, stage, source, error_family, severity, countries, first_failure_at, last_failure_at, clock_at, escalate_at)
    select fingerprint || n, stage, source, error_family, severity, countries, first_failure_at, last_failure_at, clock_at, escalate_at
    from ticket, generate_series(1, 300) as n`.execute(db);
  let served = 0;
  for (let sweeps = 0; sweeps < 5; sweeps += 1) served += (await sweepOnce({ db }, NOON)).served;
  expect(served).toBe(903);
});
