import { beforeEach, expect, test } from 'vitest';
import type { UserTelling } from '../../src/delivery/tell-user.ts';
import { approveOverride } from '../../src/override/approve.ts';
import { settleDebt } from '../../src/override/execute.ts';
import type { OverrideDeps } from '../../src/override/override-deps.ts';
import { findOverride } from '../../src/override/override-store.ts';
import { requestOverride } from '../../src/override/request.ts';
import { tellProductOnce } from '../../src/override/tell.ts';
import { createTestDatabase } from '../database.ts';

const { db } = await createTestDatabase();
const T0 = new Date('2026-03-01T12:00:00Z');
const at = (seconds: number) => new Date(T0.getTime() + seconds * 1000);
const deps: OverrideDeps = {
  db,
  plans: {},
  wake: () => {},
  isOnCall: async () => true,
  findCustomerChat: async () => null,
};

let run = 0;
let overrideId = 0;
const calls: string[] = [];
let answers: UserTelling[] = [];

const tell = (now: Date) =>
  tellProductOnce(
    {
      db,
      tellUser: async (userId) => {
        calls.push(userId);
        return answers.shift() ?? { outcome: 'told' };
      },
    },
    { now },
  );
const failed = (family: string): UserTelling => ({
  outcome: 'failed',
  verdict: { outcome: 'transient', family, httpStatus: 503, errorCode: null, error: null, retryAfterMs: null },
});

beforeEach(async () => {
  run += 1;
  calls.length = 0;
  answers = [];
  const params = {
    userId: `u${run}`,
    feature: 'premium',
    until: at(86_400),
    payment: null,
    ticketId: null,
    reason: 'why',
    evidence: null,
  };
  const actor = { personId: run, name: 'Ann' };
  const asked = await requestOverride(deps, {
    commandId: `c${run}`,
    actor,
    params,
    isConfirmed: true,
    isProven: true,
    now: T0,
  });
  if (asked.outcome === 'refused') throw new Error(asked.why);
  overrideId = asked.overrideId;
  const ben = { personId: 1_000_000, name: 'Ben' };
  await approveOverride(deps, { overrideId, actor: ben, seenHash: asked.paramsHash, isProven: true, now: T0 });
});

test('the product is told what was given by hand, once', async () => {
  await tell(at(1));
  await tell(at(2));
  expect(calls).toEqual([`u${run}`]);
  expect(await findOverride(db, overrideId)).toMatchObject({ toldAt: at(1), tellAt: null });
});

test('a product that fails is told again, further and further apart, and the debt says what it answered', async () => {
  answers = [failed('HTTP 503'), failed('HTTP 503')];
  await tell(at(1));
  expect(await findOverride(db, overrideId)).toMatchObject({ toldAt: null, tellAt: at(3), tellError: 'HTTP 503' });
  await tell(at(2));
  await tell(at(3));
  expect(await findOverride(db, overrideId)).toMatchObject({ tellAt: at(7) });
  await tell(at(7));
  expect(calls).toHaveLength(3);
  expect(await findOverride(db, overrideId)).toMatchObject({ toldAt: at(7), tellError: null });
});

test('what was taken back is told too, also when the first telling had failed', async () => {
  answers = [failed('timeout')];
  await tell(at(1));
  await settleDebt(deps, {
    overrideId,
    as: 'reverted',
    actor: { personId: 5, name: 'Eve' },
    reason: 'no payment',
    now: at(2),
  });
  await tell(at(2));
  expect(await findOverride(db, overrideId)).toMatchObject({ state: 'reverted', toldAt: at(2) });
});

test('what changed while it was told is told again', async () => {
  const teller = async (): Promise<UserTelling> => {
    calls.push('told');
    if (calls.length === 1)
      await settleDebt(deps, { overrideId, as: 'reverted', actor: null, reason: 'meanwhile', now: at(5) });
    return { outcome: 'told' };
  };
  await tellProductOnce({ db, tellUser: teller }, { now: at(4) });
  expect(await findOverride(db, overrideId)).toMatchObject({ toldAt: null, tellAt: at(5) });
  await tellProductOnce({ db, tellUser: teller }, { now: at(6) });
  expect(calls).toHaveLength(2);
});

test('with nobody to tell, the row is the activation', async () => {
  await tellProductOnce({ db, tellUser: null }, { now: at(1) });
  expect(await findOverride(db, overrideId)).toMatchObject({ toldAt: at(1) });
});
