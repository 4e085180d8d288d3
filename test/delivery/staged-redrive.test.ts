import { beforeEach, describe, expect, test } from 'vitest';
import { nextStage } from '../../src/delivery/stage-decision.ts';
import { findStaged, runStagedOnce, startStagedRedrive } from '../../src/delivery/staged-redrive.ts';
import { openOrAttach } from '../../src/escalation/open-ticket.ts';
import { createTestDatabase } from '../database.ts';
import { insertEvent } from '../seed.ts';

test.each([
  ['the first is alone', { total: 24, begun: 0, stage: { events: 0, failed: 0 } }, { step: 'begin', count: 1 }],
  ['then five', { total: 24, begun: 1, stage: { events: 1, failed: 0 } }, { step: 'begin', count: 5 }],
  ['then the rest', { total: 24, begun: 6, stage: { events: 5, failed: 0 } }, { step: 'begin', count: 18 }],
  ['then nothing', { total: 24, begun: 24, stage: { events: 18, failed: 0 } }, { step: 'done' }],
  ['fewer than six', { total: 3, begun: 1, stage: { events: 1, failed: 0 } }, { step: 'begin', count: 2 }],
  ['one alone', { total: 1, begun: 1, stage: { events: 1, failed: 0 } }, { step: 'done' }],
  ['the first fails', { total: 24, begun: 1, stage: { events: 1, failed: 1 } }, { step: 'stop' }],
  ['one of five fails, which is 20 %', { total: 24, begun: 6, stage: { events: 5, failed: 1 } }, { step: 'stop' }],
  [
    'all were begun, and there is nothing to stop',
    { total: 6, begun: 6, stage: { events: 5, failed: 5 } },
    { step: 'done' },
  ],
  ['others retried the stage', { total: 24, begun: 6, stage: { events: 0, failed: 0 } }, { step: 'begin', count: 18 }],
])('%s', (_, counts, next) => expect(nextStage(counts)).toEqual(next));

describe('a retry in stages', async () => {
  const { db } = await createTestDatabase();
  const actor = { personId: 1001, name: 'Ann' };
  let run = 0;
  let ticketId = 0;

  const seed = async (count: number) => {
    for (let n = 0; n < count; n += 1) await insertEvent(db, { state: 'dead', ticketId });
  };
  const start = (expected: number) =>
    startStagedRedrive(db, { ticketId, commandId: `form:${run}`, actor, expected, audience: { personId: 1001 } });
  const counts = async () => {
    const rows = await db.selectFrom('event').select('state').where('ticket_id', '=', ticketId).execute();
    return Object.fromEntries(
      Map.groupBy(rows, (row) => row.state)
        .entries()
        .map(([state, of]) => [state, of.length]),
    );
  };
  /** What was tried again comes to its end. */
  const end = async (state: 'applied' | 'dead', limit = 1_000) => {
    const rows = await db
      .selectFrom('event')
      .select('id')
      .where('ticket_id', '=', ticketId)
      .where('state', '=', 'pending')
      .limit(limit)
      .execute();
    const reason = state === 'dead' ? 'permanent' : null;
    for (const { id } of rows) await db.updateTable('event').set({ state, reason }).where('id', '=', id).execute();
    return runStagedOnce(db);
  };

  beforeEach(async () => {
    run += 1;
    const cause = {
      stage: 'delivery',
      source: 'acme',
      dependency: 'activation',
      errorFamily: `staged ${run}`,
    } as const;
    const failures = { cause, count: 1, countries: [], sampleTransaction: null, needsLook: false };
    ticketId = (await db.transaction().execute((trx) => openOrAttach(trx, failures))).ticketId;
  });

  test('tries one, then five, then the rest, each after the one before has ended', async () => {
    await seed(10);
    expect(await start(10)).toMatchObject({ outcome: 'started', events: 10 });
    expect(await counts()).toEqual({ pending: 1, dead: 9 });
    expect((await runStagedOnce(db)).moved).toBe(0);
    await end('applied');
    expect(await counts()).toEqual({ applied: 1, pending: 5, dead: 4 });
    await end('applied');
    expect(await counts()).toEqual({ applied: 6, pending: 4 });
    await end('applied');
    expect(await counts()).toEqual({ applied: 10 });
    const notice = await db
      .selectFrom('notice')
      .selectAll()
      .where('kind', '=', 'staged')
      .orderBy('id', 'desc')
      .executeTakeFirstOrThrow();
    expect(notice).toMatchObject({ person_id: 1001, wanted_revision: 4 });
    expect(await findStaged(db, Number(notice.body.stagedId))).toMatchObject({ state: 'done', applied: 10, failed: 0 });
  });

  test('stops after a canary that failed, and leaves the others untouched', async () => {
    await seed(10);
    const { stagedId } = (await start(10)) as { stagedId: number };
    await end('dead');
    expect(await counts()).toEqual({ dead: 10 });
    expect(await findStaged(db, stagedId)).toMatchObject({ state: 'stopped', begun: 1, failed: 1 });
    expect((await runStagedOnce(db)).moved).toBe(0);
  });

  test('tries exactly as many as were shown, or none', async () => {
    await seed(3);
    expect(await start(4)).toEqual({ outcome: 'changed', events: 3 });
    expect(await counts()).toEqual({ dead: 3 });
  });

  test('what dies meanwhile is not among them', async () => {
    await seed(7);
    await start(7);
    await seed(5);
    await end('applied');
    await end('applied');
    await end('applied');
    expect(await counts()).toEqual({ applied: 7, dead: 5 });
  });

  test('asked twice it begins once, also by two replicas', async () => {
    await seed(6);
    const results = await Promise.allSettled([start(6), start(6)]);
    expect(results.filter((one) => one.status === 'fulfilled' && one.value.outcome === 'started')).toHaveLength(1);
    await Promise.all([runStagedOnce(db), runStagedOnce(db)]);
    expect(await counts()).toEqual({ pending: 1, dead: 5 });
    expect(await start(6)).toMatchObject({ outcome: 'already' });
  });
});
