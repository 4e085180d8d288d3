import type { Api } from 'grammy';
import type { UserFromGetMe } from 'grammy/types';
import type { Db } from '../platform/database.ts';
import { acquireLease } from '../platform/lease.ts';
import type { Logger } from '../platform/log.ts';
import { syncMenus } from './admission/menus.ts';
import { createLoop, type Loop } from './bot-loop.ts';
import { ALLOWED_UPDATES } from './incoming/poller.ts';
import { delayAfterTrouble, type Trouble, troubleOf } from './incoming/poller-pace.ts';
import { describeError } from './incoming/update-verdict.ts';
import { callSignal } from './sending/bot-reply.ts';
import { findCurrentChatId } from './sending/sender-chat-store.ts';

const LEASE_NAME = 'telegram-setup';
const LEASE_MS = 90_000;
/** Whether the webhook still is ours is looked at this often; two calls of setWebhook in a second are refused. */
const CHECK_MS = 60_000;
const MAX_CONNECTIONS = 40;

export type SetupState = { name: 'starting' | 'ready' | Trouble; detail: string | null };

export type SetupDeps = {
  db: Db;
  api: Api;
  log: Logger;
  holder: string;
  engineeringChatId: number | null;
  /** Where Telegram posts to; null when we poll. */
  webhook: { url: string; secret: string } | null;
  onMe: (me: UserFromGetMe) => void;
};

/**
 * What is done once Telegram answers: learn who we are, on every replica; set the menus and the webhook, on one. Telegram being
 * away at the start stops nothing else, and is asked again at most ten seconds later.
 */
export function createSetup(deps: SetupDeps): Loop & { state: () => SetupState } {
  let state: SetupState = { name: 'starting', detail: null };
  let failures = 0;
  let startedAtMs = 0;
  const progress: Progress = { knowsMe: false, hasMenus: false, hasWebhook: false };
  const loop = createLoop({
    run: async () => {
      startedAtMs = performance.now();
      const delayMs = await setUp(deps, progress);
      failures = 0;
      state = { name: 'ready', detail: null };
      return delayMs;
    },
    onError: (error) => {
      failures += 1;
      const name = troubleOf(error);
      if (state.name !== name)
        deps.log.warn({ state: name, detail: describeError(error) }, 'Telegram could not be set up');
      state = { name, detail: describeError(error) };
      return delayAfterTrouble(error, { failures, elapsedMs: performance.now() - startedAtMs, random: Math.random() });
    },
  });
  return { ...loop, state: () => state };
}

type Progress = { knowsMe: boolean; hasMenus: boolean; hasWebhook: boolean };

async function setUp(deps: SetupDeps, progress: Progress): Promise<number | null> {
  if (!progress.knowsMe) deps.onMe(await deps.api.getMe(callSignal()));
  progress.knowsMe = true;
  if (!(await acquireLease(deps.db, { name: LEASE_NAME, holder: deps.holder, ttlMs: LEASE_MS }))) return CHECK_MS;
  if (!progress.hasMenus) await syncMenus(deps, await currentChatId(deps));
  progress.hasMenus = true;
  if (deps.webhook === null) return null;
  await keepWebhook(deps.api, deps.webhook, progress);
  return CHECK_MS;
}

async function currentChatId({ db, engineeringChatId }: SetupDeps): Promise<number | null> {
  return engineeringChatId === null ? null : findCurrentChatId(db, engineeringChatId);
}

/** The secret cannot be read back, so it is set once in every life of the service, and again when the address is not ours. */
async function keepWebhook(api: Api, webhook: { url: string; secret: string }, progress: Progress): Promise<void> {
  const isOurs = progress.hasWebhook && (await api.getWebhookInfo(callSignal())).url === webhook.url;
  if (isOurs) return;
  await api.setWebhook(
    webhook.url,
    { secret_token: webhook.secret, allowed_updates: ALLOWED_UPDATES, max_connections: MAX_CONNECTIONS },
    callSignal(),
  );
  progress.hasWebhook = true;
}
