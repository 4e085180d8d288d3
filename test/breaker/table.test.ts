import fc from 'fast-check';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import {
  acquireLease,
  countFailuresInRow,
  ensureBreaker,
  evaluate,
  holdOff,
  recordResults,
  reportLease,
  tick,
} from '../../src/breaker/breaker-store.ts';
import { commandBreaker } from '../../src/breaker/command.ts';
import type { CompleteSettings } from '../../src/breaker/settings.ts';
import { createTestDatabase } from '../database.ts';
import { createModel, type Model, type Step } from './breaker-model.ts';
import { readSeen } from './seen.ts';

const { db } = await createTestDatabase();

const SETTINGS: CompleteSettings = {
  windowMs: 2_000,
  minimumVolume: 4,
  failureRatio: 0.5,
  openMs: 1_000,
  openMsMax: 4_000,
  probes: 3,
  closeAfter: 2,
  leaseMs: 500,
  probesLostMax: 3,
  failuresInRow: null,
};
const VARIANTS: Partial<CompleteSettings>[] = [{}, { closeAfter: 3 }, { closeAfter: 1, probes: 2, failuresInRow: 7 }];

/** Every cell of the table that says something, as `state: event → what came of it`. */
const EDGES = `
  closed: record counted; closed: record dropped; open: record dropped; half_open: record dropped; forced_open: record dropped; forced_closed: record counted
  closed: evaluate stays; closed: evaluate opened; closed: evaluate opened in a row; open: evaluate nothing; half_open: evaluate nothing; forced_open: evaluate nothing; forced_closed: evaluate nothing
  closed: acquire refused; open: acquire refused; open: acquire granted first; half_open: acquire granted; half_open: acquire granted first; half_open: acquire refused
  half_open: acquire refused, full; half_open: acquire refused, too many lost; forced_open: acquire refused; forced_closed: acquire refused
  half_open: report ok; half_open: report fail; half_open: report ignored; half_open: report expired; half_open: report unknown; open: report unknown; closed: report unknown; forced_open: report unknown
  half_open: tick lost; half_open: tick nothing; forced_open: tick expired; forced_closed: tick expired; open: tick nothing; forced_open: tick nothing
  closed: trip changed; open: trip changed; half_open: trip changed; forced_open: trip unchanged; forced_closed: trip changed
  closed: hold_closed changed; open: hold_closed changed; half_open: hold_closed changed; forced_open: hold_closed changed; forced_closed: hold_closed unchanged; closed: hold_closed refused
  closed: reset changed; open: reset changed; half_open: reset changed; forced_open: reset changed; forced_closed: reset changed
  closed: release unchanged; open: release unchanged; half_open: release unchanged; forced_open: release changed; forced_closed: release changed
  closed: command stale; open: command stale; half_open: command stale; forced_open: command stale; forced_closed: command stale
  closed: replay repeated; open: replay repeated; forced_open: replay repeated
  closed: hold_off held off; open: hold_off held off; half_open: hold_off held off; forced_open: hold_off nothing; forced_closed: hold_off held off
  closed → open failure_ratio; closed → open failures_in_row; open → half_open open_elapsed; half_open → closed probes_ok; half_open → open probe_failed; half_open → open probes_lost
  forced_open → half_open forced_expired; forced_closed → closed forced_expired; forced_open → half_open release; forced_closed → closed release
  closed → closed reset; open → closed reset; half_open → closed reset; forced_open → closed reset; forced_closed → closed reset
  closed → forced_open trip; open → forced_open trip; half_open → forced_open trip; forced_closed → forced_open trip
  closed → forced_closed hold_closed; open → forced_closed hold_closed; half_open → forced_closed hold_closed; forced_open → forced_closed hold_closed`
  .split(/[;\n]/)
  .map((edge) => edge.trim())
  .filter((edge) => edge !== '');

const RUNS = Number(process.env.BREAKER_RUNS ?? 150);

const steps = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ step: fc.constant('wait' as const), ms: waits() }) },
    { weight: 6, arbitrary: records() },
    { weight: 5, arbitrary: fc.constant<Step>({ step: 'evaluate' }) },
    { weight: 7, arbitrary: fc.constant<Step>({ step: 'acquire' }) },
    { weight: 6, arbitrary: reports() },
    { weight: 3, arbitrary: fc.constant<Step>({ step: 'tick' }) },
    { weight: 2, arbitrary: commands() },
    { weight: 1, arbitrary: fc.constant<Step>({ step: 'replay' }) },
    {
      weight: 1,
      arbitrary: fc.record({
        step: fc.constant('hold_off' as const),
        pauseMs: fc.constantFrom(-5, 0, 300, 900, 6_000, 5_000_000),
      }),
    },
  ),
  { minLength: 20, maxLength: 70 },
);

