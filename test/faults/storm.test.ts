import { sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import { eventually } from '../world/eventually.ts';
import { type LoadPayment, sendAll } from '../world/load.ts';
import { checkPromises } from '../world/promises.ts';
import { ANN, ENGINEERING_CHAT_ID, startWorld } from '../world/world.ts';

const MANY = 10_000;

describe('ten thousand failures of one cause', async () => {
  const world = await startWorld();
  const { api, chat, sandbox } = world;
  const { telegram } = sandbox;

  test('are one card, which is edited six times a minute at most, within the chat’s budget', async () => {
    telegram.startPrivate(ANN);
    sandbox.product.misbehave({ kind: 'status', status: 422 });
    const payments = Array.from({ length: MANY }, (_, i): LoadPayment => {
      return { status: 'success', amount: '1.00', user_id: `stormy${i}`, transaction_id: `storm${i}` };
    });
    const storm = sendAll(() => world.service, payments, 32);
    await eventually(() => chat.cards()[0]);
    expect(await chat.press(chat.cards()[0]!, 'Inspect')).not.toBe('');
    const answers = await storm;
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    await eventually(async () => (await api.conservation()).dead === MANY, 120_000, 250);
    await eventually(() => chat.cards()[0]!.text.includes('10,000+ payments'), 30_000);

    expect(chat.cards()).toHaveLength(1);
    const [card] = chat.cards();
    expect(card!.text).toMatch(/^P1 · UNACKNOWLEDGED/);
    expect((await api.payment('acme', 'storm0'))!.ticket).toMatchObject({ failures: MANY, severity: 'P1' });
    expect(busiestMinute(sendsIn(world))).toBeLessThanOrEqual(20);
    expect(busiestMinute(editsIn(world))).toBeLessThanOrEqual(20);
    const edits = editsIn(world).filter(({ messageId }) => messageId === card!.messageId);
    expect(busiestMinute(edits)).toBeLessThanOrEqual(6);
    expect(telegram.refusals.filter(({ isScheduled }) => !isScheduled)).toEqual([]);
    await checkPromises(world.database.db);
  }, 240_000);

  test('and one press retries them all, in the end with one customer unlocked for each', async () => {
    sandbox.product.work();
    await chat.press(chat.cards()[0]!, 'Retry');
    const question = await chat.message(ENGINEERING_CHAT_ID, /10,000 payments would be tried again/);
    await chat.press(question, 'Retry');
    await eventually(async () => (await api.conservation()).applied === MANY, 120_000, 250);
    await chat.message(ENGINEERING_CHAT_ID, /Retry of 10,000 by Ann: 10,000 applied/, 90_000);
    await eventually(() => /RESOLVED/.test(chat.cards()[0]!.text), 90_000);
    expect(Object.values(sandbox.product.users()).filter(([held]) => held?.active)).toHaveLength(MANY);
    expect(busiestMinute(editsIn(world))).toBeLessThanOrEqual(20);
    await checkPromises(world.database.db);
  }, 240_000);
});

describe('ten thousand retries due at once', async () => {
  const world = await startWorld({ env: { RUN: 'intake,api' } });
  const { api, database, sandbox } = world;

  test('do not keep a fresh event from being applied within a second', async () => {
    await insertDueRetries(database.db);
    sandbox.product.misbehave({ kind: 'slow', latencyMs: 50 });
    await world.startReplica({ RUN: 'worker' });
    await eventually(async () => (await api.conservation()).applied > 100, 30_000);
    const took: number[] = [];
    for (let i = 0; i < 20; i += 1) {
      const sentAt = performance.now();
      const user = `fresh${i}`;
      await world.post({ status: 'success', amount: '1.00', user_id: user, transaction_id: user });
      await eventually(async () => (await api.eventOf('acme', user)).state === 'applied', 10_000, 10);
      took.push(performance.now() - sentAt);
    }
    expect((await api.conservation()).waiting, 'the retries were still there').toBeGreaterThan(1_000);
    expect(Math.max(...took)).toBeLessThan(1_000);
    sandbox.product.work();
    await eventually(async () => (await api.conservation()).waiting === 0, 120_000, 250);
    await checkPromises(database.db);
  }, 240_000);
});

/** As a product that was down for a while leaves them behind. */
async function insertDueRetries(db: Awaited<ReturnType<typeof startWorld>>['database']['db']): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await sql`
      insert into event (provider, dedup_key, body_hash, kind, transaction_id, user_id, amount_minor, currency, facts, received_at, state,
        due_at, tries, attempts, error_family)
      select 'acme', 'due' || i, sha256(i::text::bytea), 'payment_succeeded', 'due' || i, 'due' || i, 100, 'EUR',
        '[{"type":"paid","effect":"capture","periodEnd":null,"periodStart":null}]', now(), 'retrying', now(), 1, 1, 'HTTP 503'
      from generate_series(1, ${sql.lit(MANY)}) i`.execute(trx);
    await sql`
      insert into attempt (provider, event_id, n, started_at, duration_ms, dependency, outcome, http_status, delay_ms)
      select provider, id, 1, now(), 1, 'activation', 'transient', 503, 0 from event`.execute(trx);
    await sql`
      insert into payload (provider, event_id, month, body)
      select provider, id, date_trunc('month', received_at at time zone 'utc')::date, '{}' from event`.execute(trx);
    await sql`update counter set received = received + ${sql.lit(MANY)} where shard = 0`.execute(trx);
  });
}

type Message = { atMs: number; messageId: number | undefined };
type World = Awaited<ReturnType<typeof startWorld>>;

function sendsIn(world: World): Message[] {
  return callsIn(world, 'sendMessage');
}

function editsIn(world: World): Message[] {
  return callsIn(world, 'editMessageText');
}

/** What the engineering chat was told, as Telegram counts it. */
function callsIn({ sandbox }: World, method: string): Message[] {
  const calls = sandbox.telegram.requestsOf(method);
  return calls
    .filter(({ params }) => Number(params.chat_id) === ENGINEERING_CHAT_ID)
    .map(({ atMs, params }) => ({ atMs, messageId: Number(params.message_id) || undefined }));
}

/** The most of them in any sixty seconds. */
function busiestMinute(messages: Message[]): number {
  const times = messages.map(({ atMs }) => atMs);
  return Math.max(0, ...times.map((from) => times.filter((at) => at >= from && at < from + 60_000).length));
}
