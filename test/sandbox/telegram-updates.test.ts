import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Api, InlineKeyboard } from 'grammy';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../sandbox/main.ts';
import { ANN, BEN, CARA, ENGINEERING_CHAT_ID as GROUP } from '../../sandbox/telegram/world.ts';
import { expectRefused } from './refused.ts';

const QUERY_IS_TOO_OLD = 'Bad Request: query is too old and response timeout expired or query ID is invalid';
const START_MS = Date.parse('2026-06-01T12:00:00Z');

let sandbox: Sandbox;
let api: Api;
let nowMs: number;

beforeEach(async () => {
  nowMs = START_MS;
  sandbox = await startSandbox({ port: 0, now: () => nowMs });
  api = new Api(sandbox.telegram.token, { apiRoot: sandbox.url });
});
afterEach(() => sandbox.close());

const sendButton = () => api.sendMessage(GROUP, 'card', { reply_markup: new InlineKeyboard().text('Go', 'go') });
const textsOf = async (options = {}) => (await api.getUpdates(options)).map((update) => update.message?.text);

describe('long polling', () => {
  test('a waiting poll is answered the moment somebody speaks', async () => {
    const waiting = api.getUpdates({ timeout: 30 });
    await expect.poll(() => sandbox.telegram.isPolled, { interval: 2 }).toBe(true);
    sandbox.telegram.say(ANN, GROUP, '/tx@breakwater_sandbox_bot tx_1');
    const [update] = await waiting;
    expect(update?.message).toMatchObject({
      chat: { id: GROUP, type: 'supergroup' },
      from: { id: ANN, first_name: 'Ann', is_bot: false },
      text: '/tx@breakwater_sandbox_bot tx_1',
      entities: [{ type: 'bot_command', offset: 0, length: 26 }],
    });
  });

  test('an update comes again until a higher offset confirms it', async () => {
    sandbox.telegram.say(ANN, GROUP, 'one');
    sandbox.telegram.say(ANN, GROUP, 'two');
    const [first] = await api.getUpdates();
    expect(await textsOf()).toEqual(['one', 'two']);
    expect(await textsOf({ offset: first!.update_id + 1 })).toEqual(['two']);
    expect(await textsOf()).toEqual(['two']);
  });

  test('a negative offset forgets all but the last', async () => {
    for (const text of ['one', 'two', 'three']) sandbox.telegram.say(ANN, GROUP, text);
    expect(await textsOf({ offset: -1 })).toEqual(['three']);
    expect(await textsOf()).toEqual(['three']);
  });

  test('the limit bounds one answer', async () => {
    for (const text of ['one', 'two', 'three']) sandbox.telegram.say(ANN, GROUP, text);
    expect(await textsOf({ limit: 2 })).toEqual(['one', 'two']);
  });

  test('a poll without news ends empty after its timeout', async () => {
    expect(await api.getUpdates({ timeout: 1 })).toEqual([]);
  });

  test('a poller whose connection is gone loses nothing', async () => {
    const gone = new AbortController();
    const url = `${sandbox.url}/bot${sandbox.telegram.token}/getUpdates?timeout=30`;
    const lost = fetch(url, { signal: gone.signal }).catch(() => 'lost');
    await expect.poll(() => sandbox.telegram.isPolled, { interval: 2 }).toBe(true);
    gone.abort();
    await lost;
    await expect.poll(() => sandbox.telegram.isPolled, { interval: 2 }).toBe(false);
    sandbox.telegram.say(ANN, GROUP, 'still here');
    expect(await textsOf()).toEqual(['still here']);
  });

  test('only allowed kinds of update are kept, and the setting stays', async () => {
    await api.getUpdates({ allowed_updates: ['callback_query'] });
    sandbox.telegram.say(ANN, GROUP, 'not wanted');
    const { message_id } = await sendButton();
    sandbox.telegram.press(ANN, GROUP, message_id, 'Go');
    const updates = await api.getUpdates();
    expect(updates.map((update) => update.callback_query?.data)).toEqual(['go']);
  });
});

describe('how long updates are kept', () => {
  test('a message for 24 hours, not longer', async () => {
    sandbox.telegram.say(ANN, GROUP, 'old');
    nowMs += 86_399_000;
    expect(await textsOf()).toEqual(['old']);
    nowMs += 1000;
    expect(await textsOf()).toEqual([]);
  });

  test('a press for 150 seconds, not longer', async () => {
    const { message_id } = await sendButton();
    sandbox.telegram.press(ANN, GROUP, message_id, 'Go');
    nowMs += 149_000;
    expect(await api.getUpdates()).toHaveLength(1);
    nowMs += 1000;
    expect(await api.getUpdates()).toHaveLength(0);
  });
});