/** Where a run begins: at chance most of them would never get beyond an open breaker. */
const fail: Step = { step: 'record', replica: 'a', late: false, ok: 0, failed: 5, ageMs: 0 };
const TO_OPEN: Step[] = [fail, { step: 'evaluate' }];
const TO_HALF_OPEN: Step[] = [...TO_OPEN, { step: 'wait', ms: 1_000 }, { step: 'acquire' }];
const IN_A_ROW: Step[] = [
  { ...fail, failed: 2 },
  { step: 'wait', ms: 2_000 },
];
const BEGINNINGS: Step[][] = [
  [],
  TO_OPEN,
  TO_HALF_OPEN,
  [...TO_HALF_OPEN, { step: 'acquire' }, { step: 'acquire' }],
  [...IN_A_ROW, ...IN_A_ROW, ...IN_A_ROW],
  [{ step: 'command', verb: 'trip', ttlMs: null, seen: 'none' }],
];

function waits() {
  return fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(1, 50, 99, 100, 101, 499, 500, 501) },
    { weight: 3, arbitrary: fc.constantFrom(1_000, 1_001, 1_900, 2_000) },
    { weight: 1, arbitrary: fc.constantFrom(4_000, 50_000, 3_600_000) },
  );
}

function records() {
  return fc.record({
    step: fc.constant('record' as const),
    replica: fc.constantFrom('a', 'b', 'c'),
    late: fc.constantFrom(false, false, false, false, true),
    ok: fc.constantFrom(0, 0, 1, 2, 3),
    failed: fc.constantFrom(0, 1, 2, 3, 5),
    ageMs: fc.constantFrom(0, 0, 0, 50, 100, 1_899, 1_900, 1_950, 1_999, 2_000, 2_500),
  });
}

function reports() {
  return fc.record({
    step: fc.constant('report' as const),
    lease: fc.constantFrom(0, 0, 0, 1, 1, 2, 5),
    outcome: fc.constantFrom('ok' as const, 'ok' as const, 'ok' as const, 'fail' as const, 'ignored' as const),
    otherEpoch: fc.constantFrom(false, false, false, false, true),
  });
}

function commands() {
  return fc.record({
    step: fc.constant('command' as const),
    verb: fc.constantFrom('trip' as const, 'hold_closed' as const, 'reset' as const, 'release' as const),
    ttlMs: fc.constantFrom(null, 1_000, 4_000, 3_600_000),
    seen: fc.constantFrom('none' as const, 'none' as const, 'current' as const, 'older' as const),
  });
}

let names = 0;

test('the statements do what the table says, whatever happens in whatever order', { timeout: 120_000 }, async () => {
  const reached = new Map<string, number>();
  const count = (edge: string) => reached.set(edge, (reached.get(edge) ?? 0) + 1);
  const [variants, beginnings] = [fc.constantFrom(...VARIANTS), fc.constantFrom(...BEGINNINGS)];
  const property = fc.asyncProperty(variants, beginnings, steps, async (variant, beginning, run) => {
    await follow({ ...SETTINGS, ...variant }, [...beginning, ...run], count);
  });
  await fc.assert(property, { numRuns: RUNS, seed: 20_260_101, endOnFailure: false });
  expect(EDGES.filter((edge) => !reached.has(edge))).toEqual([]);
  expect(EDGES.length).toBeGreaterThan(80);
});

async function follow(settings: CompleteSettings, run: Step[], count: (edge: string) => void): Promise<void> {
  names += 1;
  const name = `provider:${names}`;
  const model = createModel(settings, Date.UTC(2026, 0, 1) + names);
  await ensureBreaker(db, name, settings, model.now());
  let commandId = '';
  for (const [index, step] of run.entries()) {
    const before = model.state();
    const lease = `${name} ${index}`;
    if (step.step === 'command') commandId = `${name} ${index}`;
    const wanted = await ask(name, model, step, { lease, commandId });
    count(`${before}: ${step.step === 'command' && wanted.came !== 'stale' ? step.verb : step.step} ${wanted.came}`);
    expect(wanted.answer).toEqual(wanted.modelled);
    expect(await readRow(name)).toEqual(model.row());
    if (step.step === 'record') expect(await readSeen(db, name, model.now())).toEqual(model.window());
    expect(model.liveLeases()).toBeLessThanOrEqual(settings.probes);
  }
  const transitions = await readTransitions(name);
  expect(transitions).toEqual(model.transitions);
  for (const [from, to, reason] of transitions) count(`${from} → ${to} ${reason}`);
  await forget(name);
}

/** Or every look at the window and every tick would be at the breakers of all runs before. */
async function forget(name: string): Promise<void> {
  for (const table of ['breaker_command', 'breaker_transition', 'breaker_bucket', 'breaker'] as const)
    await db.deleteFrom(table).where('name', '=', name).execute();
}

type Asked = { came: string; answer: unknown; modelled: unknown };

