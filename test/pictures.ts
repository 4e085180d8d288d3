import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import chromium from '@sparticuz/chromium';
import pg from 'pg';
import { type Browser, type Page, chromium as playwright } from 'playwright-core';
import type { ChatMessage } from '../sandbox/telegram/chat-message.ts';
import { ANN, BEN, ENGINEERING_CHAT_ID as GROUP } from '../sandbox/telegram/world.ts';
import { eventually } from './world/eventually.ts';
import { freePort } from './world/free-port.ts';

/**
 * Makes the pictures of README.md and docs/incident.md again, `npm run pictures`: it starts the service as a newcomer does, walks the way of
 * test/journeys/incident.test.ts, and looks at the sandbox's chat page on the way. The system must have a font with emoji in colour (Debian:
 * fonts-noto-color-emoji).
 */

const FOLDER = new URL('../docs/pictures/', import.meta.url);
const MAIN = new URL('../src/main.ts', import.meta.url).pathname;
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'];
/** Words stay sharp where a page shows them, and every picture below 150 kB. */
const SCALE = 1.25;
/** Less than what lies between two messages, so that no other is seen. */
const GAP_PX = 4;
const WITHIN_MS = 60_000;
const CUSTOMERS = 21;

type Shown = Pick<ChatMessage, 'messageId'>;
type Started = { url: string; databaseUrl: string; stop: () => Promise<void> };

let started: Started;
const browser = await openBrowser();
for (const walk of [takeFirstTicket, takeIncident]) {
  started = await startBreakwater();
  await walk();
  await started.stop();
}
await browser.close();

/** README: the whole page, at its first ticket. */
async function takeFirstTicket(): Promise<void> {
  await post('/provider/payments', { user: 'anna', amount: '9.99', product: 'refuses', country: 'DE' });
  await find(GROUP, /UNACKNOWLEDGED · T-1001/);
  const page = await openChat(ANN, GROUP, { width: 1180, height: 720, scale: 1 });
  await page.locator(':focus').blur();
  await page.screenshot({ path: fileOf('ticket'), animations: 'disabled' });
  await page.context().close();
}

async function takeIncident(): Promise<void> {
  await enroll(ANN);
  await enroll(BEN);
  await failForMany();
  const card = () => find(GROUP, /· T-1001\n/);
  const opened = await find(GROUP, /^P1 · UNACKNOWLEDGED · T-1001[\s\S]*20\+ people/);
  await take('incident-card', ANN, GROUP, opened);

  const call = await find(ANN, /P1 · T-1001 needs you/);
  await take('incident-call', ANN, ANN, call);
  await press(call, 'Acknowledge');

  await press(await find(GROUP, /· ACKNOWLEDGED · T-1001/), 'Inspect');
  await take('incident-inspect', ANN, ANN, await find(ANN, /^🔍 T-1001/));

  await say(GROUP, '/note the new release refuses old plans; it is being rolled back', (await card()).messageId);
  await find(GROUP, /T-1001[\s\S]*being rolled back/);
  await take('incident-note', ANN, GROUP, await card());

  const [, transaction] = /e\.g\. (\S+)/.exec((await card()).text)!;
  const tried = await tryOne(transaction!);
  await take('incident-code', ANN, ANN, tried.first, tried.last);

  await askForOverride();
  await take('incident-override', ANN, ANN, await find(ANN, /^🛠 Override · 9\/9/));
  await letCodesGrowOld();
  await press(await find(ANN, /^🛠 Override · 9\/9/), 'Ask for it');
  await typeCode(ANN);
  const waiting = await find(GROUP, /^🛠 O-1 · WAITS/);
  await take('incident-approval', BEN, GROUP, waiting);
  await letCodesGrowOld();
  await press(waiting, 'Approve', BEN);
  await find(BEN, /waits for your code/);
  await typeCode(BEN);
  await find(GROUP, /O-1 · CARRIED OUT/);

  await post('/product/works', {});
  await letCodesGrowOld();
  await press(await card(), 'Retry');
  await find(ANN, /waits for your code/);
  await typeCode(ANN);
  const question = await find(GROUP, /21 payments would be tried again/);
  await take('incident-retry', ANN, GROUP, question);
  await press(question, 'Retry 21');
  await find(GROUP, /21 applied ✓/);
  await take('incident-resolved', ANN, GROUP, await find(GROUP, /· RESOLVED · T-1001/));

  await press(await card(), 'Timeline');
  const timeline = await find(ANN, /^📜 T-1001/);
  await say(ANN, '/export T-1001');
  await take('incident-timeline', ANN, ANN, timeline, await find(ANN, /^📄/));
}

