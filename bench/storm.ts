import { setTimeout as wait } from 'node:timers/promises';
import { ANN, ENGINEERING_CHAT_ID } from '../sandbox/main.ts';
import type { ChatMessage } from '../sandbox/telegram/chat-message.ts';
import type { Bench, Measured } from './bench.ts';
import { startCpuCount } from './cpu.ts';
import { assertLedger } from './ledger-check.ts';
import { query } from './place.ts';
import { distributionOf } from './statistics.ts';
import { openWorld, type World } from './world.ts';

const FAILURES_PER_SECOND = 200;
const PRESS_EVERY_MS = 3_000;
/** Nothing tries these again: every webhook is a failure at once. */
const STATUS = 422;
const CARD_TEXT = `HTTP ${STATUS}`;

/**
 * A minute in which the product refuses everybody: one card, few edits, and a chat that answers. An engineer acknowledges it, and then
 * looks into it every three seconds.
 */
export async function measureStorm(bench: Bench): Promise<Measured> {
  const seconds = bench.quick ? 6 : 60;
  const world = await openWorld(bench);
  const { sandbox } = world;
  sandbox.telegram.startPrivate(ANN);
  sandbox.product.misbehave({ kind: 'status', status: STATUS });
  await bench.load.prepare(FAILURES_PER_SECOND * seconds);
  const load = bench.load.pace({
    port: world.service.port,
    perSecond: FAILURES_PER_SECOND,
    count: FAILURES_PER_SECOND * seconds,
  });
  const cpu = startCpuCount(bench, world.service);
  const presses = await pressThroughout(world, seconds);
  await load;
  const calls = countCardCalls(world);
  const cpuMicros = cpu.perItem(FAILURES_PER_SECOND * seconds);
  await waitForFailures(world.databaseUrl, FAILURES_PER_SECOND * seconds);
  await assertLedger(world.databaseUrl, { dead: FAILURES_PER_SECOND * seconds });
  await world.close();

  const { p50, max } = distributionOf(presses.answeredAfterMs);
  const edits = calls.edits - presses.changes;
  return {
    findings: [
      {
        what: `${FAILURES_PER_SECOND} failures/s of one cause for a minute: cards sent`,
        measured: calls.sends,
        unit: 'count',
        required: { atMost: 1 },
      },
      { what: '… edits of it, the person’s act apart', measured: edits, unit: 'count', required: { atMost: 6 } },
      { what: `… ${presses.answeredAfterMs.length} presses meanwhile, answered after, p50`, measured: p50, unit: 'ms' },
      { what: '… slowest', measured: max, unit: 'ms', required: { atMost: 300 } },
    ],
    raw: { ...calls, ...presses, cpuMicros },
  };
}

/** `changes` is how many of the presses changed what the card shows. */
type Presses = { answeredAfterMs: number[]; changes: number };

async function pressThroughout({ sandbox }: World, seconds: number): Promise<Presses> {
  const endAt = performance.now() + seconds * 1000;
  const card = await sandbox.telegram.waitForMessage(ENGINEERING_CHAT_ID, isTheCard, 10_000);
  const answeredAfterMs = [await pressAndWait(sandbox.telegram, card, 'Acknowledge')];
  while (performance.now() + PRESS_EVERY_MS < endAt) {
    await wait(PRESS_EVERY_MS);
    answeredAfterMs.push(await pressAndWait(sandbox.telegram, card, 'Inspect'));
  }
  await wait(Math.max(0, endAt - performance.now()));
  return { answeredAfterMs, changes: 1 };
}

function isTheCard(message: ChatMessage): boolean {
  return message.text.includes(CARD_TEXT);
}

async function pressAndWait(
  telegram: World['sandbox']['telegram'],
  card: ChatMessage,
  button: string,
): Promise<number> {
  const pressedAt = performance.now();
  await telegram.press(ANN, ENGINEERING_CHAT_ID, card.messageId, button).answer;
  return performance.now() - pressedAt;
}

function countCardCalls({ sandbox }: World): { sends: number; edits: number; refusals: number } {
  const count = (method: string) =>
    sandbox.telegram
      .requestsOf(method)
      .filter(({ params }) => params.chat_id === ENGINEERING_CHAT_ID && String(params.text).includes(CARD_TEXT)).length;
  return { sends: count('sendMessage'), edits: count('editMessageText'), refusals: sandbox.telegram.refusals.length };
}

async function waitForFailures(databaseUrl: string, failures: number): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const [row] = await query<{ dead: number }>(databaseUrl, 'select sum(dead)::int as dead from counter');
    if (row!.dead === failures) return;
    await wait(200);
  }
  throw new Error(`not every one of ${failures} failures came to its end`);
}
