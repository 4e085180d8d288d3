import { randomUUID } from 'node:crypto';
import Fastify from 'fastify';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Sandbox, startSandbox } from '../../sandbox/main.ts';
import { ANN, BEN, ENGINEERING_CHAT_ID as GROUP } from '../../sandbox/telegram/world.ts';
import { seedPeople } from '../../src/people/person-store.ts';
import { createLog } from '../../src/platform/log.ts';
import { createMetrics } from '../../src/platform/metrics.ts';
import { createWake } from '../../src/platform/wake.ts';
import { createTelegramIn, type TelegramIn, type TelegramInDeps } from '../../src/telegram/bot.ts';
import { createTestDatabase } from '../database.ts';

vi.setConfig({ testTimeout: 20_000 });
const { db, pool, url } = await createTestDatabase();
const log = createLog({ level: 'silent' });

let sandbox: Sandbox;
let running: (() => Promise<void>)[];

async function telegramIn(more: Partial<TelegramInDeps> = {}): Promise<TelegramIn> {
  const wake = await createWake({ pool, listenUrl: url, log });
  const bot = createTelegramIn({
    db,
    log,
    wake,
    clock: { now: () => new Date() },
    metrics: createMetrics(),
    token: sandbox.telegram.token,
    apiRoot: `${sandbox.url}/`,
    publicUrl: null,
    webhookSecret: null,
    replicaId: randomUUID(),
    engineeringChatId: GROUP,
    plans: {},
    breakers: { list: async () => [], command: async () => Promise.reject(new Error('nobody orders')) },
    tellsProduct: false,
    overrides: { isOnCall: async () => true, findCustomerChat: async () => null },
    secretKeys: [Buffer.alloc(32, 'seal')],
    verifyAgain: async () => ({ tried: 0, accepted: 0, stillRefused: 0, causes: {} }),
    onDeadUpdate: async () => {},
    ...more,
  });
  running.push(async () => {
    await bot.stop();
    await wake.close();
  });
  return bot;
}

const eventually = (check: () => unknown) => vi.waitFor(check, { timeout: 15_000, interval: 10 });
const becomes = (bot: TelegramIn, state: string) => eventually(() => expect(bot.state().state).toBe(state));
const fromBot = (chatId: number) =>
  sandbox.telegram.messages(chatId).filter((message) => message.from.id === sandbox.telegram.bot.id);

beforeEach(async () => {
  running = [];
  for (const table of ['telegram_update', 'lease', 'chat', 'chat_spending'] as const)
    await db.deleteFrom(table).execute();
  await seedPeople(db, { adminIds: [BEN], engineerIds: [ANN] });
  sandbox = await startSandbox({ port: 0 });
});

afterEach(async () => {
  await Promise.all(running.map((stop) => stop()));
  await sandbox.close();
});

describe('starting', () => {
  test('while Telegram is down nothing fails; when it is back, what was said meanwhile is answered', async () => {
    sandbox.telegram.down();
    const bot = await telegramIn();
    bot.start();
    await becomes(bot, 'unreachable');
    sandbox.telegram.say(ANN, GROUP, '/tickets');
    sandbox.telegram.up();
    await sandbox.telegram.waitForMessage(GROUP, (message) => message.text.includes('No open tickets'), 12_000);
    await becomes(bot, 'polling');
  });

  test('a wrong token is named, and stopping does not hang on it', async () => {
    const bot = await telegramIn({ token: '1:wrong-wrong-wrong' });
    bot.start();
    await becomes(bot, 'bad token');
    expect(bot.state().detail).not.toContain('wrong-wrong');
  });

  test('a server that knows neither menus nor deleteWebhook is good enough', async () => {
    for (const method of ['setMyCommands', 'getMyCommands', 'deleteWebhook']) {
      sandbox.telegram.fault({ kind: 'error', refusal: 'methodNotFound', method, times: Number.POSITIVE_INFINITY });
    }
    const bot = await telegramIn();
    bot.start();
    await becomes(bot, 'polling');
    sandbox.telegram.say(ANN, GROUP, '/tickets');
    await sandbox.telegram.waitForMessage(GROUP, (message) => message.text.includes('No open tickets'));
  });

  test('menus that are as they should be are not set again', async () => {
    const first = await telegramIn();
    first.start();
    await eventually(() => expect(sandbox.telegram.requestsOf('setMyCommands').length).toBe(2));
    await becomes(first, 'polling');
    await db.deleteFrom('lease').where('name', '=', 'telegram-setup').execute();
    const second = await telegramIn();
    second.start();
    await eventually(() => expect(sandbox.telegram.requestsOf('getMyCommands').length).toBe(4));
    expect(sandbox.telegram.requestsOf('setMyCommands').length).toBe(2);
  });
});

