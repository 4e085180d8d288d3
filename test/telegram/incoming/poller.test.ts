import { Bot } from 'grammy';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Sandbox, startSandbox } from '../../../sandbox/main.ts';
import { ANN, ENGINEERING_CHAT_ID } from '../../../sandbox/telegram/world.ts';
import { acquireLease } from '../../../src/platform/lease.ts';
import { createLog } from '../../../src/platform/log.ts';
import { createPoller, type Poller } from '../../../src/telegram/incoming/poller.ts';
import { createTestDatabase } from '../../database.ts';

const { db } = await createTestDatabase();
vi.setConfig({ testTimeout: 15_000 });
const log = createLog({ level: 'silent' });

let sandbox: Sandbox;
let pollers: Poller[];

function poller(holder: string, token = sandbox.telegram.token): Poller {
  const { api } = new Bot(token, { client: { apiRoot: sandbox.url, timeoutSeconds: 30 } });
  const made = createPoller({ db, api, holder, log, onStored: () => {} });
  pollers.push(made);
  return made;
}

const stored = async () => {
  const rows = await db.selectFrom('telegram_update').select('payload').orderBy('update_id').execute();
  return rows.map((row) => (row.payload as { message: { text: string } }).message.text);
};
const say = (text: string) => sandbox.telegram.say(ANN, ENGINEERING_CHAT_ID, text);
const eventually = (check: () => unknown) => vi.waitFor(check, { timeout: 8_000, interval: 20 });
const becomes = (one: Poller, name: string) => eventually(() => expect(one.state().name).toBe(name));

beforeEach(async () => {
  pollers = [];
  await db.deleteFrom('telegram_update').execute();
  await db.deleteFrom('lease').execute();
  sandbox = await startSandbox({ port: 0 });
});

afterEach(async () => {
  await Promise.all(pollers.map((one) => one.stop()));
  await sandbox.close();
});

describe('polling', () => {
  test('what is said arrives once and in order, and is confirmed after it is stored', async () => {
    poller('a').start();
    for (const text of ['one', 'two', 'three']) say(text);
    await eventually(async () => expect(await stored()).toEqual(['one', 'two', 'three']));
    await eventually(() => expect(sandbox.telegram.world.queue.pending).toEqual([]));
  });

  test('what cannot be stored is not confirmed, and arrives when it can', async () => {
    await db.schema.alterTable('telegram_update').renameTo('telegram_update_away').execute();
    const one = poller('a');
    one.start();
    say('while the table was away');
    await becomes(one, 'unreachable');
    expect(sandbox.telegram.world.queue.pending).toHaveLength(1);
    await db.schema.alterTable('telegram_update_away').renameTo('telegram_update').execute();
    await eventually(async () => expect(await stored()).toEqual(['while the table was away']));
  });

  test('a webhook of an earlier life is taken away, and what waited there is not dropped', async () => {
    const { api } = new Bot(sandbox.telegram.token, { client: { apiRoot: sandbox.url } });
    sandbox.telegram.world.webhook = { url: 'https://gone.example/', maxConnections: 1 };
    say('sent to the webhook');
    poller('a').start();
    await eventually(async () => expect(await stored()).toEqual(['sent to the webhook']));
    expect((await api.getWebhookInfo()).url).toBe('');
  });

  test('a webhook set while we poll is taken away too', async () => {
    const one = poller('a');
    one.start();
    await becomes(one, 'polling');
    sandbox.telegram.world.webhook = { url: 'https://thief.example/', maxConnections: 1 };
    say('after the theft');
    await eventually(async () => expect(await stored()).toEqual(['after the theft']));
  });
});

describe('election', () => {
  test('of two replicas one polls; when it stops the other goes on at once', async () => {
    const [a, b] = [poller('a'), poller('b')];
    a.start();
    await becomes(a, 'polling');
    b.start();
    await becomes(b, 'standby');
    await a.stop();
    say('to whoever listens');
    await eventually(async () => expect(await stored()).toEqual(['to whoever listens']));
    await becomes(b, 'polling');
    expect(sandbox.telegram.refusals).toEqual([]);
  });

  test('a killed poller’s lease ends within ten seconds, and not before', async () => {
    await acquireLease(db, { name: 'telegram-poller', holder: 'killed', ttlMs: 10_000 });
    const take = (afterMs: number) =>
      acquireLease(db, { name: 'telegram-poller', holder: 'b', ttlMs: 10_000, now: new Date(Date.now() + afterMs) });
    expect(await take(9_000)).toBeNull();
    expect(await take(10_100)).not.toBeNull();
  });

  test('who lost the lease while waiting for Telegram stands by', async () => {
    const a = poller('a');
    a.start();
    await becomes(a, 'polling');
    await db
      .updateTable('lease')
      .set({ holder: 'b', expires_at: new Date(Date.now() + 60_000) })
      .execute();
    say('wakes the poll');
    await becomes(a, 'standby');
  });
});

describe('trouble', () => {
  test('while Telegram is down it says so, and it catches up when Telegram is back', async () => {
    const one = poller('a');
    one.start();
    await becomes(one, 'polling');
    sandbox.telegram.down();
    await becomes(one, 'unreachable');
    say('said meanwhile');
    sandbox.telegram.up();
    await eventually(async () => expect(await stored()).toEqual(['said meanwhile']));
    await becomes(one, 'polling');
  });

  test('another poller’s conflict is waited out, never the end', async () => {
    sandbox.telegram.fault({ kind: 'error', refusal: 'otherPoller', method: 'getUpdates' });
    const one = poller('a');
    one.start();
    await becomes(one, 'conflict');
    say('after the conflict');
    await eventually(async () => expect(await stored()).toEqual(['after the conflict']));
  });

  test('a wrong token is named', async () => {
    const one = poller('a', '1:wrong');
    one.start();
    await becomes(one, 'bad token');
  });

  test('a cut connection and a server error are tried again', async () => {
    sandbox.telegram.fault({ kind: 'cut-after-store', method: 'getUpdates' });
    sandbox.telegram.fault({ kind: '500', method: 'getUpdates' });
    say('once');
    poller('a').start();
    await eventually(async () => expect(await stored()).toEqual(['once']));
  });

  test('stopping does not wait for the long poll', async () => {
    const one = poller('a');
    one.start();
    await becomes(one, 'polling');
    const startedAtMs = performance.now();
    await one.stop();
    expect(performance.now() - startedAtMs).toBeLessThan(2_000);
  });
});
