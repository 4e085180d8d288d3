import type { Update } from '@grammyjs/types';
import { type Api, GrammyError } from 'grammy';
import type { Db } from '../../platform/database.ts';
import { acquireLease, releaseLease } from '../../platform/lease.ts';
import type { Logger } from '../../platform/log.ts';
import type { SealKeys } from '../../platform/seal.ts';
import { createLoop, type Loop } from '../bot-loop.ts';
import { type CodeTaker, storeUpdates } from './inbox-store.ts';
import { delayAfterTrouble, isWebhookInTheWay, type Trouble, troubleOf } from './poller-pace.ts';
import { describeError } from './update-verdict.ts';

const LEASE_NAME = 'telegram-poller';
/** A killed poller's lease ends within 10 s and another looks every 1.5 s: it is replaced well within 15 s. */
const LEASE_MS = 10_000;
const RENEW_MS = 3_000;
const STANDBY_MS = 1_500;
const POLL_SECONDS = 6;
/** A server that neither answers nor hangs up is given up in time for the next try. */
const POLL_GIVEN_UP_MS = 9_000;
const UPDATES_AT_ONCE = 100;

/** What we want to hear of; the setting stays with Telegram, so it is always given. */
export const ALLOWED_UPDATES = ['message', 'callback_query', 'my_chat_member'] as const;

type PollerState = { name: 'starting' | 'standby' | 'polling' | Trouble; detail: string | null };

export type PollerDeps = {
  db: Db;
  api: Api;
  /** This replica; the lease is its. */
  holder: string;
  /** Called when something new was stored. */
  onStored: () => void;
  log: Logger;
  takeCode?: CodeTaker;
  secretKeys?: SealKeys;
  random?: () => number;
};

export type Poller = Loop & { state: () => PollerState };

/**
 * Asks Telegram for updates, on the one replica that holds the lease, and stores them. An update is confirmed to Telegram
 * by the next call, so only after its insert has committed; a crash in between delivers it again, which the inbox ignores.
 */
export function createPoller(deps: PollerDeps): Poller {
  let state: PollerState = { name: 'starting', detail: null };
  let session: Session = newSession();
  const lease = { name: LEASE_NAME, holder: deps.holder };

  const changeTo = (name: PollerState['name'], detail: string | null) => {
    if (state.name !== name) deps.log.info({ state: name, detail }, 'the Telegram poller changed its state');
    state = { name, detail };
  };

  const run = async (stopping: AbortSignal): Promise<number> => {
    if (!(await acquireLease(deps.db, { ...lease, ttlMs: LEASE_MS }))) {
      session = newSession();
      changeTo('standby', null);
      return STANDBY_MS;
    }
    const waitMs = session.notBeforeMs - performance.now();
    if (waitMs > 0) return Math.min(waitMs, RENEW_MS);
    await tryToPoll(stopping);
    return 0;
  };

  const tryToPoll = async (stopping: AbortSignal) => {
    const startedAtMs = performance.now();
    try {
      await pollOnce(deps, session, stopping);
      session.failures = 0;
      session.isWell = true;
      changeTo('polling', null);
    } catch (error) {
      if (stopping.aborted) return;
      session.failures += 1;
      session.isWell = false;
      if (isWebhookInTheWay(error)) session.webhookIsGone = false;
      const elapsedMs = performance.now() - startedAtMs;
      const random = (deps.random ?? Math.random)();
      session.notBeforeMs = performance.now() + delayAfterTrouble(error, { ...session, elapsedMs, random });
      changeTo(troubleOf(error), describeError(error));
    }
  };

  const loop = createLoop({
    run,
    onError: (error) => {
      deps.log.error({ err: error }, 'the Telegram poller could not use the database');
      return STANDBY_MS;
    },
  });
  const stop = async () => {
    await loop.stop();
    await releaseLease(deps.db, lease).catch((error) => deps.log.warn({ err: error }, 'the poller kept its lease'));
  };
  return { ...loop, stop, state: () => state };
}

/** What one holder of the lease knows; the next one starts anew and lets the inbox drop what was delivered twice. */
type Session = {
  offset: number | undefined;
  webhookIsGone: boolean;
  /** The last call was answered; the first one, and one after a failure, asks without waiting, to know soon. */
  isWell: boolean;
  failures: number;
  notBeforeMs: number;
};

const newSession = (): Session => ({
  offset: undefined,
  webhookIsGone: false,
  isWell: false,
  failures: 0,
  notBeforeMs: 0,
});

async function pollOnce(deps: PollerDeps, session: Session, stopping: AbortSignal): Promise<void> {
  const { signal, end } = holdOn(deps, stopping);
  try {
    if (!session.webhookIsGone) await removeWebhook(deps.api, signal);
    session.webhookIsGone = true;
    const updates = await getUpdates(deps.api, session, signal);
    if (updates.length === 0) return;
    const stored = await storeUpdates(deps.db, updates, deps.takeCode, deps.secretKeys);
    session.offset = Math.max(...updates.map((update) => update.update_id)) + 1;
    if (stored > 0) deps.onStored();
  } finally {
    end();
  }
}

/** A server that is not Telegram's may not know the method; if it is the token that is wrong, the next call says so. */
async function removeWebhook(api: Api, signal: ApiSignal): Promise<void> {
  try {
    await api.deleteWebhook({ drop_pending_updates: false }, signal);
  } catch (error) {
    if (!(error instanceof GrammyError && error.error_code === 404)) throw error;
  }
}

function getUpdates(api: Api, session: Session, signal: ApiSignal): Promise<Update[]> {
  const timeout = session.isWell ? POLL_SECONDS : 0;
  const options = { limit: UPDATES_AT_ONCE, timeout, allowed_updates: ALLOWED_UPDATES };
  return api.getUpdates(session.offset === undefined ? options : { ...options, offset: session.offset }, signal);
}

type ApiSignal = NonNullable<Parameters<Api['getUpdates']>[1]>;

/** Keeps the lease fresh while a call is under way, and ends the call when the lease is lost, we stop, or nobody answers. */
function holdOn(deps: PollerDeps, stopping: AbortSignal): { signal: ApiSignal; end: () => void } {
  const lost = new AbortController();
  const renew = async () => {
    const held = await acquireLease(deps.db, { name: LEASE_NAME, holder: deps.holder, ttlMs: LEASE_MS });
    if (!held) lost.abort();
  };
  const timer = setInterval(() => renew().catch(() => lost.abort()), RENEW_MS);
  const signal = AbortSignal.any([stopping, lost.signal, AbortSignal.timeout(POLL_GIVEN_UP_MS)]);
  return { signal: signal as unknown as ApiSignal, end: () => clearInterval(timer) };
}
