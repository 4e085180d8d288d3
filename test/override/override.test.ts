import { sql } from 'kysely';
import { beforeEach, describe, expect, test } from 'vitest';
import { foldUsers } from '../../src/entitlement/apply-facts.ts';
import { isActive } from '../../src/entitlement/fold.ts';
import { openOrAttach } from '../../src/escalation/open-ticket.ts';
import { approveOverride, breakGlass, refuseOverride, reviewOverride } from '../../src/override/approve.ts';
import { listDebts, listRequested, listUnreviewed } from '../../src/override/debt-query.ts';
import { executeOverride, settleDebt } from '../../src/override/execute.ts';
import { runOverridesOnce } from '../../src/override/expire.ts';
import type { OverrideParams } from '../../src/override/override-decision.ts';
import type { OverrideDeps } from '../../src/override/override-deps.ts';
import { findOverride } from '../../src/override/override-store.ts';
import { type OverrideRequest, requestOverride } from '../../src/override/request.ts';
import { createTestDatabase } from '../database.ts';
import { insertEvent } from '../seed.ts';

const { db } = await createTestDatabase();

const T0 = new Date('2026-03-01T12:00:00Z');
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const at = (ms: number) => new Date(T0.getTime() + ms);

/** People change from test to test, so that no test uses up another's limits. */
let ann = { personId: 0, name: 'Ann' };
let ben = { personId: 0, name: 'Ben' };
let run = 0;
const onCall = new Set<number>();
const chats = new Map<string, number>();

const deps: OverrideDeps = {
  db,
  plans: {},
  wake: () => {},
  isOnCall: async (personId) => onCall.has(personId),
  findCustomerChat: async (userId) => chats.get(userId) ?? null,
};

beforeEach(() => {
  run += 1;
  ann = { personId: run * 10 + 1, name: 'Ann' };
  ben = { personId: run * 10 + 2, name: 'Ben' };
});

const paramsOf = (over: Partial<OverrideParams> = {}): OverrideParams => ({
  userId: `user-${run}`,
  feature: 'premium',
  until: at(7 * DAY),
  payment: { provider: 'acme', transactionId: `tx-${run}` },
  ticketId: null,
  reason: 'the webhook was refused',
  evidence: null,
  ...over,
});

let commands = 0;
const ask = (over: Partial<OverrideParams> = {}, rest: Partial<OverrideRequest> = {}) => {
  commands += 1;
  const commandId = `form:${commands}`;
  return requestOverride(deps, {
    commandId,
    actor: ann,
    params: paramsOf(over),
    isConfirmed: true,
    isProven: true,
    now: T0,
    ...rest,
  });
};

const asked = async (over: Partial<OverrideParams> = {}, rest: Partial<OverrideRequest> = {}) => {
  const result = await ask(over, rest);
  if (result.outcome === 'refused') throw new Error(`refused: ${result.why}`);
  return { overrideId: result.overrideId, seenHash: result.paramsHash };
};

const approve = (request: { overrideId: number; seenHash: string }, by = ben, now = at(MINUTE)) =>
  approveOverride(deps, { ...request, actor: by, isProven: true, now });

const entitlementOf = (userId: string) =>
  db.selectFrom('entitlement').selectAll().where('user_id', '=', userId).executeTakeFirst();

const noticesOf = (overrideId: number) =>
  db
    .selectFrom('notice')
    .select([
      'key',
      'kind',
      'person_id as personId',
      sql<string>`body ->> 'text'`.as('text'),
      'wanted_revision as revision',
    ])
    .where('key', 'like', `override:${overrideId}%`)
    .where((eb) => eb.or([eb('key', '=', `override:${overrideId}`), eb('key', 'like', `override:${overrideId}:%`)]))
    .orderBy('id')
    .execute();

const audited = async () =>
  db
    .selectFrom('audit')
    .select(['actor', 'action', 'target', 'allowed', 'detail'])
    .orderBy('id', 'desc')
    .executeTakeFirst();

