import { setTimeout as wait } from 'node:timers/promises';
import { ANN, ENGINEERING_CHAT_ID } from '../sandbox/main.ts';
import type { ChatMessage } from '../sandbox/telegram/chat-message.ts';
import type { Bench, Measured } from './bench.ts';
import { assertLedger } from './ledger-check.ts';
import { query } from './place.ts';
import { distributionOf } from './statistics.ts';
import { openWorld, type World } from './world.ts';

const CAUSES = 40;
const FAILURES = 10_000;
const SECONDS = 300;
const AFTERWARDS_MS = 120_000;
/** Each of these statuses is a cause of its own, and none is tried again. */
const FIRST_STATUS = 430;
const PRESS_EVERY_MS = 15_000;
/** From as many people on a ticket is P1. */
const MANY_PEOPLE = 20;

/**
 * Five minutes in which the product refuses ten thousand payments in forty ways, against a Telegram that counts as the real one does. An
 * engineer takes a card every quarter of a minute. Two minutes later every ticket must stand in the chat.
 */
export async function measureStorms(bench: Bench): Promise<Measured> {
  const seconds = bench.quick ? 40 : SECONDS;
  const failures = Math.round((FAILURES / SECONDS) * seconds);
  const world = await openWorld(bench);
  world.sandbox.telegram.startPrivate(ANN);
  const grave = watchCauses(world);
  const load = loadEvenly(bench, world.service.port, { failures, seconds });
  const presses = await pressThroughout(world, seconds);
  await load;
  await waitForFailures(world.databaseUrl, failures);
  await wait(bench.quick ? 1_000 : AFTERWARDS_MS);
  const missing = await listMissing(world);
  const refused = world.sandbox.telegram.refusals.filter(({ code }) => code === 429).length;
  const firstGraveMs = firstGraveCardAfter(world, grave.firstAtMs());
  await assertLedger(world.databaseUrl, { dead: failures });
  await world.close();
  const answered = distributionOf(presses.map(({ answeredMs }) => answeredMs));
  const redrawn = distributionOf(presses.map(({ redrawnMs }) => redrawnMs));
  return {
    findings: [
      {
        what: `${failures.toLocaleString('en-US')} failures of ${CAUSES} causes in ${seconds} s: 429 from Telegram`,
        measured: refused,
        unit: 'count',
        required: { atMost: 0 },
      },
      {
        what: '… a cause has 20 people → its card says P1, the first',
        measured: firstGraveMs,
        unit: 'ms',
        required: { atMost: 2_000 },
      },
      {
        what: `… ${presses.length} presses meanwhile, answered after, slowest`,
        measured: answered.max,
        unit: 'ms',
        required: { atMost: 300 },
      },
      {
        what: '… and their cards redrawn after, slowest',
        measured: redrawn.max,
        unit: 'ms',
        required: { atMost: 2_000 },
      },
      {
        what: '… tickets in the chat neither on a card nor on a storm card 2 min later',
        measured: missing,
        unit: 'count',
        required: { atMost: 0 },
      },
    ],
    raw: { presses, firstGraveMs, refused, missing },
  };
}

/** A minute at a time: a connection that this slow a load leaves unused for longer is closed by the server. */
async function loadEvenly(
  { load }: Bench,
  port: number,
  { failures, seconds }: { failures: number; seconds: number },
): Promise<void> {
  const perSecond = failures / seconds;
  const perMinute = Math.ceil(perSecond * 60);
  for (let sent = 0; sent < failures; sent += perMinute) {
    const count = Math.min(perMinute, failures - sent);
    await load.prepare(count);
    await load.pace({ port, perSecond, count });
  }
}

/** The product refuses one user after the other, each in the next of forty ways; remembers when the first of these had twenty people. */
function watchCauses({ sandbox }: World): { firstAtMs: () => number } {
  let firstAtMs = Number.POSITIVE_INFINITY;
  const counts = new Map<number, number>();
  let next = 1;
  refuseNextWith(0);
  sandbox.product.onCall((call) => {
    refuseNextWith(next % CAUSES);
    next += 1;
    const count = (counts.get(call.status!) ?? 0) + 1;
    counts.set(call.status!, count);
    if (count === MANY_PEOPLE) firstAtMs = Math.min(firstAtMs, call.atMs);
  });
  function refuseNextWith(cause: number): void {
    sandbox.product.misbehave({ kind: 'status', status: FIRST_STATUS + cause, times: 1 });
  }
  return { firstAtMs: () => firstAtMs };
}

function firstGraveCardAfter({ sandbox }: World, graveAtMs: number): number {
  const shown = ['sendMessage', 'editMessageText']
    .flatMap((method) => sandbox.telegram.requestsOf(method))
    .filter(({ params }) => params.chat_id === ENGINEERING_CHAT_ID && String(params.text).startsWith('P1 ·'))
    .map(({ atMs, durationMs }) => atMs + durationMs);
  return Math.min(...shown) - graveAtMs;
}

type Press = { answeredMs: number; redrawnMs: number };

async function pressThroughout({ sandbox: { telegram } }: World, seconds: number): Promise<Press[]> {
  const endAt = performance.now() + seconds * 1000;
  const presses: Press[] = [];
  await telegram.waitForMessage(ENGINEERING_CHAT_ID, isFree, 30_000);
  while (performance.now() + PRESS_EVERY_MS < endAt) {
    const card = telegram.messages(ENGINEERING_CHAT_ID).find(isFree);
    if (card) presses.push(await acknowledge(telegram, card));
    await wait(PRESS_EVERY_MS);
  }
  await wait(Math.max(0, endAt - performance.now()));
  return presses;
}

function isFree({ text }: ChatMessage): boolean {
  return / · UNACKNOWLEDGED · /.test(text);
}

async function acknowledge(telegram: World['sandbox']['telegram'], card: ChatMessage): Promise<Press> {
  const pressedAt = performance.now();
  await telegram.press(ANN, ENGINEERING_CHAT_ID, card.messageId, 'Acknowledge').answer;
  const answeredMs = performance.now() - pressedAt;
  const isRedrawn = (message: ChatMessage) =>
    message.messageId === card.messageId && / · ACKNOWLEDGED · /.test(message.text);
  await telegram.waitForMessage(ENGINEERING_CHAT_ID, isRedrawn, 60_000);
  return { answeredMs, redrawnMs: performance.now() - pressedAt };
}

async function listMissing({ databaseUrl, sandbox }: World): Promise<number> {
  const said = sandbox.telegram
    .messages(ENGINEERING_CHAT_ID)
    .map(({ text }) => text)
    .join('\n');
  const tickets = await query<{ id: number }>(databaseUrl, 'select id::int as id from ticket');
  return tickets.filter(({ id }) => !new RegExp(`T-${id}\\b`).test(said)).length;
}

async function waitForFailures(databaseUrl: string, failures: number): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    const [row] = await query<{ dead: number }>(databaseUrl, 'select sum(dead)::int as dead from counter');
    if (row!.dead === failures) return;
    await wait(200);
  }
  throw new Error(`not every one of ${failures} failures came to its end`);
}
