import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { ANN, ENGINEERING_CHAT_ID } from '../../sandbox/main.ts';
import { createTestDatabase } from '../database.ts';
import { createApi } from '../world/api.ts';
import { eventually } from '../world/eventually.ts';
import { freePort } from '../world/free-port.ts';
import { endLeftServer, makeFolder, runToItsEnd, type Service, startService, stopServices } from '../world/service.ts';
import { acme } from '../world/webhooks.ts';

const run = promisify(execFile);

describe('with nothing configured', async () => {
  const cwd = makeFolder();
  const dataDir = join(cwd, 'data');
  afterAll(() => endLeftServer(join(dataDir, 'postgres')));
  const env = { DATA_DIR: dataDir, PORT: String(await freePort()), SANDBOX_PORT: String(await freePort()) };
  let service: Service;
  let transaction: string;
  let ticket: string;

  const api = () => createApi(service, readFileSync(join(dataDir, 'api-token'), 'utf8').trim());
  const sandboxUrl = `http://127.0.0.1:${env.SANDBOX_PORT}`;
  const stateOf = async () => (await api().eventOf('acme', transaction)).state;

  test('it starts whole, and says where to look and what to type', async () => {
    service = await startService(env, { cwd });
    expect(service.url).toBe(`http://127.0.0.1:${env.PORT}`);
    expect(service.logs()).toContain(`Chat page     ${sandboxUrl}`);
    expect(service.logs().match(/^ +curl /gm)).toHaveLength(1);
    expect((await fetch(`${service.url}/readyz`)).status).toBe(200);
    expect(await (await fetch(sandboxUrl)).text()).toMatch(/<html/i);
  }, 90_000);

  test('the very curl it prints makes a ticket appear in the chat', async () => {
    const [, command] = /^ +(curl .+)$/m.exec(service.logs())!;
    const { stdout } = await run('sh', ['-c', `${command} --silent --show-error --fail`]);
    [transaction = ''] = /tx_[0-9a-f]+/.exec(stdout) ?? [];
    expect(transaction).not.toBe('');
    ticket = (await eventually(async () => (await api().payment('acme', transaction))?.ticket, 30_000)).id;
    expect((await eventually(() => getCard(sandboxUrl, ticket))).text).toMatch(/UNACKNOWLEDGED/);
    expect(await stateOf()).toBe('dead');
  }, 60_000);

  test('SIGTERM ends it with code 0 in time, and a new start has everything still', async () => {
    const startedAt = performance.now();
    await service.stop();
    expect(performance.now() - startedAt).toBeLessThan(20_000);
    service = await startService(env, { cwd });
    expect(await stateOf()).toBe('dead');
  }, 90_000);

  test('so does Ctrl-C', async () => {
    await service.kill('SIGINT');
    expect(await service.ended).toBe(0);
    service = await startService(env, { cwd });
    expect(await stateOf()).toBe('dead');
  }, 90_000);

  test('after kill -9 the next start adopts what was left and keeps the data, and the ticket can be mended', async () => {
    await service.kill('SIGKILL');
    service = await startService(env, { cwd });
    expect(await stateOf()).toBe('dead');
    await enrollAnn(sandboxUrl);
    await pressRetry(sandboxUrl, ticket);
    await eventually(async () => (await stateOf()) === 'applied', 20_000);
    expect(await api().has('anna')).toBe(true);
    await service.stop();
  }, 120_000);

  test('nothing it printed holds a secret', () => {
    const files = readdirSync(dataDir).filter((name) => /token|secret|key/.test(name));
    expect(files.length).toBeGreaterThanOrEqual(3);
    for (const file of files) expect(service.logs()).not.toContain(readFileSync(join(dataDir, file), 'utf8').trim());
  });
});