describe('an override that two engineers agree on', () => {
  test('gives the customer the feature until its end, and not a moment longer', async () => {
    const request = await asked();
    expect(await entitlementOf(`user-${run}`)).toBeUndefined();
    expect(await approve(request)).toMatchObject({ outcome: 'done', override: { state: 'executed' } });
    const entitlement = (await entitlementOf(`user-${run}`))!;
    expect(entitlement).toMatchObject({ feature: 'premium', since: at(MINUTE), until: at(7 * DAY), revision: 1 });
    expect(isActive(entitlement, at(7 * DAY - 1))).toBe(true);
    expect(isActive(entitlement, at(7 * DAY))).toBe(false);
  });

  test('is asked for in the chat, and what became of it is drawn there', async () => {
    const request = await asked();
    const [message] = await noticesOf(request.overrideId);
    expect(message).toMatchObject({ kind: 'approval', personId: null, revision: 1 });
    await approve(request);
    expect((await noticesOf(request.overrideId))[0]!.revision).toBeGreaterThan(1);
  });

  test('tells a customer whom the bot knows, and the engineer that it did', async () => {
    chats.set(`user-${run}`, 777);
    const request = await asked();
    await approve(request);
    const notices = await noticesOf(request.overrideId);
    expect(notices.find((notice) => notice.personId === 777)?.text).toMatch(
      /premium is active for you until 2026-03-08 12:00 UTC: it was given by hand while/,
    );
    expect(notices.find((notice) => notice.personId === ann.personId)?.text).toMatch(/The customer is told in private/);
  });

  test('says to the engineer when nobody can tell the customer', async () => {
    const request = await asked();
    await approve(request);
    const notices = await noticesOf(request.overrideId);
    expect(notices.filter((notice) => notice.personId !== null)).toHaveLength(1);
    expect(notices.at(-1)!.text).toMatch(/I know no chat of this customer: please tell them yourself/);
  });

  test('is on record at each step, with whose act it was', async () => {
    const request = await asked();
    expect(await audited()).toMatchObject({
      actor: `telegram:${ann.personId}`,
      action: 'override:request',
      allowed: true,
    });
    await approve(request);
    const rows = await db.selectFrom('audit').selectAll().orderBy('id', 'desc').limit(2).execute();
    const { seenHash: paramsHash } = request;
    expect(rows).toMatchObject([
      { actor: 'override', action: 'override:execute', before: { state: 'approved' }, after: { state: 'executed' } },
      {
        actor: `telegram:${ben.personId}`,
        action: 'override:approve',
        before: { state: 'requested', paramsHash },
        after: { state: 'approved', paramsHash },
      },
    ]);
  });

  test('settles nothing that names somebody else', async () => {
    const theirs = await insertEvent(db, { transactionId: `tx-${run}`, userId: `victim-${run}`, state: 'dead' });
    const ours = await insertEvent(db, { transactionId: `tx-${run}`, userId: `user-${run}`, state: 'dead' });
    await approve(await asked());
    const states = await db
      .selectFrom('event')
      .select('state')
      .where('id', 'in', [theirs.id, ours.id])
      .orderBy('id')
      .execute();
    expect(states.map(({ state }) => state)).toEqual(['dead', 'overridden']);
  });

  test('settles the payment’s dead webhooks, counts them as overridden, and ends their ticket', async () => {
    const cause = { stage: 'delivery', source: 'acme', dependency: null, errorFamily: `user unknown ${run}` } as const;
    const { ticketId } = await db
      .transaction()
      .execute((trx) =>
        openOrAttach(trx, { cause, count: 2, countries: [], sampleTransaction: null, needsLook: false }),
      );
    const dead = { transactionId: `tx-${run}`, userId: null, state: 'dead', ticketId } as const;
    const paid = await insertEvent(db, dead);
    const before = await overridden();
    await approve(await asked());
    expect(await db.selectFrom('event').select(['state', 'reason']).where('id', '=', paid.id).execute()).toEqual([
      { state: 'overridden', reason: null },
    ]);
    expect(await overridden()).toBe(before + 1);
    expect(await ticketOf(ticketId)).toMatchObject({ state: 'resolved' });
  });

  test('leaves a refund that died where a person will see it', async () => {
    const theirs = { transactionId: `tx-${run}`, userId: `user-${run}` };
    const refund = await insertEvent(db, { ...theirs, state: 'dead', kind: 'payment_refunded' });
    const other = await insertEvent(db, { provider: 'zeta', transactionId: `tx-${run}`, state: 'dead' });
    await approve(await asked());
    for (const { id } of [refund, other]) {
      expect(await db.selectFrom('event').select('state').where('id', '=', id).execute()).toEqual([{ state: 'dead' }]);
    }
  });
});

