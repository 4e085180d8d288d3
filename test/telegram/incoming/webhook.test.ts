import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createDb, createPool, type Db } from '../../../src/platform/database.ts';
import { createLog } from '../../../src/platform/log.ts';
import { findCodeVerdict } from '../../../src/telegram/incoming/inbox-store.ts';
import { registerTelegramWebhook } from '../../../src/telegram/incoming/webhook.ts';
import { createTestDatabase } from '../../database.ts';

const { db } = await createTestDatabase();
const log = createLog({ level: 'silent' });
const SECRET = 'a-secret_of_Telegrams-own';
const UPDATE = { update_id: 5, message: { message_id: 1, date: 1, text: 'hello', chat: { id: 7, type: 'private' } } };

let app: FastifyInstance;
let stored: number;

const countStored = () => {
  stored += 1;
};

function serve(database: Db): void {
  app = Fastify();
  registerTelegramWebhook(app, { db: database, secret: SECRET, log, onStored: countStored });
}

const post = (body: unknown, headers: Record<string, string> = { 'x-telegram-bot-api-secret-token': SECRET }) =>
  app.inject({
    method: 'POST',
    url: '/telegram/webhook',
    headers: { 'content-type': 'application/json', ...headers },
    payload: typeof body === 'string' ? body : JSON.stringify(body),
  });
const count = async () => (await db.selectFrom('telegram_update').select('update_id').execute()).length;

beforeEach(async () => {
  stored = 0;
  await db.deleteFrom('telegram_update').execute();
  serve(db);
});
afterEach(() => app.close());

describe('the door for Telegram', () => {
  test('an update with the right secret is stored before the 200, once', async () => {
    expect((await post(UPDATE)).statusCode).toBe(200);
    expect((await post(UPDATE)).statusCode).toBe(200);
    expect([await count(), stored]).toEqual([1, 1]);
  });

  test.each([
    ['no secret', {}],
    ['an empty one', { 'x-telegram-bot-api-secret-token': '' }],
    ['a wrong one', { 'x-telegram-bot-api-secret-token': `${SECRET}x` }],
    ['the beginning of it', { 'x-telegram-bot-api-secret-token': SECRET.slice(0, -1) }],
  ])('%s is 401 and nothing is stored', async (_, headers) => {
    expect((await post(UPDATE, headers as Record<string, string>)).statusCode).toBe(401);
    expect(await count()).toBe(0);
  });

  test.each(['', 'not json', '[]', 'null', '{}', '{"update_id":"5"}'])(
    'a body that is no update is 400: %s',
    async (body) => {
      expect((await post(body)).statusCode).toBe(400);
    },
  );

  test('while the database cannot commit it is 503, and Telegram sends it again', async () => {
    await app.close();
    const gone = createDb(createPool('postgres://nobody@127.0.0.1:1/nothing', { max: 1, name: 'gone' }));
    serve(gone);
    const answer = await post(UPDATE);
    expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '2']);
    await gone.destroy();
  });

  test('a masked update is what is stored', async () => {
    await post({ update_id: 6, message: { ...UPDATE.message, text: '123456' } });
    const row = await db.selectFrom('telegram_update').select('payload').executeTakeFirstOrThrow();
    expect(JSON.stringify(row.payload)).not.toContain('123456');
  });

  test('a code is looked at in the transaction that stores its update: once, and not at all when that fails', async () => {
    const from = { id: 7, is_bot: false, first_name: 'Ann' };
    const code = { update_id: 7, message: { ...UPDATE.message, from, text: '123 456' } };
    const taken: string[] = [];
    let isFailing = true;
    await app.close();
    app = Fastify();
    registerTelegramWebhook(app, {
      ...{ db, secret: SECRET, log, onStored: countStored },
      takeCode: async (_, typed) => {
        if (isFailing) throw new Error('the chain could not be locked');
        taken.push(typed.code);
        return 'right';
      },
    });
    expect((await post(code)).statusCode).toBe(503);
    expect(await count()).toBe(0);
    isFailing = false;
    for (const _ of [1, 2]) expect((await post(code)).statusCode).toBe(200);
    expect(taken).toEqual(['123456']);
    expect(await findCodeVerdict(db, 7)).toBe('right');
  });
});

test.each(['', 'with space', 'ä', 'x'.repeat(257)])('without a proper secret it refuses to start: "%s"', (secret) => {
  const deps = { db, secret, log, onStored: () => {} };
  expect(() => registerTelegramWebhook(Fastify(), deps)).toThrow('TELEGRAM_WEBHOOK_SECRET');
});