describe.concurrent('what is wrong is said in one line each, and the code is 1', async () => {
  const cwd = makeFolder();
  const database = await createTestDatabase();
  afterAll(() => stopServices());
  const good = {
    DATA_DIR: join(cwd, 'none'),
    PORT: '0',
    RUN: 'intake,api',
    DATABASE_URL: database.url,
    PROVIDERS: JSON.stringify([acme()]),
  };

  test('a taken port', async () => {
    const taken = createServer();
    const port = await new Promise<number>((resolve) => {
      taken.listen(0, '127.0.0.1', () => resolve((taken.address() as { port: number }).port));
    });
    const { code, output } = await runToItsEnd({ ...good, PORT: String(port) }, { cwd });
    taken.close();
    expect(code).toBe(1);
    expect(linesOf(output)).toEqual([expect.stringMatching(new RegExp(`^breakwater: Port ${port} is taken`))]);
  });

  test('several wrong variables at once, each with what is expected, and no secret shown', async () => {
    const { code, output } = await runToItsEnd(
      {
        ...good,
        PORT: 'eighty',
        LOG_LEVEL: 'loud',
        SECRET_KEY: 'shown-to-nobody',
        LEASE_MS: '1000',
        RUN: 'intake,cook',
      },
      { cwd },
    );
    expect(code).toBe(1);
    const [heading, ...mistakes] = linesOf(output);
    expect(heading).toMatch(/5 mistakes/);
    for (const name of ['PORT', 'LOG_LEVEL', 'SECRET_KEY', 'LEASE_MS', 'RUN']) {
      expect(mistakes.filter((line) => line.trim().startsWith(`${name}:`))).toHaveLength(1);
    }
    expect(mistakes).toHaveLength(5);
    expect(output).not.toContain('shown-to-nobody');
  });

  test('a provider without a secret, which is never accepted unsigned', async () => {
    for (const secrets of [[], undefined]) {
      const { code, output } = await runToItsEnd({ ...good, PROVIDERS: JSON.stringify([acme({ secrets })]) }, { cwd });
      expect(code).toBe(1);
      expect(linesOf(output)).toHaveLength(2);
      expect(output).toMatch(/PROVIDERS: provider acme: .*secret/);
    }
  });

  test('a database that is not there', async () => {
    const url = `postgres://someone:hunter2-secret@127.0.0.1:${await freePort()}/nowhere`;
    const { code, output } = await runToItsEnd({ ...good, DATABASE_URL: url }, { cwd });
    expect(code).toBe(1);
    expect(linesOf(output)).toEqual([
      expect.stringMatching(/^breakwater: The database does not answer .*DATABASE_URL/),
    ]);
    expect(output).not.toContain('hunter2-secret');
  });

  test('a database of another name', async () => {
    const url = `${database.url}_typo`;
    const { code, output } = await runToItsEnd({ ...good, DATABASE_URL: url }, { cwd });
    expect(code).toBe(1);
    expect(linesOf(output)).toEqual([expect.stringMatching(/^breakwater: .*no database of that name/)]);
  });

  test('production without what it needs, all of it at once', async () => {
    const { code, output } = await runToItsEnd({ NODE_ENV: 'production', PORT: '0' }, { cwd });
    expect(code).toBe(1);
    for (const name of ['DATABASE_URL', 'API_TOKEN', 'SECRET_KEY', 'PROVIDERS', 'BOT_TOKEN', 'ENGINEERING_CHAT_ID']) {
      expect(output).toMatch(new RegExp(`^  ${name}: is missing`, 'm'));
    }
  });

  test('and what is right starts: the control of all of these', async () => {
    const service = await startService(good, { cwd });
    expect((await fetch(`${service.url}/readyz`)).status).toBe(200);
    await service.stop();
  });
});

/** Without what is no error: the log's own lines. */
function linesOf(output: string): string[] {
  return output
    .trim()
    .split('\n')
    .filter((line) => !line.startsWith('{'));
}

const ENGINEERING_CHAT = `as=${ANN}&chat=${ENGINEERING_CHAT_ID}`;

type PageMessage = { messageId: number; text: string };

/** What the chat page shows Ann. */
async function getCard(sandboxUrl: string, ticket: string): Promise<PageMessage> {
  const response = await fetch(`${sandboxUrl}/chat/messages?${ENGINEERING_CHAT}`);
  const { messages } = (await response.json()) as { messages: PageMessage[] };
  const card = messages.find(({ text }) => text.split('\n')[0]!.endsWith(ticket));
  if (!card) throw new Error(`no card of ${ticket} among ${messages.length} messages`);
  return card;
}

async function pressRetry(sandboxUrl: string, ticket: string): Promise<void> {
  const { messageId } = await getCard(sandboxUrl, ticket);
  const url = `${sandboxUrl}/chat/press?${ENGINEERING_CHAT}&message=${messageId}&button=Retry`;
  const response = await fetch(url, { method: 'POST' });
  expect(await response.json()).toMatchObject({ kind: 'answered' });
}

/** Another process takes over what a killed one heard from Telegram within this time. */
const TAKEN_OVER_WITHIN_MS = 20_000;

/** She scans the picture, and types what her authenticator shows. */
async function enrollAnn(sandboxUrl: string): Promise<void> {
  const post = (path: string) => fetch(`${sandboxUrl}/chat/${path}`, { method: 'POST' });
  await post(`start?as=${ANN}`);
  await post(`say?as=${ANN}&chat=${ANN}&text=/enroll`);
  const code = await eventually(async () => {
    const response = await fetch(`${sandboxUrl}/chat/authenticator?as=${ANN}`);
    return ((await response.json()) as { shown: { code: string } | null }).shown?.code;
  }, TAKEN_OVER_WITHIN_MS);
  await post(`say?as=${ANN}&chat=${ANN}&text=${code}`);
  await eventually(async () => {
    const response = await fetch(`${sandboxUrl}/chat/messages?as=${ANN}&chat=${ANN}`);
    const { messages } = (await response.json()) as { messages: PageMessage[] };
    return messages.some(({ text }) => text.includes('counts from now on'));
  });
}