const overridden = async () => {
  const { rows } = await sql<{ n: number }>`select sum(overridden)::int as n from counter`.execute(db);
  return rows[0]!.n;
};
const ticketOf = (id: number) => db.selectFrom('ticket').selectAll().where('id', '=', id).executeTakeFirst();

describe('what is refused, and changes nothing', () => {
  test.each<[string, Partial<OverrideParams>, Partial<OverrideRequest>, string]>([
    ['an end after more than 31 days', { until: at(31 * DAY + 1) }, {}, 'until_too_far'],
    ['an end that has passed', { until: at(-1) }, {}, 'until_past'],
    ['no reason', { reason: ' ' }, {}, 'reason_missing'],
    ['a feature that no plan has', { feature: 'premuim' }, {}, 'feature_unknown'],
    ['a customer nobody has heard of, typed once', {}, { isConfirmed: false }, 'customer_unconfirmed'],
    ['a ticket that is not there', { ticketId: 999_999 }, {}, 'ticket_unknown'],
  ])('%s', async (_, params, rest, why) => {
    expect(await ask(params, rest)).toEqual({ outcome: 'refused', why });
    expect(await audited()).toMatchObject({ action: 'override:request', allowed: false, detail: { because: why } });
  });

  test('a request without a fresh second factor', async () => {
    expect(await ask({}, { isProven: false })).toEqual({ outcome: 'refused', why: 'factor_missing' });
  });

  test('a customer who has the feature already', async () => {
    await approve(await asked());
    expect(await ask({ until: at(20 * DAY) }, { now: at(2 * MINUTE) })).toEqual({
      outcome: 'refused',
      why: 'already_active',
    });
    expect(await ask({ until: at(20 * DAY) }, { now: at(7 * DAY) })).toMatchObject({ outcome: 'requested' });
  });

  test('a second request for one customer, whoever asks, also in the same moment', async () => {
    const results = await Promise.all([ask(), ask({}, { actor: ben })]);
    expect(results.map((result) => result.outcome).sort()).toEqual(['refused', 'requested']);
    expect(await ask({}, { actor: ben })).toEqual({ outcome: 'refused', why: 'already_open' });
  });

  test('for a payment of somebody else', async () => {
    await insertEvent(db, { transactionId: `tx-${run}`, userId: `victim-${run}`, state: 'dead' });
    expect(await ask()).toEqual({ outcome: 'refused', why: 'payment_of_another' });
    expect(await ask({ payment: { provider: 'acme', transactionId: `tx-${run}-of-nobody` } })).toMatchObject({
      outcome: 'requested',
    });
  });

  test('the fourth request of an engineer within an hour, and not a colleague’s', async () => {
    const customer = (n: number) => ({ userId: `user-${run}-${n}` });
    for (const n of [1, 2, 3]) await asked(customer(n), { now: at(n * MINUTE) });
    expect(await ask(customer(4), { now: at(30 * MINUTE) })).toEqual({ outcome: 'refused', why: 'limit_hour' });
    expect(await ask(customer(5), { actor: ben, now: at(30 * MINUTE) })).toMatchObject({ outcome: 'requested' });
    expect(await ask(customer(6), { now: at(62 * MINUTE) })).toMatchObject({ outcome: 'requested' });
  });

  test('the eleventh request of an engineer within a day', async () => {
    for (let n = 0; n < 10; n += 1) await asked({ userId: `user-${run}-${n}` }, { now: at(n * 30 * MINUTE) });
    expect(await ask({ userId: `user-${run}-x` }, { now: at(10 * 60 * MINUTE) })).toEqual({
      outcome: 'refused',
      why: 'limit_day',
    });
  });

  test('six requests of one engineer in the same moment are three', async () => {
    const results = await Promise.all([1, 2, 3, 4, 5, 6].map((n) => ask({ userId: `user-${run}-${n}` })));
    expect(results.filter((result) => result.outcome === 'requested')).toHaveLength(3);
  });

  test('the same form sent twice asks once', async () => {
    const first = await ask({}, { commandId: `once-${run}` });
    expect(await ask({}, { commandId: `once-${run}` })).toMatchObject({
      outcome: 'already',
      overrideId: (first as { overrideId: number }).overrideId,
    });
  });
});

