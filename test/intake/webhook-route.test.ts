import { createHmac, randomUUID } from 'node:crypto';
import { afterAll, describe, expect, test } from 'vitest';
import { createEventWriter } from '../../src/intake/event-writer.ts';
import { parseProviders } from '../../src/intake/provider-config.ts';
import { createRefusalBook } from '../../src/intake/refusals.ts';
import { registerWebhookRoute } from '../../src/intake/webhook-route.ts';
import { createClock } from '../../src/platform/clock.ts';
import { createGeo } from '../../src/platform/geo.ts';
import { createHttpServer } from '../../src/platform/http-server.ts';
import { createLog } from '../../src/platform/log.ts';
import { createMetrics } from '../../src/platform/metrics.ts';
import { createTestDatabase } from '../database.ts';
import { deafWake } from '../delivery/worker-bench.ts';

const { db, pool } = await createTestDatabase();
const SECRET = 'the secret of acme';
const key = Buffer.alloc(32, 'seal');
const log = createLog({ level: 'silent' });

function providersWith(...secrets: string[]) {
  const hmac = { header: 'x-signature', algorithm: 'sha256', encoding: 'hex', signed: '{body}' };
  return parseProviders([{ name: 'acme', scheme: 'hmac', secrets, currency: 'EUR', hmac }]).providers;
}

const providers = providersWith(SECRET);
const writer = createEventWriter({ pool, db, log }, { maxQueuedItems: 1_000, maxQueuedBytes: 1e7 });
const refusals = createRefusalBook({ db, secretKeys: [key], providers, onTicket: () => {} });
const app = createHttpServer({ trustProxy: false, log });
const shared = {
  clock: createClock(),
  geo: createGeo(),
  wake: deafWake,
  log,
  metrics: createMetrics(),
};
registerWebhookRoute(app, { ...shared, providers, writer, refusals });
const url = await app.listen({ port: 0, host: '127.0.0.1' });
afterAll(() => app.close());

const payment = () => JSON.stringify({ status: 'paid', amount: '9.99', user_id: 'ann', transaction_id: randomUUID() });

function post(body: string, options: { secret?: string; signed?: string; contentType?: string } = {}) {
  const { secret = SECRET, signed = body, contentType = 'application/json' } = options;
  const signature = createHmac('sha256', secret).update(signed).digest('hex');
  const headers = { 'x-signature': signature, 'content-type': contentType };
  return fetch(`${url}/webhooks/acme`, { method: 'POST', body, headers });
}

describe('what the sender calls the body', () => {
  for (const contentType of ['garbage', ';;;', 'a/b/c', 'application/json; charset="', 'text/plain', '']) {
    test(`a signed webhook is taken whatever its content type is: ${JSON.stringify(contentType)}`, async () => {
      const answer = await post(payment(), { contentType });
      expect([answer.status, await answer.json()]).toMatchObject([200, { received: true, duplicate: false }]);
    });
  }

  test('a strange content type opens no door to a wrong signature', async () => {
    expect((await post(payment(), { contentType: 'garbage', secret: 'another' })).status).toBe(401);
  });
});

describe('refusals', () => {
  const ticketsOfRefusals = () =>
    db
      .selectFrom('ticket')
      .select(['id', 'error_family as family', 'failures'])
      .where('stage', '=', 'intake')
      .execute();

  test('a wave of one cause is one ticket, also when more come in a minute than are looked at one by one', async () => {
    await db.deleteFrom('cause').execute();
    const before = (await ticketsOfRefusals()).map((ticket) => ticket.id);
    const answers = await Promise.all(
      Array.from({ length: 90 }, () => {
        const body = payment();
        return post(`${body}\n`, { signed: body });
      }),
    );
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([401]));
    const opened = (await ticketsOfRefusals()).filter((ticket) => !before.includes(ticket.id));
    expect(opened).toHaveLength(1);
    expect(opened[0]!.failures).toBe(90);
    expect(opened[0]!.family).not.toBe('signature: mismatch_unexplained');
  });
});
