import fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import { openOrAttach } from '../../src/escalation/open-ticket.ts';
import { type ActRequest, type ActResult, acknowledgeTicket, resolveTicket } from '../../src/escalation/ticket-acts.ts';
import {
  changeSeverity,
  confirmTicket,
  escalateTicket,
  handOverTicket,
  mergeTicketInto,
  releaseTicket,
  snoozeTicket,
} from '../../src/escalation/ticket-duty-acts.ts';
import { findTicket } from '../../src/escalation/ticket-query.ts';
import { createTestDatabase } from '../database.ts';
import { insertEvent } from '../seed.ts';

const { db } = await createTestDatabase();
const ann = { personId: 1001, name: 'Ann' };
const ben = { personId: 1002, name: 'Ben' };

let opened = 0;
let commands = 0;
let ticketId: number;

const open = async () => {
  opened += 1;
  const cause = { stage: 'delivery', source: 'acme', dependency: null, errorFamily: `E${opened}` } as const;
  const failures = { cause, count: 1, countries: [], sampleTransaction: null, needsLook: false };
  return (await db.transaction().execute((trx) => openOrAttach(trx, failures))).ticketId;
};

const by = (actor = ann, seenRevision: number | null = null, id = ticketId): ActRequest => {
  commands += 1;
  return { ticketId: id, actor, seenRevision, commandId: `c${commands}` };
};

const view = async (id = ticketId) => (await findTicket(db, id))!;
const soon = () => new Date(Date.now() + 30 * 60_000);

beforeEach(async () => {
  ticketId = await open();
});

test('who releases a ticket has it no more, and it waits for somebody', async () => {
  await acknowledgeTicket(db, by());
  expect((await releaseTicket(db, by())).outcome).toBe('done');
  expect(await view()).toMatchObject({ state: 'open', ownerId: null, ownerName: null });
});

test('a ticket that nobody has cannot be released, nor confirmed', async () => {
  expect((await releaseTicket(db, by())).outcome).toBe('stale');
  expect((await confirmTicket(db, by())).outcome).toBe('stale');
  expect((await view()).stateRevision).toBe(1);
});

test('whoever a ticket is handed to has it, whether anybody had it before or not', async () => {
  await handOverTicket(db, { ...by(), to: ben });
  expect(await view()).toMatchObject({ state: 'acknowledged', ownerName: 'Ben' });
  await handOverTicket(db, { ...by(ben), to: ann });
  expect(await view()).toMatchObject({ state: 'acknowledged', ownerName: 'Ann' });
});

test('a snoozed ticket says until when, keeps its owner, and can still be acknowledged', async () => {
  const until = soon();
  await snoozeTicket(db, { ...by(), until });
  expect(await view()).toMatchObject({ state: 'snoozed', duty: { snoozedUntil: until, nextCall: null } });
  expect((await acknowledgeTicket(db, by())).outcome).toBe('done');
  expect(await view()).toMatchObject({ state: 'acknowledged', duty: { snoozedUntil: null } });
});

test('a severity changed by a person says so with the reason, and another button was drawn before it', async () => {
  const before = (await view()).stateRevision;
  await changeSeverity(db, { ...by(), to: 'P1', reason: 'the whole shop' });
  const ticket = await view();
  expect(ticket).toMatchObject({ severity: 'P1', stateRevision: before + 1 });
  expect(ticket.log.at(-1)?.text).toContain('made P1 by Ann: “the whole shop”');
});

test('a ticket resolved with a reason says it in its story and on the events it settled', async () => {
  const event = await insertEvent(db, { state: 'dead', ticketId });
  await resolveTicket(db, { ...by(), reason: 'a test purchase' });
  expect((await view()).log.at(-1)?.text).toContain('“a test purchase”');
  const row = await db.selectFrom('event').select('settled_reason').where('id', '=', event.id).executeTakeFirst();
  expect(row?.settled_reason).toBe('a test purchase');
});

test('a merged ticket’s failures are the other’s, which takes the graver severity', async () => {
  const into = await open();
  await changeSeverity(db, { ...by(), to: 'P1', reason: null });
  const event = await insertEvent(db, { state: 'dead', ticketId });
  expect((await mergeTicketInto(db, { ...by(), intoId: into })).outcome).toBe('done');
  expect((await view()).state).toBe('merged');
  expect(await view(into)).toMatchObject({ state: 'open', severity: 'P1', failures: 2, deadEvents: 1 });
  const row = await db.selectFrom('event').select('ticket_id').where('id', '=', event.id).executeTakeFirst();
  expect(row?.ticket_id).toBe(into);
});