describe('an approval that gives nothing', () => {
  const nothingGiven = async () => expect(await entitlementOf(`user-${run}`)).toBeUndefined();

  test('by the requester', async () => {
    const request = await asked();
    expect(await approve(request, ann)).toMatchObject({ outcome: 'refused', why: 'requester' });
    expect(await audited()).toMatchObject({
      action: 'override:approve',
      allowed: false,
      detail: { because: 'requester' },
    });
    await nothingGiven();
  });

  test('without a fresh second factor', async () => {
    const request = await asked();
    const approval = { ...request, actor: ben, isProven: false, now: at(MINUTE) };
    expect(await approveOverride(deps, approval)).toMatchObject({ outcome: 'refused', why: 'factor_missing' });
    await nothingGiven();
  });

  test('after a parameter changed', async () => {
    const request = await asked();
    await db
      .updateTable('override')
      .set({ until: at(30 * DAY) })
      .where('id', '=', request.overrideId)
      .execute();
    expect(await approve(request)).toMatchObject({ outcome: 'refused', why: 'changed' });
    await nothingGiven();
  });

  test('of other parameters than are asked for', async () => {
    const request = await asked();
    expect(await approve({ ...request, seenHash: 'made-up' })).toMatchObject({ outcome: 'refused', why: 'changed' });
    await nothingGiven();
  });

  test('after fifteen minutes', async () => {
    const request = await asked();
    expect(await approve(request, ben, at(15 * MINUTE))).toMatchObject({ outcome: 'refused', why: 'expired' });
    await nothingGiven();
  });

  test('after it was refused', async () => {
    const request = await asked();
    expect(await refuseOverride(deps, { ...request, actor: ben, now: at(MINUTE) })).toMatchObject({ outcome: 'done' });
    expect(await approve(request)).toMatchObject({ outcome: 'refused', why: 'decided' });
    await nothingGiven();
  });

  test('of what is not there', async () => {
    expect(await approve({ overrideId: 999_999, seenHash: 'x' })).toEqual({
      outcome: 'refused',
      why: 'unknown',
      override: null,
    });
  });

  test('a second time: it is carried out once', async () => {
    const request = await asked();
    await approve(request);
    expect(await approve(request)).toMatchObject({ outcome: 'refused', why: 'decided' });
    expect((await entitlementOf(`user-${run}`))!.revision).toBe(1);
  });

  test('by five people in the same moment: it is carried out once', async () => {
    const request = await asked();
    const others = [1, 2, 3, 4, 5].map((n) => ({ personId: run * 10 + 3 + n, name: `P${n}` }));
    const results = await Promise.all(others.map((person) => approve(request, person)));
    expect(results.filter((result) => result.outcome === 'done')).toHaveLength(1);
    expect((await entitlementOf(`user-${run}`))!.revision).toBe(1);
  });
});

