import type { Update } from '@grammyjs/types';
import type { UpdateQueue } from './update-queue.ts';
import type { World } from './world.ts';

const RETRY_AFTER_SECONDS_MAX = 3600;
const RETRY_MS_MAX = 60_000;
const ANSWER_TIMEOUT_MS = 30_000;

type Lane = { isBusy: boolean; failures: number };

export type WebhookDelivery = {
  /** Delivers what is due; called at every push and whenever a webhook is set. */
  pump(): void;
  stop(): void;
};

/**
 * Posts updates to the bot's webhook: strictly one after another within a lane (a chat's messages, a person's
 * presses), lanes side by side, and a lane waits behind an update that is not answered with 2xx.
 */
export function createWebhookDelivery(options: {
  world: World;
  queue: UpdateQueue;
  now: () => number;
  retryBaseMs: () => number;
  isDown: () => boolean;
  /** A 200 may carry a method call as its body. */
  runAnswer: (body: Record<string, unknown>) => void;
}): WebhookDelivery {
  const { world, queue, now } = options;
  const lanes = new Map<string, Lane>();
  const timers = new Set<NodeJS.Timeout>();
  let stopped = false;

  const freeLater = (lane: Lane, delayMs: number) => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      free(lane);
    }, delayMs);
    timers.add(timer);
  };

  const free = (lane: Lane) => {
    lane.isBusy = false;
    pump();
  };

  const deliver = async (update: Update, lane: Lane) => {
    lane.isBusy = true;
    const failed = await post(update);
    if (stopped) return;
    if (failed === undefined) {
      lane.failures = 0;
      queue.confirm(update.update_id);
      return free(lane);
    }
    const delayMs = Math.max(failed.retryAfterMs, backoffMs(lane.failures, options.retryBaseMs()));
    lane.failures += 1;
    if (world.webhook) world.webhook.lastError = { atMs: now(), message: failed.message };
    freeLater(lane, delayMs);
  };

  const post = async (update: Update): Promise<{ message: string; retryAfterMs: number } | undefined> => {
    const { url, secretToken } = world.webhook!;
    const secret = secretToken ? { 'x-telegram-bot-api-secret-token': secretToken } : {};
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...secret },
        body: JSON.stringify(update),
        redirect: 'manual',
        signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
      });
      const body = await response.text();
      if (response.ok) return void runAnswered(body);
      const retryAfterSeconds = Number(response.headers.get('retry-after') ?? 0) || 0;
      return {
        message: `Wrong response from the webhook: ${response.status} ${response.statusText}`,
        retryAfterMs: Math.min(RETRY_AFTER_SECONDS_MAX, retryAfterSeconds) * 1000,
      };
    } catch (error) {
      return { message: error instanceof Error ? error.message : String(error), retryAfterMs: 0 };
    }
  };

  const runAnswered = (body: string) => {
    const call = parseCall(body);
    if (call) options.runAnswer(call);
  };

  const pump = () => {
    if (stopped || !world.webhook || options.isDown()) return;
    const blocked = new Set<string>();
    for (const { update } of queue.listPending()) {
      const key = laneOf(update);
      const lane = lanes.get(key) ?? { isBusy: false, failures: 0 };
      lanes.set(key, lane);
      if (blocked.has(key)) continue;
      blocked.add(key);
      if (!lane.isBusy) void deliver(update, lane);
    }
  };

  return {
    pump,
    stop: () => {
      stopped = true;
      for (const timer of timers) clearTimeout(timer);
    },
  };
}

/** The first retry comes at once, then 2, 4, 8 … times the base. */
const backoffMs = (failures: number, baseMs: number) =>
  failures === 0 ? 0 : Math.min(RETRY_MS_MAX, baseMs * 2 ** failures);

function laneOf(update: Update): string {
  if (update.callback_query) return `press:${update.callback_query.from.id}`;
  if (update.my_chat_member) return `my-member:${update.my_chat_member.chat.id}`;
  return `chat:${update.message?.chat.id ?? update.edited_message?.chat.id ?? 0}`;
}

function parseCall(body: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(body);
    const isCall = typeof parsed === 'object' && parsed !== null && 'method' in parsed;
    return isCall ? (parsed as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
