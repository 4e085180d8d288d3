import { expect, test } from 'vitest';
import { savePolicy } from '../../src/escalation/deadline-store.ts';
import { openOrAttach } from '../../src/escalation/open-ticket.ts';
import { DEFAULT_POLICY } from '../../src/escalation/policy.ts';
import { markSeverity } from '../../src/escalation/ticket-store.ts';
import { eventually } from '../world/eventually.ts';
import { ANN, startWorld } from '../world/world.ts';

const world = await startWorld();
const { db } = world.database;

const SECOND = 1 / 60;
/** The life of a P1 in half a minute: acknowledged for a while, lapsed, warned of, over. */
const P1 = {
  ...DEFAULT_POLICY.severities.P1,
  steps: [
    { afterMinutes: 0, level: 1 as const },
    { afterMinutes: 5 * SECOND, level: 1 as const },
    { afterMinutes: 10 * SECOND, level: 2 as const },
    { afterMinutes: 15 * SECOND, level: 3 as const },
  ],
  resolveMinutes: 28 * SECOND,
  rounds: 1,
  thenEveryMinutes: null,
};
/** In seconds after the opening. */
const DUE = { opened: [0], unacknowledged: [5, 10, 15], warning: [21], overdue: [28] };

/** What the issue allows: a deadline is served within five seconds of its time. */
const LATE_MS_MAX = 5_000;

async function openP1(): Promise<number> {
  const cause = { stage: 'delivery', source: 'acme', dependency: 'activation', errorFamily: 'HTTP 418' } as const;
  const failures = { cause, count: 1, countries: [], sampleTransaction: null, needsLook: false };
  return db.transaction().execute(async (trx) => {
    const { ticketId } = await openOrAttach(trx, failures);
    await markSeverity(trx, ticketId, 'P1');
    return ticketId;
  });
}

async function servedMs(ticketId: number, reason: string): Promise<number[]> {
  const ticket = await db.selectFrom('ticket').select('clock_at').where('id', '=', ticketId).executeTakeFirstOrThrow();
  const rows = await db
    .selectFrom('page')
    .select('at')
    .distinct()
    .where('ticket_id', '=', ticketId)
    .where('reason', '=', reason)
    .orderBy('at')
    .execute();
  return rows.map(({ at }) => at.getTime() - ticket.clock_at!.getTime());
}

test('every deadline of a P1 is served within five seconds of its time, though the process is killed and another starts in between', async () => {
  world.sandbox.telegram.startPrivate(ANN);
  await savePolicy(db, { ...DEFAULT_POLICY, severities: { ...DEFAULT_POLICY.severities, P1 } }, 'test');
  const ticketId = await openP1();
  await eventually(async () => (await servedMs(ticketId, 'unacknowledged')).length >= 1, 30_000);
  await world.service.kill('SIGKILL');
  world.service = await world.startReplica();
  await eventually(async () => (await servedMs(ticketId, 'overdue')).length >= 1, 60_000);
  for (const [reason, due] of Object.entries(DUE)) {
    const served = await servedMs(ticketId, reason);
    expect(served, reason).toHaveLength(due.length);
    served.forEach((ms, index) => {
      expect(ms - due[index]! * 1000, `${reason} at ${due[index]} s`).toBeGreaterThanOrEqual(0);
      expect(ms - due[index]! * 1000, `${reason} at ${due[index]} s`).toBeLessThanOrEqual(LATE_MS_MAX);
    });
  }
});

test('nobody was called twice for one deadline, and what was said in private arrived', async () => {
  const twice = await db
    .selectFrom('page')
    .select(['ticket_id', 'person_id', 'at'])
    .groupBy(['ticket_id', 'person_id', 'at'])
    .having((eb) => eb.fn.countAll(), '>', 1)
    .execute();
  expect(twice).toEqual([]);
  await eventually(async () => {
    const waiting = await db.selectFrom('page').select('id').where('state', '=', 'waiting').execute();
    return waiting.length === 0;
  }, 30_000);
  expect(world.sandbox.telegram.messages(ANN).some(({ text }) => text.startsWith('📟'))).toBe(true);
});