test('approved, and the process died before it was carried out: whoever looks next does it, once', async () => {
  const request = await asked();
  await db
    .updateTable('override')
    .set({ state: 'approved', approved_hash: request.seenHash, decided_by: ben.personId, decided_name: 'Ben' })
    .where('id', '=', request.overrideId)
    .execute();
  const looks = await Promise.all([1, 2, 3].map(() => runOverridesOnce(deps, { now: at(MINUTE) })));
  expect(looks.reduce((sum, counts) => sum + counts.executed, 0)).toBe(1);
  expect(await entitlementOf(`user-${run}`)).toMatchObject({ revision: 1 });
  expect(await executeOverride(deps, { overrideId: request.overrideId })).toMatchObject({ outcome: 'not_approved' });
});

test('an override that cannot be looked after holds up no other, and the failure is told', async () => {
  const stuck = await asked();
  ann = { ...ann, personId: ann.personId + 5 };
  const other = await asked({ userId: `other-${run}` });
  await sql`create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$`.execute(
    db,
  );
  await sql`create trigger stuck before update on override for each row when (old.id = ${sql.lit(stuck.overrideId)}) execute function refuse()`.execute(
    db,
  );
  await expect(runOverridesOnce(deps, { now: at(16 * MINUTE) })).rejects.toThrow(
    '1 overrides could not be looked after',
  );
  await sql`drop function refuse cascade`.execute(db);
  expect((await findOverride(db, other.overrideId))?.state).toBe('expired');
  await runOverridesOnce(deps, { now: at(17 * MINUTE) });
  expect((await findOverride(db, stuck.overrideId))?.state).toBe('expired');
});

test('approved, and changed before it was carried out: nothing is given', async () => {
  const request = await asked();
  await db
    .updateTable('override')
    .set({ state: 'approved', approved_hash: request.seenHash, decided_by: ben.personId, user_id: `mallory-${run}` })
    .where('id', '=', request.overrideId)
    .execute();
  expect(await executeOverride(deps, { overrideId: request.overrideId, now: at(MINUTE) })).toMatchObject({
    outcome: 'changed',
  });
  expect(await entitlementOf(`mallory-${run}`)).toBeUndefined();
});

describe('time', () => {
  test('a request nobody approved expires by itself, and the engineer is told', async () => {
    const { overrideId } = await asked();
    expect(await listRequested(db, at(14 * MINUTE))).toContain(overrideId);
    expect((await runOverridesOnce(deps, { now: at(14 * MINUTE) })).expired).toBe(0);
    await runOverridesOnce(deps, { now: at(15 * MINUTE) });
    expect(await findOverride(db, overrideId)).toMatchObject({ state: 'expired' });
    expect((await noticesOf(overrideId)).at(-1)).toMatchObject({
      personId: ann.personId,
      text: expect.stringMatching(/has expired/),
    });
    expect(await ask({}, { now: at(16 * MINUTE) })).toMatchObject({ outcome: 'requested' });
  });

  test('a debt is spoken of once a day until it is settled', async () => {
    const { overrideId, seenHash } = await asked();
    await approve({ overrideId, seenHash });
    const reminders = async () =>
      (await noticesOf(overrideId)).filter((notice) => notice.key.includes(':reminder:')).map((notice) => notice.text);
    await runOverridesOnce(deps, { now: at(DAY) });
    expect(await reminders()).toEqual([]);
    await runOverridesOnce(deps, { now: at(DAY + MINUTE) });
    await runOverridesOnce(deps, { now: at(DAY + MINUTE) });
    expect(await reminders()).toEqual([expect.stringMatching(/is still a debt.*Access ends 2026-03-08/)]);
    await settleDebt(deps, { overrideId, as: 'reconciled', actor: ben, reason: 'acme has it', now: at(2 * DAY) });
    await runOverridesOnce(deps, { now: at(9 * DAY) });
    expect(await reminders()).toHaveLength(1);
  });
});

