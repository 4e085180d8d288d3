import { setTimeout as delay } from 'node:timers/promises';
import type { Update } from '@grammyjs/types';
import { refusals } from './refusal.ts';
import type { PendingUpdate, UpdateKind, World } from './world.ts';

/** A poller that has just hung up is not told of a conflict: its going is noticed within this. */
const GONE_WITHIN_MS = 20;
const DAY_MS = 86_400_000;
const CALLBACK_QUERY_MS = 150_000;
const TIMEOUT_SECONDS_MAX = 50;
const NOT_BY_DEFAULT: UpdateKind[] = ['chat_member', 'message_reaction', 'message_reaction_count'];

type UpdateContent = Omit<Update, 'update_id'>;
type Poll = {
  offset: number;
  limit: number;
  timeoutSeconds: number;
  allowed: UpdateKind[] | undefined;
  /** The poller's connection went away: what comes next must not be handed to nobody. */
  gone: AbortSignal;
};

/** Keeps updates until the bot confirms them or they expire, and hands them to one poller at a time. */
export type UpdateQueue = {
  push(content: UpdateContent): void;
  /** Waits for updates; refuses (409) when another poller or a webhook takes over. */
  poll(request: Poll): Promise<Update[]>;
  listPending(): PendingUpdate[];
  confirm(updateId: number): void;
  dropAll(): void;
  endPoll(reason: Error): void;
  /** A poller waits right now. */
  readonly isPolled: boolean;
  onPush(listener: () => void): void;
};

type Waiting = { wake(): void; end(reason: Error): void };

export function createUpdateQueue(world: World, now: () => number, changed: () => void): UpdateQueue {
  const { queue } = world;
  const listeners: (() => void)[] = [];
  let waiting: Waiting | undefined;

  const listPending = () => {
    queue.pending = queue.pending.filter((pending) => pending.expiresAtMs > now());
    return queue.pending;
  };

  const keepOnly = (keep: (pending: PendingUpdate) => boolean) => {
    queue.pending = queue.pending.filter(keep);
    changed();
  };

  const confirmBelow = (offset: number) => {
    if (offset > 0) keepOnly(({ update }) => update.update_id >= offset);
    if (offset < 0) queue.pending = queue.pending.slice(offset);
  };

  const take = (limit: number) =>
    listPending()
      .slice(0, limit)
      .map(({ update }) => update);

  const endOlder = async (older: Waiting) => {
    await delay(GONE_WITHIN_MS);
    if (waiting === older) older.end(refusals.otherPoller());
  };

  return {
    listPending,
    push: (content) => {
      const kind = Object.keys(content)[0] as UpdateKind;
      if (!isWanted(kind, queue.allowed)) return;
      const keptMs = kind === 'callback_query' ? CALLBACK_QUERY_MS : DAY_MS;
      queue.pending.push({
        update: { update_id: queue.nextUpdateId++, ...content },
        expiresAtMs: now() + keptMs,
      });
      changed();
      waiting?.wake();
      for (const listener of listeners) listener();
    },
    poll: async (request) => {
      if (world.webhook) throw refusals.webhookIsActive();
      while (waiting) await endOlder(waiting);
      if (request.allowed) queue.allowed = request.allowed.length > 0 ? request.allowed : null;
      confirmBelow(request.offset);
      const limit = Math.min(100, Math.max(1, request.limit));
      const timeoutMs = Math.min(TIMEOUT_SECONDS_MAX, Math.max(0, request.timeoutSeconds)) * 1000;
      if (listPending().length > 0 || timeoutMs === 0) return take(limit);
      await new Promise<void>((resolve, reject) => {
        const own = waitForPush(timeoutMs, request.gone, resolve, reject, () => {
          if (waiting === own) waiting = undefined;
        });
        waiting = own;
      });
      return request.gone.aborted ? [] : take(limit);
    },
    confirm: (updateId) => keepOnly(({ update }) => update.update_id !== updateId),
    dropAll: () => keepOnly(() => false),
    endPoll: (reason) => waiting?.end(reason),
    get isPolled() {
      return waiting !== undefined;
    },
    onPush: (listener) => void listeners.push(listener),
  };
}

const isWanted = (kind: UpdateKind, allowed: UpdateKind[] | null) =>
  allowed ? allowed.includes(kind) : !NOT_BY_DEFAULT.includes(kind);

function waitForPush(
  timeoutMs: number,
  gone: AbortSignal,
  resolve: () => void,
  reject: (reason: Error) => void,
  forget: () => void,
): Waiting {
  const finish = (settle: () => void) => () => {
    clearTimeout(timer);
    gone.removeEventListener('abort', wake);
    forget();
    settle();
  };
  const wake = finish(resolve);
  const timer = setTimeout(wake, timeoutMs);
  gone.addEventListener('abort', wake, { once: true });
  return { wake, end: (reason) => finish(() => reject(reason))() };
}
