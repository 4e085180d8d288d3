import type { Update } from '@grammyjs/types';
import type { Db } from '../../platform/database.ts';
import type { Logger } from '../../platform/log.ts';
import { createLoop, type Loop } from '../bot-loop.ts';
import { type ClaimedUpdate, claimUpdates, markUpdateDead, markUpdateDone, markUpdateWaiting } from './inbox-store.ts';

import { verdictOf } from './update-verdict.ts';

/** Lanes worked on side by side by one replica. */
const SLOTS = 8;
const POLL_MS = 1_000;
const DEADLINE_MS = 10_000;
/** The lease outlasts the deadline by what writing the outcome may take. */
const LEASE_MARGIN_MS = 10_000;

export type DeadUpdate = { updateId: number; kind: string; lane: string; error: string };

export type InboxDeps = {
  db: Db;
  handle: (update: Update) => Promise<void>;
  /** Opens the ticket. It comes before the update is marked dead: a crash in between tells a person twice, never not at all. */
  onDead: (dead: DeadUpdate) => Promise<void>;
  log: Logger;
  /** How long a handler may take; 10 s if not given. */
  deadlineMs?: number;
};

export type InboxCounts = { claimed: number; done: number; waiting: number; dead: number };

type Outcome = 'done' | 'waiting' | 'dead';

/** Claims what is due, handles it side by side and answers what became of it. `now` moves only the leases and delays. */
export async function runInboxOnce(
  deps: InboxDeps,
  options: { limit?: number; now?: Date } = {},
): Promise<InboxCounts> {
  const claimed = await claim(deps, options.limit ?? SLOTS, options.now);
  const outcomes = await Promise.all(claimed.map((update) => handleClaimed(deps, update, options.now)));
  const count = (wanted: Outcome) => outcomes.filter((outcome) => outcome === wanted).length;
  return { claimed: claimed.length, done: count('done'), waiting: count('waiting'), dead: count('dead') };
}

/** Handles updates until it is stopped; `kick` it when one was stored. Stopping waits for the handlers under way. */
export function createInbox(deps: InboxDeps): Loop {
  const active = new Set<Promise<unknown>>();
  const loop = createLoop({
    run: async () => {
      const free = SLOTS - active.size;
      if (free === 0) return POLL_MS;
      for (const claimed of await claim(deps, free)) take(claimed);
      return POLL_MS;
    },
    onError: (error) => {
      deps.log.error({ err: error }, 'the inbox could not be read');
      return POLL_MS;
    },
  });

  const take = (claimed: ClaimedUpdate) => {
    const work = handleClaimed(deps, claimed)
      .catch((error) => deps.log.error({ err: error, updateId: claimed.updateId }, 'an outcome could not be written'))
      .finally(() => {
        active.delete(work);
        loop.kick();
      });
    active.add(work);
  };

  const stop = async () => {
    await loop.stop();
    await Promise.all(active);
  };
  return { ...loop, stop };
}

function claim(deps: InboxDeps, limit: number, now?: Date): Promise<ClaimedUpdate[]> {
  const leaseMs = (deps.deadlineMs ?? DEADLINE_MS) + LEASE_MARGIN_MS;
  return claimUpdates(deps.db, { limit, leaseMs, ...(now ? { now } : {}) });
}

async function handleClaimed(deps: InboxDeps, claimed: ClaimedUpdate, now?: Date): Promise<Outcome> {
  try {
    await withDeadline(deps.handle(claimed.update), deps.deadlineMs ?? DEADLINE_MS);
  } catch (error) {
    return markFailure(deps, claimed, error, now);
  }
  await markUpdateDone(deps.db, claimed, now);
  return 'done';
}

async function markFailure(deps: InboxDeps, claimed: ClaimedUpdate, error: unknown, now?: Date): Promise<Outcome> {
  const verdict = verdictOf(error, claimed);
  const { updateId, kind, lane } = claimed;
  deps.log.warn({ updateId, kind, failures: verdict.failures, error: verdict.error }, 'an update was not handled');
  if (verdict.outcome === 'waiting') {
    await markUpdateWaiting(deps.db, claimed, verdict, now);
  } else {
    await deps.onDead({ updateId, kind, lane, error: verdict.error });
    await markUpdateDead(deps.db, claimed, verdict, now);
  }
  return verdict.outcome;
}

/** A handler that hangs goes on hanging, but nobody waits for it; what it does late is caught by its command id. */
async function withDeadline(work: Promise<void>, deadlineMs: number): Promise<void> {
  const { promise: tooLate, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`the handler took longer than ${deadlineMs} ms`)), deadlineMs);
  try {
    await Promise.race([work, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
