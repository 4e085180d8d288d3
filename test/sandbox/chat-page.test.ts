import chromium from '@sparticuz/chromium';
import { Bot, InlineKeyboard, InputFile } from 'grammy';
import { type Browser, type Page, chromium as playwright } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../sandbox/main.ts';
import { ANN, ENGINEERING_CHAT_ID as GROUP } from '../../sandbox/telegram/world.ts';
import { startWebhookSink, type WebhookSink } from './webhook-sink.ts';

/** The packaged browser's own flags are for lambdas (one process, software GPU): slow, and one closed page ends it. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const ONE_PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
  'base64',
);

let browser: Browser;
let sandbox: Sandbox;
let sink: WebhookSink;
let bot: Bot;
let page: Page;
let complaints: string[];

beforeAll(async () => {
  browser = await playwright.launch({
    executablePath: await chromium.executablePath(),
    args: FLAGS,
  });
}, 60_000);
afterAll(() => browser?.close());

beforeEach(async () => {
  sink = await startWebhookSink();
  sandbox = await startSandbox({ port: 0, webhookUrl: sink.url });
  bot = await startSmallBot();
  page = await openPage();
}, 30_000);
afterEach(async () => {
  await page.context().close();
  await bot.stop();
  await sandbox.close();
  await sink.close();
  expect(complaints).toEqual([]);
  expect(sandbox.telegram.refusals).toEqual([]);
}, 30_000);

/** A ticket bot of ten lines, by the real client over real HTTP. */
async function startSmallBot(): Promise<Bot> {
  const small = new Bot(sandbox.telegram.token, { client: { apiRoot: sandbox.url } });
  const commands = [
    { command: 'tickets', description: 'Open tickets' },
    { command: 'tx', description: 'What happened to a payment' },
  ];
  await small.api.setMyCommands(commands, { scope: { type: 'all_group_chats' } });
  small.command('tickets', (ctx) => ctx.reply('No open tickets.'));
  small.command('start', (ctx) => ctx.reply(`Hello ${ctx.from?.first_name}, ${ctx.match || 'nothing'} asked`));
  small.callbackQuery('ack', async (ctx) => {
    await ctx.answerCallbackQuery(`Yours now, ${ctx.from.first_name}`);
    await ctx.editMessageText(`ACKNOWLEDGED by ${ctx.from.first_name}`);
  });
  small.callbackQuery('alert', (ctx) => ctx.answerCallbackQuery({ text: 'Look closely', show_alert: true }));
  void small.start();
  await expect.poll(() => sandbox.telegram.isPolled).toBe(true);
  return small;
}

async function openPage(options = {}): Promise<Page> {
  complaints = [];
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const opened = await context.newPage();
  opened.setDefaultTimeout(8000);
  opened.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  opened.on('pageerror', (error) => complaints.push(error.message));
  opened.on('request', (request) => request.url().startsWith(sandbox.url) || complaints.push(request.url()));
  await opened.goto(sandbox.url);
  await opened.locator('.live.on').waitFor();
  return opened;
}

const sendCard = () =>
  bot.api.sendMessage(GROUP, '<b>P2</b> · UNACKNOWLEDGED · <code>T-1</code>', {
    parse_mode: 'HTML',
    reply_markup: new InlineKeyboard()
      .text('👀 Acknowledge', 'ack')
      .text('Why', 'alert')
      .url('Docs', 'https://a.example'),
  });

const sees = (text: string) => page.locator('.messages').getByText(text).first().waitFor();

