import { createLiveFeed, type LiveFeed } from '../live-feed.ts';
import { type BotApi, run } from './bot-api-route.ts';
import { createTelegramControl, type TelegramControl } from './control.ts';
import { createFaultPlan } from './fault-plan.ts';
import { createFloodControl, type FloodBudgets } from './flood-control.ts';
import { findMethodName } from './methods.ts';
import { toParameters } from './parameters.ts';
import { Refusal } from './refusal.ts';
import { createRequestLog } from './request-log.ts';
import type { Telegram } from './telegram.ts';
import { createUpdateQueue } from './update-queue.ts';
import { createWebhookDelivery } from './webhook-delivery.ts';
import type { World } from './world.ts';

/** No answer is known to be too late before 10 s and none to be in time after 20 s. */
const CALLBACK_ANSWER_MS = 15_000;
const WEBHOOK_RETRY_BASE_MS = 100;

export type TelegramServer = { api: BotApi; control: TelegramControl; stop(): void };

export function createTelegramServer(options: {
  world: World;
  token: string;
  now: () => number;
  feed?: LiveFeed;
  budgets?: Partial<FloodBudgets>;
  changed?: () => void;
}): TelegramServer {
  const { world, now } = options;
  const changed = options.changed ?? (() => {});
  const settings = { callbackAnswerMs: CALLBACK_ANSWER_MS, webhookRetryBaseMs: WEBHOOK_RETRY_BASE_MS };
  const link = { isDown: false, slowMs: 0 };
  const queue = createUpdateQueue(world, now, changed);
  const telegram: Telegram = {
    world,
    settings,
    now,
    queue,
    flood: createFloodControl(options.budgets ?? {}),
    faults: createFaultPlan(),
    feed: options.feed ?? createLiveFeed(),
    openPresses: new Map(),
    lastSetWebhookAtMs: Number.NEGATIVE_INFINITY,
    startedAtMs: now(),
    pumpWebhook: () => delivery.pump(),
    changed,
  };
  const delivery = createWebhookDelivery({
    world,
    queue,
    now,
    retryBaseMs: () => settings.webhookRetryBaseMs,
    isDown: () => link.isDown,
    runAnswer: (body) => runAnswer(telegram, body),
  });
  queue.onPush(() => delivery.pump());
  const api: BotApi = { telegram, token: options.token, log: createRequestLog(now), link };
  return {
    api,
    control: createTelegramControl(api),
    stop: () => {
      delivery.stop();
      for (const finish of [...telegram.openPresses.values()]) finish({ kind: 'expired' });
    },
  };
}

/** A call in the webhook's answer runs without a result or an error for the bot. */
function runAnswer(telegram: Telegram, { method, ...fields }: Record<string, unknown>): void {
  const name = findMethodName(String(method));
  if (!name) return;
  run(telegram, name, toParameters(fields), AbortSignal.timeout(1000)).catch((error: unknown) => {
    if (!(error instanceof Refusal)) throw error;
  });
}