describe('a press', () => {
  const press = async () => {
    const { message_id } = await sendButton();
    return sandbox.telegram.press(ANN, GROUP, message_id, 'Go');
  };

  test('carries who pressed, on what, and hears the answer', async () => {
    const { queryId, answer } = await press();
    const [update] = await api.getUpdates();
    expect(update?.callback_query).toMatchObject({
      id: queryId,
      from: { id: ANN },
      data: 'go',
      message: { text: 'card' },
    });
    await api.answerCallbackQuery(queryId, { text: 'done', show_alert: true });
    expect(await answer).toMatchObject({ kind: 'answered', text: 'done', showAlert: true });
  });

  test('can be answered once', async () => {
    const { queryId } = await press();
    await api.answerCallbackQuery(queryId);
    await expectRefused(api.answerCallbackQuery(queryId), 400, QUERY_IS_TOO_OLD);
  });

  test('can be answered within 15 seconds, and not after', async () => {
    const inTime = await press();
    nowMs += 15_000;
    await api.answerCallbackQuery(inTime.queryId);
    const late = await press();
    nowMs += 15_001;
    await expectRefused(api.answerCallbackQuery(late.queryId), 400, QUERY_IS_TOO_OLD);
  });

  test('that nobody answers expires for the person too', async () => {
    sandbox.telegram.set({ callbackAnswerMs: 10 });
    const { answer } = await press();
    expect(await answer).toEqual({ kind: 'expired' });
  });

  test('by an anonymous administrator or a channel comes from a stand-in', async () => {
    sandbox.telegram.addChat({ id: -1003, type: 'channel', title: 'News' });
    const { message_id } = await sendButton();
    sandbox.telegram.anonymousAdminPress(GROUP, message_id, 'Go');
    sandbox.telegram.pressAsChannel(-1003, GROUP, message_id, 'Go');
    const names = (await api.getUpdates()).map((update) => update.callback_query?.from.username);
    expect(names).toEqual(['GroupAnonymousBot', 'Channel_Bot']);
  });

  test('on a button that has gone is possible only as a stale one', async () => {
    const { message_id } = await sendButton();
    await api.editMessageText(GROUP, message_id, 'card', { reply_markup: new InlineKeyboard().text('Other', 'other') });
    expect(() => sandbox.telegram.press(ANN, GROUP, message_id, 'Go')).toThrow('no button "Go": it has Other');
    sandbox.telegram.pressStale(BEN, GROUP, message_id, 'Go');
    expect((await api.getUpdates()).map((update) => update.callback_query?.data)).toEqual(['go']);
  });

  test('by somebody who is not in the group is impossible', async () => {
    const { message_id } = await sendButton();
    expect(() => sandbox.telegram.press(CARA, GROUP, message_id, 'Go')).toThrow('Cara is not in Engineering');
  });
});

describe('faults', () => {
  test('stored, then the connection is cut: the card is there and the caller cannot know', async () => {
    sandbox.telegram.fault({ kind: 'cut-after-store', method: 'sendMessage' });
    await expect(api.sendMessage(GROUP, 'card')).rejects.toThrow('Network request');
    expect(sandbox.telegram.messages(GROUP).map(({ text }) => text)).toEqual(['card']);
  });

  test('cut before: nothing is there', async () => {
    sandbox.telegram.fault({ kind: 'cut-before', method: 'sendMessage' });
    await expect(api.sendMessage(GROUP, 'card')).rejects.toThrow('Network request');
    expect(sandbox.telegram.messages(GROUP)).toEqual([]);
  });

  test('a hanging call is never answered', async () => {
    sandbox.telegram.fault({ kind: 'hang', method: 'getMe' });
    const gone = AbortSignal.timeout(100);
    await expect(fetch(`${sandbox.url}/bot${sandbox.telegram.token}/getMe`, { signal: gone })).rejects.toThrow();
    expect(sandbox.telegram.requestsOf('getMe')[0]?.outcome).toEqual({ kind: 'hang' });
  });

  test('a fault meets only its method and chat, and only as often as planned', async () => {
    sandbox.telegram.startPrivate(ANN);
    sandbox.telegram.fault({ kind: '500', method: 'sendMessage', chatId: GROUP, times: 2 });
    await api.sendMessage(ANN, 'elsewhere');
    await expectRefused(api.sendMessage(GROUP, 'x'), 500, 'Internal Server Error: restart');
    await expectRefused(api.sendMessage(GROUP, 'x'), 500, 'Internal Server Error: restart');
    await api.sendMessage(GROUP, 'x');
  });

  test('down cuts every call and the waiting poll, and people can still speak; up brings it back', async () => {
    const poll = api.getUpdates({ timeout: 30 }).catch((error: Error) => error.message);
    await expect.poll(() => sandbox.telegram.isPolled, { interval: 2 }).toBe(true);
    sandbox.telegram.down();
    expect(await poll).toContain('Network request');
    await expect(api.getMe()).rejects.toThrow('Network request');
    sandbox.telegram.say(ANN, GROUP, 'anybody?');
    sandbox.telegram.up();
    expect(await textsOf()).toEqual(['anybody?']);
  });
});

