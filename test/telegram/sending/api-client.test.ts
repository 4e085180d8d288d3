import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { HttpError } from 'grammy';
import { expect, onTestFinished, test } from 'vitest';
import { startSandbox } from '../../../sandbox/main.ts';
import { ANN, ENGINEERING_CHAT_ID as CHAT } from '../../../sandbox/telegram/world.ts';
import { createMetrics } from '../../../src/platform/metrics.ts';
import {
  checkChatRights,
  countAgainstBudget,
  createTelegramApi,
  readCallFailure,
} from '../../../src/telegram/sending/api-client.ts';
import { listSpending } from '../../../src/telegram/sending/budget-store.ts';
import { createTestDatabase } from '../../database.ts';

const TOKEN = '123456:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
const { db } = await createTestDatabase();

async function startClient() {
  const sandbox = await startSandbox({ port: 0, botToken: TOKEN });
  onTestFinished(() => sandbox.close());
  const metrics = createMetrics();
  return { ...sandbox, metrics, api: createTelegramApi({ token: TOKEN, apiRoot: `${sandbox.url}/`, metrics }) };
}

async function callsOf(metrics: ReturnType<typeof createMetrics>) {
  const { values } = await metrics.telegramCalls.get();
  return values.map(({ labels, value }) => ({ ...labels, value }));
}

/** Some other server in Telegram's place. */
async function startStranger(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function failureAt(apiRoot: string): Promise<unknown> {
  const api = createTelegramApi({ token: TOKEN, apiRoot, metrics: createMetrics() });
  return api.getMe().then(
    () => expect.fail('the call succeeded'),
    (error: unknown) => error,
  );
}

test('calls are counted by method and outcome', async () => {
  const { api, telegram, metrics } = await startClient();
  await api.getMe();
  await expect(api.sendMessage(-1, 'hello')).rejects.toThrow('chat not found');
  telegram.down();
  await expect(api.getMe()).rejects.toThrow();
  expect(await callsOf(metrics)).toEqual([
    { method: 'getMe', outcome: 'ok', value: 1 },
    { method: 'sendMessage', outcome: '400', value: 1 },
    { method: 'getMe', outcome: 'lost', value: 1 },
  ]);
});

test('the token is in no error, however deep one looks', async () => {
  const unreachable = await failureAt('http://127.0.0.1:1');
  const garbled = await failureAt(await startStranger((_request, response) => void response.end('<html>')));
  for (const error of [unreachable, garbled]) {
    expect(error).toBeInstanceOf(HttpError);
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('AAAAAAAA');
  }
});

test('a server that was never reached is told apart from an answer that was lost', async () => {
  expect(readCallFailure(await failureAt('http://127.0.0.1:1'))).toMatchObject({ kind: 'lost', unsent: true });
  const cutting = await startStranger((request) => request.socket.destroy());
  expect(readCallFailure(await failureAt(cutting))).toMatchObject({ kind: 'lost', unsent: false });
});

test.each([
  ['a page of a proxy', '<html>502</html>'],
  ['JSON that is not Telegram’s', '{"error":"nope"}'],
])('%s is no refusal by Telegram', async (_what, body) => {
  const stranger = await startStranger((_request, response) => void response.end(body));
  expect(readCallFailure(await failureAt(stranger))).toMatchObject({ kind: 'lost', unsent: false });
});

test('a refusal is read with its code, words and parameters', async () => {
  const { api, telegram } = await startClient();
  telegram.fault({ kind: '429', retryAfterSeconds: 9, method: 'getMe' });
  const error = await api.getMe().catch((failed: unknown) => failed);
  expect(readCallFailure(error)).toEqual({
    kind: 'refused',
    code: 429,
    description: 'Too Many Requests: retry after 9',
    parameters: { retry_after: 9 },
  });
});

test('what is no failed call is a bug, and thrown on', () => {
  expect(() => readCallFailure(new TypeError('a bug'))).toThrow('a bug');
});

test('missing rights are named, and a chat where nothing is missing names none', async () => {
  const { api, telegram } = await startClient();
  const rights = () => checkChatRights(api, CHAT, telegram.bot.id);
  expect(await rights()).toEqual([]);
  telegram.setBotRights(CHAT, { can_pin_messages: false });
  expect(await rights()).toEqual(['can_pin_messages']);
  telegram.addBot(CHAT, 'member');
  expect(await rights()).toEqual(['administrator']);
  telegram.kickBot(CHAT);
  expect(await rights()).toEqual(['membership']);
  expect(await checkChatRights(api, -42, telegram.bot.id)).toEqual(['membership']);
});

test('a server that does not know the question is not taken for missing rights, one that is away is not taken for an answer', async () => {
  const { api, telegram } = await startClient();
  telegram.fault({ kind: 'error', code: 404, description: 'Not Found', method: 'getChatMember' });
  expect(await checkChatRights(api, CHAT, telegram.bot.id)).toEqual([]);
  telegram.fault({ kind: '500', method: 'getChatMember' });
  await expect(checkChatRights(api, CHAT, telegram.bot.id)).rejects.toThrow('Internal Server Error');
});

test('what is answered directly in the group counts against its budget, in private it does not', async () => {
  const { api, telegram } = await startClient();
  const now = new Date();
  countAgainstBudget(api, { db, now: () => now, isCounted: (chatId) => chatId === CHAT });
  telegram.startPrivate(ANN);
  await api.sendMessage(CHAT, 'in the group');
  await api.sendMessage(ANN, 'in private');
  await api.sendChatAction(CHAT, 'typing');
  expect(await listSpending(db, CHAT, now)).toEqual([{ method: 'send', class: 'person', at: now }]);
  expect(await listSpending(db, ANN, now)).toEqual([]);
});
