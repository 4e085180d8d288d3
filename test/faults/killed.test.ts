import { expect, test } from 'vitest';
import { eventually } from '../world/eventually.ts';
import { type LoadAnswer, sendAll, startLoad } from '../world/load.ts';
import { checkPromises } from '../world/promises.ts';
import { startWorld } from '../world/world.ts';

const world = await startWorld({ env: { LEASE_MS: '1500', ACTIVATION_TIMEOUT_MS: '1000' } });
const { api, database, sandbox } = world;

const storedTransactions = async () =>
  new Set((await database.db.selectFrom('event').select('transaction_id').execute()).map((row) => row.transaction_id));

const acknowledged = (answers: LoadAnswer[]) => answers.filter(({ status }) => status === 200);

test('what was acknowledged before kill -9 is there, and everything sent again takes effect once', async () => {
  const load = startLoad(() => world.service, { prefix: 'killed', connections: 32, pauseMs: 1 });
  for (let kills = 0; kills < 3; kills += 1) {
    const enough = acknowledged(load.answers).length + 500;
    await eventually(() => acknowledged(load.answers).length >= enough, 60_000);
    await world.service.kill('SIGKILL');
    world.service = await world.startReplica();
  }
  const answers = await load.stop();
  expect(acknowledged(answers).length).toBeGreaterThan(1500);
  expect(
    answers.some(({ status }) => status === null),
    'the kill met somebody',
  ).toBe(true);

  const stored = await storedTransactions();
  const missing = acknowledged(answers).filter(({ payment }) => !stored.has(payment.transaction_id));
  expect(missing).toEqual([]);

  const again = await sendAll(
    () => world.service,
    answers.map(({ payment }) => payment),
  );
  expect(again.filter(({ status }) => status !== 200)).toEqual([]);
  const first = new Map(acknowledged(answers).map(({ payment, event }) => [payment.transaction_id, event]));
  const moved = again.filter(({ payment, event }) => (first.get(payment.transaction_id) ?? event) !== event);
  expect(moved, 'a second event for the same webhook').toEqual([]);

  await eventually(async () => (await api.conservation()).waiting === 0, 60_000);
  expect(await api.conservation()).toMatchObject({ stored: answers.length, applied: answers.length, dead: 0 });
  const revisions = await database.db.selectFrom('entitlement').select(['user_id', 'revision', 'revoked']).execute();
  expect(revisions).toHaveLength(answers.length);
  expect(revisions.filter(({ revision, revoked }) => revision !== 1 || revoked)).toEqual([]);
  for (const { payment } of answers)
    expect(sandbox.product.featuresOf(payment.user_id)).toMatchObject([{ active: true }]);
  await checkPromises(database.db);
});