test('nothing is merged into itself, into nothing, or into what is over', async () => {
  const done = await open();
  await resolveTicket(db, { ...by(ann, null, done), reason: null });
  expect((await mergeTicketInto(db, { ...by(), intoId: ticketId })).outcome).toBe('same');
  expect((await mergeTicketInto(db, { ...by(), intoId: 999_999 })).outcome).toBe('into_unknown');
  expect((await mergeTicketInto(db, { ...by(), intoId: done })).outcome).toBe('into_done');
  expect((await mergeTicketInto(db, { ...by(ann, null, 999_999), intoId: ticketId })).outcome).toBe('unknown');
  expect((await view()).state).toBe('open');
});

test('two tickets merged into each other at once are one afterwards, and neither act fails', async () => {
  const other = await open();
  const outcomes = await Promise.all([
    mergeTicketInto(db, { ...by(ann), intoId: other }),
    mergeTicketInto(db, { ...by(ben, null, other), intoId: ticketId }),
  ]);
  expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual(['done', 'into_done']);
});

test('what everybody must hear of is said under the card, the rest is not', async () => {
  await acknowledgeTicket(db, by());
  await confirmTicket(db, by());
  await handOverTicket(db, { ...by(), to: ben });
  await snoozeTicket(db, { ...by(), until: soon() });
  await resolveTicket(db, { ...by(), reason: null });
  const notices = await db
    .selectFrom('notice')
    .select('body')
    .where('ticket_id', '=', ticketId)
    .orderBy('id')
    .execute();
  expect(notices.map(({ body }) => body.text)).toEqual([
    `👀 T-${ticketId} acknowledged by Ann`,
    `🤝 T-${ticketId} handed over to Ben by Ann`,
    `✅ T-${ticketId} resolved by Ann`,
  ]);
});

type Press = (request: ActRequest) => Promise<ActResult>;

const PRESSES: Record<string, Press> = {
  acknowledge: (request) => acknowledgeTicket(db, request),
  confirm: (request) => confirmTicket(db, request),
  release: (request) => releaseTicket(db, request),
  handOver: (request) => handOverTicket(db, { ...request, to: ben }),
  snooze: (request) => snoozeTicket(db, { ...request, until: soon() }),
  escalate: (request) => escalateTicket(db, request),
  severity: (request) => changeSeverity(db, { ...request, to: 'P1', reason: null }),
  resolve: (request) => resolveTicket(db, { ...request, reason: null }),
};

const POSSIBLE = {
  open: ['acknowledge', 'handOver', 'snooze', 'escalate', 'severity', 'resolve'],
  acknowledged: ['confirm', 'release', 'handOver', 'snooze', 'escalate', 'severity', 'resolve'],
} as const;

test('of two engineers who press at once, whatever they press and whoever comes first, one acts and the other is told the truth', async () => {
  const presses = fc.constantFrom('open' as const, 'acknowledged' as const).chain((state) =>
    fc.record({
      state: fc.constant(state),
      first: fc.constantFrom(...POSSIBLE[state]),
      second: fc.constantFrom(...POSSIBLE[state]),
      order: fc.constantFrom('first', 'second', 'together'),
    }),
  );
  await fc.assert(
    fc.asyncProperty(presses, async ({ state, first, second, order }) => {
      ticketId = await open();
      if (state === 'acknowledged') await acknowledgeTicket(db, by(ann));
      const seen = (await view()).stateRevision;
      // Only the owner may confirm, so both are she: on the phone and at the desk.
      const press = (name: string) => () => PRESSES[name]!(by(ann, seen));
      const [one, two] = [press(first), press(second)];
      const results =
        order === 'together'
          ? await Promise.all([one(), two()])
          : await inTurn(order === 'first' ? [one, two] : [two, one]);
      expect(results.map(({ outcome }) => outcome).sort()).toEqual(['done', 'stale']);
      const truth = await view();
      expect(truth.stateRevision).toBe(seen + 1);
      const told = results.find(({ outcome }) => outcome === 'stale')!.ticket!;
      expect(told).toMatchObject({
        state: truth.state,
        ownerName: truth.ownerName,
        stateRevision: truth.stateRevision,
      });
      const acts = await db.selectFrom('ticket_act').select('action').where('ticket_id', '=', ticketId).execute();
      expect(acts).toHaveLength(state === 'open' ? 1 : 2);
    }),
    { numRuns: 120 },
  );
}, 60_000);

async function inTurn(presses: (() => Promise<ActResult>)[]): Promise<ActResult[]> {
  const results: ActResult[] = [];
  for (const press of presses) results.push(await press());
  return results;
}