describe('a person on the chat page', { timeout: 30_000 }, () => {
  test('sees a card appear, presses its button, hears the answer and sees the card change', async () => {
    await sendCard();
    await sees('UNACKNOWLEDGED');
    expect(await page.locator('.text strong').textContent()).toBe('P2');
    expect(await page.locator('.text code').textContent()).toBe('T-1');
    expect(await page.locator('a.key').getAttribute('href')).toBe('https://a.example');
    await page.getByRole('button', { name: '👀 Acknowledge' }).click();
    await page.getByText('Yours now, Ann').waitFor();
    await sees('ACKNOWLEDGED by Ann');
    expect(await page.locator('.edited').textContent()).toMatch(/^edited \d\d:\d\d$/);
    expect(await page.locator('.key').count()).toBe(0);
  });

  test('sees a picture the bot sends, with its words', async () => {
    await bot.api.sendPhoto(GROUP, new InputFile(ONE_PIXEL, 'stats.png'), { caption: 'The last hour' });
    await sees('The last hour');
    const width = () =>
      page.locator('img.photo').evaluate((image) => (image as unknown as { naturalWidth: number }).naturalWidth);
    await expect.poll(width).toBe(1);
  });

  test('gets an alert as a dialog', async () => {
    await sendCard();
    await page.getByRole('button', { name: 'Why' }).click();
    await page.getByRole('dialog').getByText('Look closely').waitFor();
    await page.getByRole('button', { name: 'OK' }).click();
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
  });

  test('takes a command from the menu by keyboard, and repeats it with the arrow', async () => {
    const field = page.getByLabel('Message', { exact: true });
    await field.pressSequentially('/');
    const offered = page.getByRole('listbox', { name: 'Commands' }).getByRole('option');
    await offered.first().waitFor();
    expect(await offered.allTextContents()).toEqual(['/ticketsOpen tickets', '/txWhat happened to a payment']);
    await field.press('ArrowDown');
    await field.press('ArrowUp');
    await field.press('Enter');
    expect(await field.inputValue()).toBe('/tickets ');
    await field.press('Enter');
    await sees('No open tickets.');
    await field.press('ArrowUp');
    expect(await field.inputValue()).toBe('/tickets');
  });

  test('becomes another person: a second engineer is in the group, a customer only in private', async () => {
    await page.getByRole('radio', { name: 'Ben' }).click();
    await sendCard();
    await page.getByRole('button', { name: '👀 Acknowledge' }).click();
    await sees('ACKNOWLEDGED by Ben');
    await page.getByRole('radio', { name: 'Cara' }).click();
    await page.getByRole('button', { name: 'Start', exact: true }).click();
    await sees('Hello Cara, nothing asked');
    expect(await page.locator('.chat').count()).toBe(1);
  });

  test('replies to a message, and the quote stands above the answer', async () => {
    await sendCard();
    await page.locator('.message').hover();
    await page.getByRole('button', { name: 'Reply to Breakwater' }).click();
    await page.getByLabel('Message', { exact: true }).fill('mine');
    await page.keyboard.press('Enter');
    await page.locator('.message.mine .quote').getByText('UNACKNOWLEDGED').waitFor();
    expect(sandbox.telegram.messages(GROUP).at(-1)).toMatchObject({ text: 'mine', replyToMessageId: 1 });
  });

  test('follows a deep link of the bot without leaving the page', async () => {
    const url = 'https://t.me/breakwater_sandbox_bot?start=tx_1';
    await bot.api.sendMessage(GROUP, 'details', { reply_markup: new InlineKeyboard().url('In private', url) });
    await page.getByText('In private ↗').click();
    await sees('Hello Ann, tx_1 asked');
  });

  test('sees unread messages of the other chat counted, and they are read when it is opened', async () => {
    sandbox.telegram.startPrivate(ANN);
    await page.locator('.unread').getByText('2').waitFor();
    await page.getByRole('button', { name: /Breakwater bot/ }).click();
    await page.locator('.unread').waitFor({ state: 'detached' });
  });

  test('makes a payment that the product refuses, and it is posted', async () => {
    await page.getByLabel('User').fill('zoe');
    await page.getByRole('button', { name: 'Product refuses → ticket' }).click();
    await page.getByText('zoe: HTTP 422 next time').waitFor();
    await expect.poll(() => sink.received.length).toBe(1);
    expect(sink.received[0]?.text).toContain('"user_id":"zoe"');
    await page.locator('#deliveries').getByText('HTTP 200').waitFor();
  });

  test('makes an outage: the product is down, and twenty customers pay', async () => {
    const before = sink.received.length;
    await page.getByRole('button', { name: 'Outage: 20 customers' }).click();
    await expect.poll(() => sink.received.length - before).toBe(20);
    expect(sandbox.product.misbehaviours[0]?.misbehaviour).toMatchObject({ status: 503 });
    await page.locator('#product-modes').getByRole('radio', { name: 'Works' }).click();
    await expect.poll(() => sandbox.product.misbehaviours).toEqual([]);
  });

  test('switches the product and Telegram off and on', async () => {
    await page.locator('#product-modes').getByRole('radio', { name: 'Down' }).click();
    await expect.poll(() => sandbox.product.misbehaviours[0]?.misbehaviour).toMatchObject({ status: 503 });
    await page.locator('#product-modes').getByRole('radio', { name: 'Throttles' }).click();
    await expect
      .poll(() => sandbox.product.misbehaviours.map(({ misbehaviour }) => misbehaviour))
      .toEqual([{ kind: 'status', status: 429, retryAfterSeconds: 10 }]);
    await page.locator('#product-modes').getByRole('radio', { name: 'Works' }).click();
    await expect.poll(() => sandbox.product.misbehaviours).toEqual([]);
    await page.locator('#telegram-modes').getByRole('radio', { name: 'Down' }).click();
    await expect.poll(() => sandbox.telegram.isDown).toBe(true);
    await page.locator('#telegram-modes').getByRole('radio', { name: 'Up' }).click();
    await expect.poll(() => sandbox.telegram.isDown).toBe(false);
  });

  test('sees markup of a message as text, never as a part of the page', async () => {
    const text = '<img src=x onerror="document.title=1"><script>document.title=2</script>';
    await bot.api.sendMessage(GROUP, text);
    await sees('<script>');
    expect(await page.locator('.messages script, .messages img[src=x]').count()).toBe(0);
    expect(await page.title()).toBe('Breakwater sandbox');
  });

  test('finds everything on a narrow phone', async () => {
    await page.context().close();
    page = await openPage({ viewport: { width: 360, height: 740 } });
    await sendCard();
    await sees('UNACKNOWLEDGED');
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
    await page.getByRole('button', { name: '🌍 World' }).click();
    await page.getByRole('button', { name: 'Payment works' }).click();
    await expect.poll(() => sink.received.length).toBe(1);
    await page.getByRole('button', { name: 'Close' }).click();
    await page.getByRole('button', { name: '👀 Acknowledge' }).click();
    await sees('ACKNOWLEDGED by Ann');
  });

  test('sees the page find its way back after the sandbox was away', async () => {
    const { port } = sandbox;
    await bot.stop();
    await sandbox.close();
    await page.getByText('reconnecting…').waitFor();
    sandbox = await startSandbox({ port, webhookUrl: sink.url });
    bot = await startSmallBot();
    await page.locator('.live.on').waitFor();
    await sendCard();
    await sees('UNACKNOWLEDGED');
    complaints = complaints.filter((text) => !text.includes('ERR_'));
  });
});