describe('a debt', () => {
  test('is listed until it is settled, also after its access has ended', async () => {
    const request = await asked();
    expect(await listDebts(db)).not.toContain(request.overrideId);
    await approve(request);
    await runOverridesOnce(deps, { now: at(8 * DAY) });
    expect(await listDebts(db)).toContain(request.overrideId);
    await settleDebt(deps, { overrideId: request.overrideId, as: 'reconciled', actor: ben, reason: 'acme has it' });
    expect(await listDebts(db)).not.toContain(request.overrideId);
  });

  test('is reconciled by itself once a verified webhook says that the customer paid', async () => {
    const request = await asked();
    await approve(request);
    await insertPaid(`user-${run}`);
    await runOverridesOnce(deps, { now: at(DAY) });
    expect(await findOverride(db, request.overrideId)).toMatchObject({ state: 'reconciled', settledName: 'itself' });
  });

  test('is not reconciled by somebody else’s payment', async () => {
    const request = await asked();
    await approve(request);
    await insertPaid('somebody-else');
    await runOverridesOnce(deps, { now: at(DAY) });
    expect(await findOverride(db, request.overrideId)).toMatchObject({ state: 'executed' });
  });

  test('taken back, ends the access at once and is settled once', async () => {
    const request = await asked();
    await approve(request);
    const back = {
      overrideId: request.overrideId,
      as: 'reverted',
      actor: ben,
      reason: 'no such payment',
      now: at(DAY),
    } as const;
    const ends = await Promise.all([settleDebt(deps, back), settleDebt(deps, back)]);
    expect(ends.sort()).toEqual([false, true]);
    const entitlement = (await entitlementOf(`user-${run}`))!;
    expect(isActive(entitlement, at(DAY))).toBe(false);
    expect(entitlement.revision).toBe(2);
  });

  test('taken back, is told to the customer, who has lost it', async () => {
    chats.set(`user-${run}`, 777);
    const request = await asked();
    await approve(request);
    await takeBack(request.overrideId);
    expect(await told(request.overrideId, 777)).toEqual([
      expect.stringContaining('premium is active for you'),
      expect.stringContaining('premium, which was given to you by hand, has ended: no payment for it was found'),
    ]);
    expect(await told(request.overrideId, ben.personId)).toEqual([]);
    await runOverridesOnce(deps, { now: at(8 * DAY) });
    expect(await told(request.overrideId, 777)).toHaveLength(2);
  });

  test('says whom to tell if the customer cannot be reached: who asked, and of the end who took it back', async () => {
    chats.set(`user-${run}`, 777);
    const request = await asked();
    await approve(request);
    await takeBack(request.overrideId);
    const { rows } = await sql<{ unreached: object }>`
      select body -> 'unreached' as unreached from notice where person_id = 777
        and key like ${`override:${request.overrideId}:customer:%`} order by id`.execute(db);
    expect(rows.map(({ unreached }) => unreached)).toEqual([
      { personId: ann.personId, text: expect.stringMatching(/could not tell .* that access was given/) },
      { personId: ben.personId, text: expect.stringMatching(/could not tell .* that it was taken back/) },
    ]);
  });

  test('taken back, is told to the engineer who did it when the customer has no chat', async () => {
    const request = await asked();
    await approve(request);
    await takeBack(request.overrideId);
    expect(await told(request.overrideId, ben.personId)).toEqual([
      expect.stringMatching(/is taken back. I know no chat of this customer: please tell them yourself/),
    ]);
  });

  test('taken back after its end, or with the feature paid for, is nothing to the customer', async () => {
    chats.set(`user-${run}`, 777);
    const request = await asked();
    await approve(request);
    await insertPaid(`user-${run}`);
    await takeBack(request.overrideId);
    expect(await told(request.overrideId, 777)).toHaveLength(1);
  });

  test('taken back, leaves what was paid for', async () => {
    const request = await asked();
    await approve(request);
    await insertPaid(`user-${run}`);
    await settleDebt(deps, {
      overrideId: request.overrideId,
      as: 'reverted',
      actor: ben,
      reason: 'paid',
      now: at(DAY),
    });
    expect(isActive((await entitlementOf(`user-${run}`))!, at(30 * DAY))).toBe(true);
  });
});

