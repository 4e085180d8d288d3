import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { acknowledgeTicket, resolveTicket } from '../../src/escalation/ticket-acts.ts';
import { readBacklog } from '../../src/platform/backlog-query.ts';
import { startDrill, stopDrill, watchDrillOnce } from '../../src/telegram/drill.ts';
import type { DrillProgress } from '../../src/telegram/drill-store.ts';
import { findEnd, reportText } from '../../src/telegram/words/drill-text.ts';
import { createTestDatabase } from '../database.ts';
import { createSenderHarness, type Harness } from './sender-harness.ts';

const { db } = await createTestDatabase();
const SECOND = 1_000;
const MINUTE = 60_000;
const ANN = { personId: 1001, name: 'Ann' };
const BEN = { personId: 1002, name: 'Ben' };

const begin = (chat: Harness, commandId = 'update:1') => startDrill(chat.deps, { commandId, actor: ANN });
const watch = (chat: Harness) => watchDrillOnce(chat.deps);

async function acknowledge(chat: Harness, ticketId: number) {
  const request = { ticketId, actor: BEN, seenRevision: null, commandId: `press:${ticketId}` };
  await acknowledgeTicket(db, request);
  await sql`update ticket_act set at = ${chat.now()} where ticket_id = ${ticketId}`.execute(db);
}

async function reports(): Promise<unknown[]> {
  const rows = await db.selectFrom('notice').select('body').where('key', 'like', 'drill:%').execute();
  return rows.map((row) => row.body.text);
}

const ticketOf = (id: number) => db.selectFrom('ticket').selectAll().where('id', '=', id).executeTakeFirstOrThrow();

async function createChat() {
  await sql`truncate drill cascade`.execute(db);
  return createSenderHarness(db);
}

test('a drill’s card says that it is one, and its report says how long everything took', async () => {
  const chat = await createChat();
  const { drill } = await begin(chat);
  chat.pass(SECOND);
  await chat.run();
  expect(chat.cards()[0]?.text).toMatch(
    new RegExp(
      `^P1 · UNACKNOWLEDGED · T-${drill.ticketId}\n🧪 DRILL: nothing has failed, nobody waits\ndrill: exercise`,
    ),
  );
  chat.pass(41 * SECOND);
  await acknowledge(chat, drill.ticketId);
  expect(await watch(chat)).toBe(0);
  chat.pass(300);
  await chat.run();
  expect(await watch(chat)).toBe(1);
  expect(await reports()).toEqual([
    `🧪 Drill T-${drill.ticketId}: answered\ncard shown after 1.0 s\nacknowledged after 42 s by Ben\n` +
      'the card showed it 0.3 s later\nIts ticket is resolved; no payment was touched.',
  ]);
  expect(await ticketOf(drill.ticketId)).toMatchObject({ state: 'resolved', resolved_reason: 'drill' });
  await chat.run();
  expect(chat.cards()[0]?.text).toContain('RESOLVED');
  expect(await watch(chat)).toBe(0);
});

test('one that nobody acknowledges ends after ten minutes and says so', async () => {
  const chat = await createChat();
  const { drill } = await begin(chat);
  await chat.run();
  chat.pass(10 * MINUTE);
  expect(await watch(chat)).toBe(0);
  chat.pass(SECOND);
  expect(await watch(chat)).toBe(1);
  expect(await reports()).toEqual([expect.stringContaining('nobody acknowledged it in 10 minutes')]);
  expect(await ticketOf(drill.ticketId)).toMatchObject({ state: 'resolved' });
});

test('one at a time; the same command, delivered twice, begins one', async () => {
  const chat = await createChat();
  const first = await begin(chat);
  expect(await begin(chat)).toEqual(first);
  expect(await begin(chat, 'update:2')).toMatchObject({ outcome: 'running', drill: { id: first.drill.id } });
  const both = await Promise.all(['update:3', 'update:4'].map((command) => begin(chat, command)));
  expect(both.map(({ outcome }) => outcome)).toEqual(['running', 'running']);
});

test('the next one is a ticket of its own', async () => {
  const chat = await createChat();
  const first = await begin(chat);
  await stopDrill(chat.deps);
  const second = await begin(chat, 'update:2');
  expect(second.outcome).toBe('started');
  expect(second.drill.ticketId).not.toBe(first.drill.ticketId);
});

test('stopping it resolves its ticket and reports; stopping nothing does nothing', async () => {
  const chat = await createChat();
  const { drill } = await begin(chat);
  expect(await stopDrill(chat.deps)).toMatchObject({ ticketId: drill.ticketId });
  expect(await ticketOf(drill.ticketId)).toMatchObject({ state: 'resolved' });
  expect(await reports()).toEqual([
    expect.stringContaining(': stopped\nits card never came to the chat\nnot acknowledged'),
  ]);
  expect(await stopDrill(chat.deps)).toBeNull();
});

test('resolving its ticket by hand ends it', async () => {
  const chat = await createChat();
  const { drill } = await begin(chat);
  await resolveTicket(db, { ticketId: drill.ticketId, actor: BEN, seenRevision: null, commandId: 'r', reason: null });
  expect(await watch(chat)).toBe(1);
  expect((await db.selectFrom('drill').select('state').executeTakeFirstOrThrow()).state).toBe('stopped');
});

test('it is counted nowhere as a failure', async () => {
  const chat = await createChat();
  const before = await readBacklog(db);
  await begin(chat);
  const { openTickets, openedTickets } = await readBacklog(db);
  expect({ openTickets, openedTickets }).toEqual({
    openTickets: before.openTickets,
    openedTickets: before.openedTickets,
  });
});

const STARTED = new Date('2026-11-22T12:00:00Z');
const at = (ms: number) => new Date(STARTED.getTime() + ms);
const progress = (changes: Partial<DrillProgress> = {}): DrillProgress => ({
  id: 1,
  ticketId: 1001,
  startedBy: 1001,
  startedAt: STARTED,
  shownAt: null,
  acknowledgedAt: null,
  acknowledgedBy: null,
  redrawnAt: null,
  isResolved: false,
  ...changes,
});

test.each([
  ['runs', {}, MINUTE, null],
  ['waits for the card to show it', { acknowledgedAt: at(SECOND) }, MINUTE, null],
  ['has passed', { acknowledgedAt: at(SECOND), redrawnAt: at(2 * SECOND) }, MINUTE, 'passed'],
  ['was stopped by resolving', { isResolved: true }, MINUTE, 'stopped'],
  ['has passed although it was resolved at once', { isResolved: true, acknowledgedAt: at(1) }, MINUTE, 'passed'],
  ['was answered by nobody', {}, 11 * MINUTE, 'unanswered'],
  ['has passed although the chat never showed it', { acknowledgedAt: at(SECOND) }, 11 * MINUTE, 'passed'],
] as const)('a drill %s', (_how, changes, passedMs, end) => {
  expect(findEnd(progress(changes), at(passedMs))).toBe(end);
});

test('times are told as one says them', () => {
  const told = reportText(progress({ shownAt: at(440), acknowledgedAt: at(200 * SECOND), redrawnAt: null }), 'passed');
  expect(told).toContain('card shown after 0.4 s');
  expect(told).toContain('acknowledged after 3 min 20 s');
  expect(told).toContain('the card did not show it in time');
});
