import { setTimeout as wait } from 'node:timers/promises';
import { ENGINEERING_CHAT_ID } from '../sandbox/main.ts';
import type { Bench, Measured } from './bench.ts';
import { distributionOf } from './statistics.ts';
import { openWorld, type World } from './world.ts';

/** Each of these statuses is a cause of its own, and none is tried again. */
const FIRST_STATUS = 430;
const CAUSES = 50;
/** What the chat's budget lets through at once, the sender's classes of messages among themselves included: 4 of new cards and 6 spare. */
const CAUSES_PER_MINUTE = 10;
const BETWEEN_CAUSES_MS = 1_000;

/**
 * How long after the product's first refusal an engineer sees its card. Neither a clock nor a budget is touched: since a chat takes
 * only ten new cards a minute, every ten causes get a new service, database and chat. So five of the fifty meet a process that has
 * never drawn a card.
 */
export async function measureCards(bench: Bench): Promise<Measured> {
  const causes = bench.quick ? 2 : CAUSES;
  const shownAfterMs: number[] = [];
  for (let first = 0; first < causes; first += CAUSES_PER_MINUTE) {
    const world = await openWorld(bench);
    const last = Math.min(causes, first + CAUSES_PER_MINUTE);
    for (let cause = first; cause < last; cause++)
      shownAfterMs.push(await failAndWait(bench, world, FIRST_STATUS + cause));
    await world.close();
    bench.say(`cards: ${last} of ${causes} causes`);
  }
  const { p50, p99, max } = distributionOf(shownAfterMs);
  return {
    findings: [
      { what: `first failure of each of ${causes} causes → card shown, p50`, measured: p50, unit: 'ms' },
      { what: '… p99', measured: p99, unit: 'ms', required: { atMost: 1_000 } },
      { what: '… slowest', measured: max, unit: 'ms' },
    ],
    raw: { shownAfterMs },
  };
}

/** Both times are the sandbox's: when the product was asked and refused, and when Telegram had taken the card. */
async function failAndWait({ load }: Bench, { sandbox, service }: World, status: number): Promise<number> {
  sandbox.product.misbehave({ kind: 'status', status, times: 1 });
  await load.prepare(1);
  await load.pace({ port: service.port, perSecond: 1, count: 1 });
  await sandbox.telegram.waitForMessage(
    ENGINEERING_CHAT_ID,
    (message) => message.text.includes(`HTTP ${status}`),
    150_000,
  );
  const refused = sandbox.product.calls.find((call) => call.status === status)!;
  const sent = sandbox.telegram
    .requestsOf('sendMessage')
    .find(({ params }) => String(params.text).includes(`HTTP ${status}`))!;
  await wait(BETWEEN_CAUSES_MS);
  return sent.atMs + sent.durationMs - refused.atMs;
}
