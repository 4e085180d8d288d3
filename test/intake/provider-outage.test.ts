import { sql } from 'kysely';
import { beforeEach, expect, test } from 'vitest';
import { isWholeOutage, watchProvidersOnce } from '../../src/intake/provider-outage.ts';
import { createTestDatabase } from '../database.ts';

const { db } = await createTestDatabase();
const NOW = new Date();
const MINUTE = 60_000;
const ago = (minutes: number) => new Date(NOW.getTime() - minutes * MINUTE);

beforeEach(() => sql`truncate refusal, delivery_minute, ticket, cause, breaker cascade`.execute(db));

async function refuse(count: number, at: Date, provider = 'acme'): Promise<void> {
  await sql`
    insert into refusal (provider, cause, received_at, header_names, secret_fingerprints, body_hash, body_bytes, sealed)
    select ${provider}, 'wrong_secret', ${at}::timestamptz, '{}', '{}', '\\x00', 1, '\\x00' from generate_series(1, ${count}::int)`.execute(
    db,
  );
}

async function deliver(events: number, minute: Date, provider = 'acme'): Promise<void> {
  const row = { minute, provider, share: 0, state: 'applied' as const, quarter: 10, events };
  await db.insertInto('delivery_minute').values(row).execute();
}

const watch = (now = NOW) => watchProvidersOnce(db, now);
const listTickets = () => db.selectFrom('ticket').select(['source', 'stage', 'severity', 'state']).execute();

test('a provider of which everything is refused, and that used to be heard, is one ticket, once', async () => {
  await deliver(200, ago(30));
  await refuse(25, ago(2));
  expect(await watch()).toEqual({ opened: 1, resolved: 0 });
  expect(await watch()).toEqual({ opened: 0, resolved: 0 });
  expect(await listTickets()).toEqual([{ source: 'acme', stage: 'provider', severity: 'P2', state: 'open' }]);
});

test('it resolves by itself when something of it is delivered again', async () => {
  await deliver(200, ago(30));
  await refuse(25, ago(2));
  await watch();
  await deliver(1, new Date(NOW.getTime() + 2 * MINUTE), 'stripe');
  expect(await watch()).toMatchObject({ resolved: 0 });
  await deliver(1, new Date(NOW.getTime() + 2 * MINUTE));
  expect(await watch(new Date(NOW.getTime() + 3 * MINUTE))).toMatchObject({ resolved: 1 });
  expect(await listTickets()).toMatchObject([{ state: 'resolved' }]);
});

test('refusals beside traffic that goes on, of long ago, or of a provider seldom heard of are none', async () => {
  await deliver(200, ago(30));
  await deliver(1, ago(1));
  await refuse(500, ago(2));
  await refuse(25, ago(2), 'seldom');
  await deliver(200, ago(30), 'past');
  await refuse(500, ago(10), 'past');
  expect(await watch()).toEqual({ opened: 0, resolved: 0 });
});

const TRAFFIC = { provider: 'acme', refused: 20, ended: 0, endedBefore: 20, productAway: false };

test.each([
  ['all of it', {}, true],
  ['too few to tell', { refused: 19 }, false],
  ['a forger beside it', { ended: 1 }, false],
  ['nobody misses it', { endedBefore: 19 }, false],
  ['the product is away, so nothing ends', { productAway: true }, false],
])('%s', (_what, changes, whole) => {
  expect(isWholeOutage({ ...TRAFFIC, ...changes })).toBe(whole);
});
