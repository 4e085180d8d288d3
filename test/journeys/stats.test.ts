import { sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import { eventually } from '../world/eventually.ts';
import { checkPromises } from '../world/promises.ts';
import { ANN, startWorld } from '../world/world.ts';

describe('/stats', async () => {
  const world = await startWorld();
  const { api, chat, database, sandbox } = world;

  const pay = (user: string) =>
    world.post({ status: 'success', amount: '9.99', user_id: user, transaction_id: `tx_${user}` });

  test('says what the ledger says: what was delivered, given up, called and opened', async () => {
    sandbox.telegram.startPrivate(ANN);
    sandbox.product.misbehave({ kind: 'status', status: 422, user: 'refused' });
    for (const user of ['anna', 'bert', 'refused', 'carl']) await pay(user);
    await eventually(async () => {
      const { applied, dead } = await api.conservation();
      return applied === 3 && dead === 1;
    });
    const { text, photoFileId } = await chat.ask('/stats', { shows: '📈' });
    expect(photoFileId).toBeDefined();
    expect(text).toContain('📈 the last hour\nsuccess 75.0 % · 4 delivered, 1 of them given up');
    expect(text).toMatch(/received → applied: p50 \d+(\.\d)? m?s, p95/);
    expect(text).toContain('errors of activation: 25.0 %, 1 of 4 calls');
    expect(text).toContain('tickets: 1 opened, 0 resolved\nopen now: P2 1');
    await checkPromises(database.db);
  });

  test('what was given up and retried counts at both its ends', async () => {
    sandbox.product.work();
    await chat.press(await chat.cardOfPayment('acme', 'tx_refused', 'Retry'), 'Retry');
    await eventually(async () => (await api.conservation()).applied === 4);
    const { rows } = await sql<{ state: string; events: number }>`
      select state, sum(events)::int as events from delivery_minute group by 1 order by 1`.execute(database.db);
    expect(rows).toEqual([
      { state: 'applied', events: 4 },
      { state: 'dead', events: 1 },
    ]);
    const { rows: calls } = await sql<{ calls: number; attempts: number }>`
      select (select sum(calls) from call_minute)::int as calls, (select count(*) from attempt)::int as attempts`.execute(
      database.db,
    );
    expect(calls[0]).toEqual({ calls: 5, attempts: 5 });
  });
});