const takeBack = (overrideId: number, now = at(DAY)) =>
  settleDebt(deps, { overrideId, as: 'reverted', actor: ben, reason: 'no such payment', now });

const told = async (overrideId: number, personId: number) =>
  (await noticesOf(overrideId)).filter((notice) => notice.personId === personId).map(({ text }) => text);

describe('access that ends by itself', () => {
  test('is told to the customer, once, at its end and not before', async () => {
    chats.set(`user-${run}`, 777);
    const request = await asked();
    await approve(request);
    await runOverridesOnce(deps, { now: at(7 * DAY - 1) });
    expect(await told(request.overrideId, 777)).toHaveLength(1);
    expect(await runOverridesOnce(deps, { now: at(7 * DAY) })).toMatchObject({ ended: 1 });
    expect(await runOverridesOnce(deps, { now: at(8 * DAY) })).toMatchObject({ ended: 0 });
    expect((await told(request.overrideId, 777)).slice(1)).toEqual([
      expect.stringContaining('premium, which was given to you by hand until 2026-03-08 12:00 UTC, has ended'),
    ]);
  });

  test('is nothing to a customer who has the feature by their payment', async () => {
    chats.set(`user-${run}`, 777);
    const request = await asked();
    await approve(request);
    await insertPaid(`user-${run}`);
    await db.transaction().execute((trx) => foldUsers(trx, [`user-${run}`], {}));
    expect(await runOverridesOnce(deps, { now: at(8 * DAY) })).toMatchObject({ ended: 0 });
    expect(await told(request.overrideId, 777)).toHaveLength(1);
  });

  test('is told to nobody when the customer has gone meanwhile, and not made up for later', async () => {
    chats.set(`user-${run}`, 777);
    const request = await asked();
    await approve(request);
    chats.delete(`user-${run}`);
    expect(await runOverridesOnce(deps, { now: at(8 * DAY) })).toMatchObject({ ended: 0 });
    chats.set(`user-${run}`, 777);
    expect(await runOverridesOnce(deps, { now: at(9 * DAY) })).toMatchObject({ ended: 0 });
    expect(await told(request.overrideId, 777)).toHaveLength(1);
  });
});

const insertPaid = (userId: string) =>
  sql`insert into fact (provider, subject, effect, type, event_id, transaction_id, user_id, at, received_at)
      values ('acme', ${`tx-${run}`}, 'capture', 'paid', 1, ${`tx-${run}`}, ${userId}, ${T0}, ${T0})`.execute(db);