test('of two replicas each update is handled by one, whoever polls', async () => {
  sandbox.telegram.setBudgets({ groupSendsPerMinute: null, overallPerSecond: null, privateBurst: null });
  const replicas = [await telegramIn(), await telegramIn()];
  for (const bot of replicas) bot.start();
  await eventually(() => expect(replicas.map((bot) => bot.state().state).sort()).toEqual(['polling', 'standby']));
  for (let n = 0; n < 15; n += 1) {
    sandbox.telegram.say(ANN, GROUP, `/tx a-${n}`);
    sandbox.telegram.say(BEN, GROUP, `/tx b-${n}`);
  }
  await eventually(() => expect(fromBot(GROUP)).toHaveLength(30));
  const answered = (letter: string) =>
    fromBot(GROUP).flatMap((message) => new RegExp(`payment (${letter}-\\d+)\\.`).exec(message.text)?.[1] ?? []);
  for (const letter of ['a', 'b'])
    expect(answered(letter)).toEqual(Array.from({ length: 15 }, (_, n) => `${letter}-${n}`));
});

describe('webhook mode', () => {
  test('the webhook is set once with its secret, and what is posted there is answered', async () => {
    const app = Fastify();
    const port = await freePort();
    const bot = await telegramIn({ publicUrl: `http://127.0.0.1:${port}/`, webhookSecret: 'of-telegrams-own' });
    bot.registerWebhook(app);
    await app.listen({ port, host: '127.0.0.1' });
    bot.start();
    await becomes(bot, 'webhook');
    sandbox.telegram.say(ANN, GROUP, '/tickets');
    await sandbox.telegram.waitForMessage(GROUP, (message) => message.text.includes('No open tickets'));
    expect(sandbox.telegram.requestsOf('setWebhook').map(({ params }) => params)).toMatchObject([
      { secret_token: 'of-telegrams-own', allowed_updates: ['message', 'callback_query', 'my_chat_member'] },
    ]);
    expect(sandbox.telegram.requestsOf('getUpdates')).toEqual([]);
    await app.close();
  });

  test.each([null, '', 'has space'])('without a proper secret it is not even made: %j', async (webhookSecret) => {
    await expect(telegramIn({ publicUrl: 'https://bw.example', webhookSecret })).rejects.toThrow(
      'TELEGRAM_WEBHOOK_SECRET',
    );
  });
});

describe('the chat', () => {
  test('when the group becomes a supergroup its new id is kept, and commands are answered there', async () => {
    const old = -4001;
    sandbox.telegram.addChat({
      id: old,
      type: 'group',
      title: 'Engineers',
      members: { [ANN]: 'creator' },
      botStatus: 'administrator',
    });
    await db.insertInto('chat').values({ configured_id: old, chat_id: old }).execute();
    const bot = await telegramIn({ engineeringChatId: old });
    bot.start();
    await becomes(bot, 'polling');
    const moved = sandbox.telegram.migrateGroup(old);
    sandbox.telegram.say(ANN, moved, '/tickets');
    await sandbox.telegram.waitForMessage(moved, (message) => message.text.includes('No open tickets'));
    const row = await db
      .selectFrom('chat')
      .select('chat_id')
      .where('configured_id', '=', old)
      .executeTakeFirstOrThrow();
    expect(row.chat_id).toBe(moved);
  });

  test('an answer in a topic that is gone comes without the topic', async () => {
    const bot = await telegramIn();
    bot.start();
    await becomes(bot, 'polling');
    sandbox.telegram.enableTopics(GROUP);
    sandbox.telegram.fault({ kind: 'error', refusal: 'messageThreadNotFound', method: 'sendMessage' });
    sandbox.telegram.say(ANN, GROUP, '/tickets', { threadId: 77 });
    const answer = await sandbox.telegram.waitForMessage(GROUP, (message) => message.text.includes('No open tickets'));
    expect(answer.threadId).toBeUndefined();
  });

  test('what the bot answers in the group counts against the group’s budget', async () => {
    const bot = await telegramIn();
    bot.start();
    await becomes(bot, 'polling');
    sandbox.telegram.say(ANN, GROUP, '/tickets');
    await sandbox.telegram.waitForMessage(GROUP, (message) => message.text.includes('No open tickets'));
    const spent = await db.selectFrom('chat_spending').select(['chat_id', 'method', 'class']).execute();
    expect(spent).toEqual([{ chat_id: GROUP, method: 'send', class: 'person' }]);
  });
});

async function freePort(): Promise<number> {
  const probe = Fastify();
  await probe.listen({ port: 0, host: '127.0.0.1' });
  const { port } = probe.server.address() as { port: number };
  await probe.close();
  return port;
}
