import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { createTestDatabase } from '../database.ts';
import { acknowledge, createSenderHarness, failAgain, type Harness, resolve } from './sender-harness.ts';

const { db } = await createTestDatabase();
const SECOND = 1_000;

/** The provider's own calls fail: its breaker is open, and that is a ticket. */
async function breakProvider(chat: Harness, name = 'acme', severity = 'P2'): Promise<number> {
  await sql`
    insert into breaker (name, state, open_until, window_ms, minimum_volume, failure_ratio, open_ms, open_ms_max, probes, close_after, lease_ms, probes_lost_max)
    values (${`provider:${name}`}, 'open', now() + interval '1 hour', 1000, 1, 0.5, 1000, 1000, 1, 1, 1000, 1)
    on conflict (name) do update set state = 'open', open_until = excluded.open_until, epoch = breaker.epoch + 1`.execute(
    db,
  );
  return chat.openTicket({
    stage: 'breaker',
    source: 'breaker',
    dependency: `provider:${name}`,
    errorFamily: 'breaker',
    severity,
  });
}

const ofAcme = { stage: 'intake', dependency: null, errorFamily: 'malformed', severity: 'P3' };
const firstLines = (chat: Harness) => chat.cards().map((card) => card.text.split('\n')[0]);

test('while a whole provider is out its other tickets have no cards, and its card counts them', async () => {
  const chat = await createSenderHarness(db);
  const outage = await breakProvider(chat);
  await chat.run();
  for (let i = 0; i < 3; i++) await chat.openTicket({ ...ofAcme, errorFamily: `signature: cause ${i}` });
  expect(await chat.run()).toMatchObject({ silenced: 3, shown: 0 });
  await chat.runFor(30 * SECOND, SECOND);
  expect(firstLines(chat)).toEqual([`P2 · UNACKNOWLEDGED · T-${outage}`]);
  expect(chat.cards()[0]?.text).toContain('3 more tickets by this have no card meanwhile');
});

test('when it is over, those that are still open get theirs, and the others never do', async () => {
  const chat = await createSenderHarness(db);
  const outage = await breakProvider(chat);
  const open = await chat.openTicket(ofAcme);
  const done = await chat.openTicket({ ...ofAcme, errorFamily: 'conflict' });
  await chat.run();
  await resolve(db, done);
  chat.pass(11 * SECOND);
  await chat.run();
  expect(chat.cards()[0]?.text).toContain('1 more ticket by this has no card meanwhile');
  await resolve(db, outage);
  chat.pass(11 * SECOND);
  await chat.run();
  expect(firstLines(chat)).toEqual([`P2 · RESOLVED · T-${outage}`, `P3 · UNACKNOWLEDGED · T-${open}`]);
  expect(chat.cards()[0]?.text).not.toContain('no card meanwhile');
});

test.each([
  ['of another provider', { ...ofAcme, source: 'stripe' }],
  ['of the product', { stage: 'delivery', dependency: 'activation', errorFamily: 'HTTP 422', severity: 'P2' }],
  ['that is graver', { ...ofAcme, severity: 'P1' }],
])('a ticket %s has its card all the same', async (_what, seed) => {
  const chat = await createSenderHarness(db);
  await breakProvider(chat);
  const id = await chat.openTicket(seed);
  expect(await chat.run()).toMatchObject({ silenced: 0, shown: 2 });
  expect(firstLines(chat).join()).toContain(`T-${id}`);
});

test('a provider’s breaker that has closed silences nothing, though its ticket is still open', async () => {
  const chat = await createSenderHarness(db);
  await breakProvider(chat);
  await sql`update breaker set state = 'closed', open_until = null, epoch = epoch + 1`.execute(db);
  await chat.openTicket(ofAcme);
  expect(await chat.run()).toMatchObject({ silenced: 0, shown: 2 });
});

test('a card that stood there before goes on: counters and acts are drawn', async () => {
  const chat = await createSenderHarness(db);
  const id = await chat.openTicket(ofAcme);
  await chat.run();
  await breakProvider(chat);
  await failAgain(db, id, 40);
  await acknowledge(db, id);
  expect(await chat.run()).toMatchObject({ shown: 1, edited: 1, silenced: 0 });
});

test('a silenced ticket that grows graver than the outage gets its card', async () => {
  const chat = await createSenderHarness(db);
  await breakProvider(chat);
  const id = await chat.openTicket(ofAcme);
  await chat.run();
  await sql`update ticket set severity = 'P1', wanted_revision = wanted_revision + 1 where id = ${id}`.execute(db);
  expect(await chat.run()).toMatchObject({ shown: 1 });
});