describe('a broken glass', () => {
  const urgentTicket = async (severity = 'P1') => {
    const cause = { stage: 'delivery', source: 'acme', dependency: 'activation', errorFamily: `glass ${run}` } as const;
    const failures = { cause, count: 1, countries: [], sampleTransaction: null, needsLook: false };
    const { ticketId } = await db.transaction().execute((trx) => openOrAttach(trx, failures));
    await db
      .updateTable('ticket')
      .set({ severity: severity as 'P1' })
      .where('id', '=', ticketId)
      .execute();
    return ticketId;
  };
  const smash = (request: { overrideId: number; seenHash: string }, now = at(10 * MINUTE), isProven = true) =>
    breakGlass(deps, { ...request, actor: ann, isProven, now });

  test('carries out what one person on call asked for, tells everybody, and demands a review within a day', async () => {
    onCall.add(ann.personId);
    await db.insertInto('person').values({ telegram_id: ben.personId, role: 'engineer', private_chat: true }).execute();
    const request = await asked({ ticketId: await urgentTicket() });
    expect(await smash(request)).toMatchObject({ outcome: 'done', override: { state: 'executed', breakGlass: true } });
    expect(await findOverride(db, request.overrideId)).toMatchObject({ reviewUntil: at(DAY + 10 * MINUTE) });
    const alarms = (await noticesOf(request.overrideId)).filter((notice) => /broken the glass/.test(notice.text));
    expect(alarms.map((notice) => notice.personId)).toEqual([null, ben.personId]);
    expect(await listUnreviewed(db)).toContain(request.overrideId);
  });

  test('is refused before ten minutes, off call, for a lesser ticket, and without a second factor', async () => {
    const request = await asked({ ticketId: await urgentTicket() });
    expect(await smash(request)).toMatchObject({ why: 'not_on_call' });
    onCall.add(ann.personId);
    expect(await smash(request, at(9 * MINUTE))).toMatchObject({ why: 'too_early' });
    expect(await smash(request, at(10 * MINUTE), false)).toMatchObject({ why: 'factor_missing' });
    await db
      .updateTable('ticket')
      .set({ severity: 'P2' })
      .where('id', '=', (await findOverride(db, request.overrideId))!.ticketId!)
      .execute();
    expect(await smash(request)).toMatchObject({ why: 'not_urgent' });
    expect(await entitlementOf(`user-${run}`)).toBeUndefined();
  });

  test('is reviewed by somebody else, once, and spoken of until then', async () => {
    onCall.add(ann.personId);
    const request = await asked({ ticketId: await urgentTicket() });
    await smash(request);
    await runOverridesOnce(deps, { now: at(DAY) });
    const reminder = (await noticesOf(request.overrideId)).find((notice) => notice.key.endsWith(':reminder:1'));
    expect(reminder?.text).toMatch(/without a second person and waits for a review/);
    const review = (by: typeof ann) =>
      reviewOverride(deps, { overrideId: request.overrideId, actor: by, now: at(DAY) });
    expect(await review(ann)).toMatchObject({ why: 'requester' });
    expect(await review(ben)).toMatchObject({ outcome: 'done' });
    expect(await review(ben)).toMatchObject({ why: 'reviewed' });
    expect(await listUnreviewed(db)).not.toContain(request.overrideId);
  });

  test('is spoken of also when its money was confirmed before anybody looked', async () => {
    onCall.add(ann.personId);
    const request = await asked({ ticketId: await urgentTicket() });
    await smash(request);
    await settleDebt(deps, {
      overrideId: request.overrideId,
      as: 'reconciled',
      actor: ann,
      reason: 'acme has it',
      now: at(MINUTE),
    });
    await runOverridesOnce(deps, { now: at(2 * DAY) });
    const reminder = (await noticesOf(request.overrideId)).find((notice) => notice.key.endsWith(':reminder:1'));
    expect(reminder?.text).toMatch(/is overdue for a review/);
  });
});

test('the database itself lets nobody approve their own override, nor longer than 31 days', async () => {
  const { overrideId, seenHash } = await asked();
  const change = (values: object) => db.updateTable('override').set(values).where('id', '=', overrideId).execute();
  await expect(change({ state: 'approved', approved_hash: seenHash, decided_by: ann.personId })).rejects.toThrow(
    /nobody approves/,
  );
  await expect(change({ state: 'approved', approved_hash: 'other', decided_by: ben.personId })).rejects.toThrow(
    /what is approved/,
  );
  await expect(change({ until: at(32 * DAY) })).rejects.toThrow(/31 days/);
  await expect(change({ state: 'executed' })).rejects.toThrow();
});