/** Takes the step in the database, then in the model, and sets their answers side by side. */
async function ask(name: string, model: Model, step: Step, ids: { lease: string; commandId: string }): Promise<Asked> {
  const [now, epoch] = [model.now(), model.epoch()];
  switch (step.step) {
    case 'wait':
      return { came: model.take(step, ids.lease), answer: null, modelled: null };
    case 'record': {
      const { ok, failed, ageMs } = step;
      const counted = { name, epoch: step.late ? epoch - 1 : epoch, ok, failed, ageMs };
      await recordResults(db, step.replica, [counted], now);
      const came = model.take(step, ids.lease);
      if (came === 'counted') await countFailuresInRow(db, counted);
      return { came, answer: null, modelled: null };
    }
    case 'evaluate': {
      const evaluation = await evaluate(db, name, 'a', now);
      const came = model.take(step, ids.lease);
      return { came, answer: evaluation?.opened ?? null, modelled: came === 'nothing' ? null : came !== 'stays' };
    }
    case 'acquire': {
      const granted = await acquireLease(db, { name, replica: 'a', lease: ids.lease }, now);
      const came = model.take(step, ids.lease);
      const modelled = came.startsWith('granted') ? { name, epoch: model.epoch(), lease: ids.lease } : null;
      return { came, answer: granted, modelled };
    }
    case 'report': {
      const issued = model.issued.at(-1 - step.lease) ?? { lease: 'never issued', epoch };
      const used = { ...issued, name, epoch: step.otherEpoch ? issued.epoch - 1 : issued.epoch };
      const answer = await reportLease(db, used, step.outcome, now);
      const came = model.take(step, ids.lease);
      const isDropped = came === 'unknown' || came === 'expired';
      return { came, answer, modelled: isDropped ? null : { state: model.state(), epoch: model.epoch() } };
    }
    case 'tick': {
      const changed = await tick(db, now);
      const came = model.take(step, ids.lease);
      return { came, answer: changed.includes(name), modelled: came !== 'nothing' };
    }
    case 'command': {
      const seenEpoch = { none: null, current: epoch, older: epoch - 1 }[step.seen];
      const { verb, ttlMs } = step;
      const command = {
        commandId: ids.commandId,
        dependency: name,
        verb,
        ttlMs,
        reason: 'why',
        actor: 'ann',
        seenEpoch,
      };
      const answer = await commandBreaker(db, command, now);
      const isRefused = verb === 'hold_closed' && ttlMs === null;
      const came = isRefused ? 'refused' : model.take(step, ids.lease);
      return {
        came,
        answer,
        modelled: expect.objectContaining(isRefused ? { outcome: 'refused' } : model.lastAnswer()!),
      };
    }
    case 'replay': {
      const came = model.take(step, ids.lease);
      if (came !== 'repeated') return { came, answer: null, modelled: null };
      return { came, ...(await repeat(name, model)) };
    }
    case 'hold_off': {
      await holdOff(db, name, step.pauseMs, now);
      return { came: model.take(step, ids.lease), answer: null, modelled: null };
    }
  }
}

/** The last command that was carried out, once more, and with another verb: its id alone decides. */
async function repeat(name: string, model: Model): Promise<Omit<Asked, 'came'>> {
  const { command_id: commandId } = await db
    .selectFrom('breaker_command')
    .select('command_id')
    .where('name', '=', name)
    .orderBy(sql`split_part(command_id, ' ', 2)::int`, 'desc')
    .executeTakeFirstOrThrow();
  const again = { commandId, dependency: name, verb: 'reset' as const, reason: 'again', actor: 'bob' };
  const answer = await commandBreaker(db, again, model.now());
  return { answer, modelled: expect.objectContaining({ ...model.lastAnswer(), replayed: true }) };
}

async function readRow(name: string) {
  const row = await db
    .selectFrom('breaker')
    .selectAll()
    .select((eb) =>
      eb
        .selectFrom('breaker_transition')
        .select((inner) => inner.fn.countAll<number>().as('count'))
        .whereRef('breaker_transition.name', '=', 'breaker.name')
        .as('transitions'),
    )
    .where('name', '=', name)
    .executeTakeFirstOrThrow();
  expect(row.transitions).toBe(row.epoch - 1);
  return {
    state: row.state,
    epoch: row.epoch,
    enteredAt: row.entered_at.getTime(),
    openUntil: row.open_until?.getTime() ?? null,
    notBefore: row.not_before?.getTime() ?? null,
    forcedUntil: row.forced_until?.getTime() ?? null,
    streak: row.open_streak,
    leases: Object.keys(row.leases).sort(),
    probesOk: row.probes_ok,
    probesLost: row.probes_lost,
    inRow: row.failures_in_row,
  };
}

async function readTransitions(name: string) {
  const rows = await db
    .selectFrom('breaker_transition')
    .select(['from_state', 'to_state', 'reason', 'epoch'])
    .where('name', '=', name)
    .orderBy('epoch')
    .execute();
  expect(rows.map((row) => row.epoch)).toEqual(rows.map((_, index) => index + 2));
  return rows.map((row) => [row.from_state, row.to_state, row.reason]);
}
