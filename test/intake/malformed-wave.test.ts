import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { storeArrivals } from '../../src/intake/event-writer.ts';
import type { Arrival } from '../../src/ledger/arrival.ts';
import { createTestDatabase } from '../database.ts';

const { db, pool } = await createTestDatabase();

function unreadable(provider: string, text: string): Arrival {
  const body = Buffer.from(text);
  const bodyHash = createHash('sha256').update(body).digest();
  const content = { outcome: 'malformed', message: 'status is missing' } as const;
  const circumstances = { contentEncoding: null, headers: null, country: 'DE', late: false, receivedAt: new Date() };
  return { provider, dedupKey: `sha256:${bodyHash.toString('hex')}`, bodyHash, body, content, ...circumstances };
}

const wave = (from: number, to: number) =>
  ['acme', 'beta'].flatMap((provider) =>
    Array.from({ length: to - from }, (_, i) => unreadable(provider, `{"nope":${from + i}}`)),
  );

test('a wave of webhooks nobody can read is stored whole, and touches one ticket of each provider once', async () => {
  const stored = await storeArrivals({ db, pool }, wave(0, 50));
  expect(new Set(stored.map((one) => one.outcome))).toEqual(new Set(['malformed']));
  const tickets = await db.selectFrom('ticket').selectAll().orderBy('source').execute();
  expect(tickets).toMatchObject([
    { source: 'acme', failures: 50, countries: { DE: 50 }, severity: 'P3' },
    { source: 'beta', failures: 50 },
  ]);
  const seen = tickets[0]!.wanted_revision;
  const again = await storeArrivals({ db, pool }, [...wave(40, 60), ...wave(0, 10)].toReversed());
  expect(again.map((one) => one.outcome).filter((outcome) => outcome === 'malformed')).toHaveLength(20);
  expect(again.map((one) => one.outcome).filter((outcome) => outcome === 'duplicate')).toHaveLength(40);
  const acme = await db.selectFrom('ticket').selectAll().where('source', '=', 'acme').executeTakeFirstOrThrow();
  expect(acme).toMatchObject({ failures: 60, wanted_revision: seen + 1 });
  const events = await db.selectFrom('event').select('ticket_id').where('provider', '=', 'acme').execute();
  expect(events).toEqual(Array.from({ length: 60 }, () => ({ ticket_id: acme.id })));
});