async function failForMany(): Promise<void> {
  const users = Array.from({ length: CUSTOMERS }, (_, n) => `customer-${n + 1}`);
  for (const user of users) await post('/product/misbehaves', { kind: 'status', status: 422, user });
  for (const [n, user] of users.entries())
    await post('/provider/payments', { user, amount: '9.99', country: n % 3 === 0 ? 'FR' : 'DE' });
}

async function tryOne(transaction: string): Promise<{ first: Shown; last: Shown }> {
  await letCodesGrowOld();
  const said = await say(ANN, `/retry ${transaction}`);
  await find(ANN, /^🔐 This needs a code/);
  await typeCode(ANN);
  await press(await find(ANN, /^🔁 Retry · /), 'Retry');
  return { first: { messageId: said.message_id }, last: await find(ANN, /failed again: HTTP 422/) };
}

async function askForOverride(): Promise<void> {
  await say(ANN, '/override customer-dora');
  await find(ANN, /never heard of/);
  await say(ANN, 'customer-dora');
  await press(await find(ANN, /Which feature/), 'premium');
  await press(await find(ANN, /Until when/), '1 day');
  await find(ANN, /which payment/);
  await say(ANN, 'acme tx_dora');
  await find(ANN, /which ticket/i);
  await say(ANN, 'T-1001');
  await find(ANN, /what reason/);
  await say(ANN, 'her webhook has not come, and she waits');
  await find(ANN, /What shows/);
  await say(ANN, 'acme’s dashboard lists the payment as paid');
}

// ── People ──────────────────────────────────────────────────────────────────

async function enroll(person: number): Promise<void> {
  await post('/chat/start', { as: person });
  await say(person, '/enroll', undefined, person);
  await find(person, /\b[A-Z2-7]{32}\b/);
  await typeCode(person);
  await find(person, /counts from now on/);
}

async function typeCode(person: number): Promise<void> {
  const { shown } = await get<{ shown: { code: string } }>(`/chat/authenticator?as=${person}`);
  await say(person, shown.code, undefined, person);
}

function say(chat: number, text: string, replyTo?: number, as = ANN): Promise<{ message_id: number }> {
  return post('/chat/say', { as, chat, text, ...(replyTo === undefined ? {} : { replyTo }) });
}

function press(message: ChatMessage, button: string, as = ANN): Promise<unknown> {
  return post('/chat/press', { as, chat: message.chatId, message: message.messageId, button });
}

/** The same code counts again: only for their authenticators a while has passed. */
async function letCodesGrowOld(): Promise<void> {
  const client = new pg.Client({ connectionString: started.databaseUrl });
  await client.connect();
  await client.query("update second_factor set verified_at = verified_at - interval '6 minutes', last_step = 0");
  await client.end();
}

/** The bot's latest message there that shows it, as soon as there is one. */
function find(chat: number, shows: RegExp): Promise<ChatMessage> {
  return eventually(async () => {
    const messages = await listMessages(chat);
    const found = messages.findLast(({ from, text }) => from.isBot && shows.test(text));
    if (found) return found;
    throw new Error(`no message shows ${shows}; the last are ${messages.slice(-3).map((one) => one.text)}`);
  }, WITHIN_MS);
}