describe('memory', () => {
  test('messages, commands, offsets and pending updates survive a restart, and no number comes twice', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sandbox-'));
    const stateFile = join(folder, 'state.json');
    const before = await startSandbox({ port: 0, stateFile });
    const beforeApi = new Api(before.telegram.token, { apiRoot: before.url });
    await beforeApi.setMyCommands([{ command: 'tx', description: 'A payment' }]);
    const card = await beforeApi.sendMessage(GROUP, 'card');
    before.telegram.say(ANN, GROUP, 'confirmed');
    const [confirmed] = await beforeApi.getUpdates();
    before.telegram.say(ANN, GROUP, 'pending');
    await beforeApi.getUpdates({ offset: confirmed!.update_id + 1 });
    await before.close();

    const after = await startSandbox({ port: 0, stateFile });
    const afterApi = new Api(after.telegram.token, { apiRoot: after.url });
    after.telegram.say(ANN, GROUP, 'new');
    const updates = await afterApi.getUpdates();
    expect(updates.map((update) => update.message?.text)).toEqual(['pending', 'new']);
    expect(updates[1]!.update_id).toBeGreaterThan(updates[0]!.update_id + 1);
    await afterApi.editMessageText(GROUP, card.message_id, 'edited after the restart');
    expect(after.telegram.message(GROUP, card.message_id).history).toEqual(['card', 'edited after the restart']);
    expect(await afterApi.getMyCommands()).toEqual([{ command: 'tx', description: 'A payment' }]);
    await after.close();
    await rm(folder, { recursive: true });
  });

  test('without a file everything is forgotten', async () => {
    await api.sendMessage(GROUP, 'card');
    const other = await startSandbox({ port: 0 });
    expect(other.telegram.messages(GROUP)).toEqual([]);
    await other.close();
  });

  test('a port that is taken is refused with its code', async () => {
    await expect(startSandbox({ port: sandbox.port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});

describe('webhook mode', () => {
  type Received = { secret: string | string[] | undefined; text: string | undefined; data: string | undefined };
  let server: Server;
  let received: Received[];
  let answer: (update: Received) => { status: number; body?: unknown };

  beforeEach(async () => {
    received = [];
    answer = () => ({ status: 200 });
    server = createServer(async (request: IncomingMessage, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const update = JSON.parse(Buffer.concat(chunks).toString());
      const secret = request.headers['x-telegram-bot-api-secret-token'];
      const got = { secret, text: update.message?.text, data: update.callback_query?.data };
      received.push(got);
      const { status, body } = answer(got);
      response.writeHead(status).end(JSON.stringify(body ?? {}));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    sandbox.telegram.set({ webhookRetryBaseMs: 1 });
  });
  afterEach(() => server.close());

  const setWebhook = () =>
    api.setWebhook(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, { secret_token: 'S-3_cret' });
  const texts = () => received.map(({ text }) => text);

  test('updates come with the secret, and what waited comes first', async () => {
    sandbox.telegram.say(ANN, GROUP, 'before');
    await setWebhook();
    await expect.poll(texts).toEqual(['before']);
    sandbox.telegram.say(ANN, GROUP, 'after');
    await expect.poll(texts).toEqual(['before', 'after']);
    expect(received[0]?.secret).toBe('S-3_cret');
    await expect.poll(async () => (await api.getWebhookInfo()).pending_update_count).toBe(0);
  });

  test('an update that is not answered with 2xx comes again and holds back its chat, not the others', async () => {
    sandbox.telegram.startPrivate(BEN);
    let refusals = 2;
    answer = ({ text }) => ({ status: text === 'first' && refusals-- > 0 ? 500 : 200 });
    sandbox.telegram.say(ANN, GROUP, 'first');
    sandbox.telegram.say(ANN, GROUP, 'second');
    await setWebhook();
    await expect.poll(() => texts().filter((text) => text !== '/start')).toEqual(['first', 'first', 'first', 'second']);
    expect(texts().indexOf('/start')).toBeLessThan(texts().lastIndexOf('first'));
    expect((await api.getWebhookInfo()).last_error_message).toContain('500');
  });

  test('a method in the answer is carried out', async () => {
    answer = ({ text }) => ({ status: 200, body: { method: 'sendMessage', chat_id: GROUP, text: `heard ${text}` } });
    await setWebhook();
    sandbox.telegram.say(ANN, GROUP, 'you');
    await sandbox.telegram.waitForMessage(GROUP, ({ text }) => text === 'heard you');
  });

  test('two setWebhooks within a second are one too many', async () => {
    await setWebhook();
    await expectRefused(setWebhook(), 429, 'Too Many Requests: retry after 1');
    nowMs += 1000;
    await setWebhook();
  });
});