async function listMessages(chat: number): Promise<ChatMessage[]> {
  const as = chat === GROUP ? ANN : chat;
  return (await get<{ messages: ChatMessage[] }>(`/chat/messages?as=${as}&chat=${chat}`)).messages;
}

// ── Pictures ────────────────────────────────────────────────────────────────

/** Of one message, or from one to another, as this person sees them. */
async function take(name: string, as: number, chat: number, first: Shown, last = first): Promise<void> {
  const page = await openChat(as, chat, { width: 860, height: 2400, scale: SCALE });
  const boxOf = async ({ messageId }: Shown) =>
    (await page.locator(`#messages [data-id="${messageId}"]`).boundingBox())!;
  const { x, width } = (await page.locator('#messages').boundingBox())!;
  const [top, bottom] = [await boxOf(first), await boxOf(last)];
  const clip = { x, y: top.y - GAP_PX, width, height: bottom.y + bottom.height - top.y + 2 * GAP_PX };
  await page.screenshot({ path: fileOf(name), clip, animations: 'disabled' });
  await page.context().close();
}

async function openChat(
  as: number,
  chat: number,
  { width, height, scale }: { width: number; height: number; scale: number },
): Promise<Page> {
  const context = await browser.newContext({ viewport: { width, height }, deviceScaleFactor: scale });
  const remembered = {
    'breakwater:me': String(as),
    [`breakwater:chat:${as}`]: String(chat),
    'breakwater:started': 'yes',
  };
  await context.addInitScript((items) => {
    const { localStorage } = globalThis as unknown as { localStorage: { setItem(key: string, value: string): void } };
    for (const [key, value] of Object.entries(items)) localStorage.setItem(key, value);
  }, remembered);
  const page = await context.newPage();
  await page.goto(started.url);
  await page.locator('.live.on').waitFor();
  await page.locator('#messages [data-id]').first().waitFor();
  return page;
}

async function openBrowser(): Promise<Browser> {
  return playwright.launch({ executablePath: await chromium.executablePath(), args: FLAGS });
}

function fileOf(name: string): string {
  return new URL(`${name}.png`, FOLDER).pathname;
}

// ── The service ─────────────────────────────────────────────────────────────

/** With nothing configured but its ports, in a folder that is gone afterwards. */
async function startBreakwater(): Promise<Started> {
  const cwd = mkdtempSync(join(tmpdir(), 'breakwater-pictures-'));
  chmodSync(cwd, 0o755);
  const dataDir = join(cwd, 'data');
  const [port, sandboxPort] = [await freePort(), await freePort()];
  const { PATH, HOME } = process.env;
  const env = { PATH, HOME, DATA_DIR: dataDir, PORT: String(port), SANDBOX_PORT: String(sandboxPort) };
  const child = spawn(process.execPath, [MAIN], { cwd, env, stdio: ['ignore', 'pipe', 'inherit'] });
  process.on('exit', () => child.kill());
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (text) => /Breakwater {4}http/.test(text) && resolve());
    child.on('exit', (code) => reject(new Error(`the service ended with ${code}`)));
  });
  const url = `http://127.0.0.1:${sandboxPort}`;
  const databasePort = readFileSync(join(dataDir, 'postgres/postmaster.pid'), 'utf8').split('\n')[3];
  const stop = async () => {
    child.removeAllListeners('exit');
    child.kill('SIGTERM');
    await once(child, 'close');
    rmSync(cwd, { recursive: true, force: true });
  };
  return { url, databaseUrl: `postgres://breakwater@127.0.0.1:${databasePort}/breakwater`, stop };
}

async function get<T>(path: string): Promise<T> {
  const response = await fetch(started.url + path);
  if (!response.ok) throw new Error(`GET ${path} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}

async function post<T>(path: string, body: object): Promise<T> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(started.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`POST ${path} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}
