import { listPendingNotices } from '../../notice/notice-store.ts';
import { releaseLease } from '../../platform/lease.ts';
import type { Wake, WakeTopic } from '../../platform/wake.ts';
import { createLoop, type Loop } from '../bot-loop.ts';
import { listOnDigest } from '../cards/card-digest-store.ts';
import { drawCard } from '../cards/card-drawing.ts';
import { markParentStale, markSilenced } from '../cards/card-silence-store.ts';
import { listStaleCards, markUnchanged } from '../cards/card-store.ts';
import { DIGEST_TICKETS_MAX } from '../cards/storm-text.ts';
import { type StuckPagesDeps, tellStuckPages } from '../cards/stuck-pages.ts';
import { checkChatRights } from './api-client.ts';
import { listSpending } from './budget-store.ts';
import { type NoticeDeps, PRIVATE_LANE_ID, runPrivateNoticesOnce, sayNotice } from './notice-sender.ts';
import { callSignal } from './sender-call.ts';
import { type ChatLane, findCurrentChatId } from './sender-chat-store.ts';
import { chooseMove, type Move } from './sender-choice.ts';
import { enterLane, senderLease } from './sender-lane.ts';

export type SenderDeps = NoticeDeps;

export type SenderCounts = {
  shown: number;
  edited: number;
  unchanged: number;
  said: number;
  listed: number;
  silenced: number;
  failed: number;
  /** When there will be something to do; null: when something changes. */
  nextAt: Date | null;
};

const NOTHING: SenderCounts = {
  shown: 0,
  edited: 0,
  unchanged: 0,
  said: 0,
  listed: 0,
  silenced: 0,
  failed: 0,
  nextAt: null,
};

/**
 * Brings the engineering chat up to date with the tickets, as far as its budget allows. Each step looks at the rows anew, so what
 * a person did a moment ago goes before what was waiting, and a crash between two steps loses nothing.
 */
export async function runSenderOnce(deps: SenderDeps, stopping?: AbortSignal): Promise<SenderCounts> {
  const counts: SenderCounts = { ...NOTHING };
  while (!stopping?.aborted) {
    const entry = await enterLane(deps);
    if (entry.lane === null) return { ...counts, nextAt: entry.until };
    const next = await chooseNext(deps, entry.lane);
    if (next.move === 'rest') return { ...counts, nextAt: next.until };
    await make(deps, entry.lane, next, counts);
  }
  return counts;
}

async function chooseNext(deps: SenderDeps, lane: ChatLane): Promise<Move> {
  const now = deps.clock.now();
  const [cards, notices, spent] = await Promise.all([
    listStaleCards(deps.db, lane.chatId),
    listPendingNotices(deps.db, [lane.configuredId, lane.chatId]),
    listSpending(deps.db, lane.chatId, now),
  ]);
  return chooseMove({ cards, notices, spent }, now);
}

async function make(
  deps: SenderDeps,
  lane: ChatLane,
  next: Exclude<Move, { move: 'rest' }>,
  counts: SenderCounts,
): Promise<void> {
  switch (next.move) {
    case 'draw':
      counts[await drawCard(deps, lane, next.card, next.request)] += 1;
      return;
    case 'say':
      counts[(await sayNotice(deps, lane, next.notice, next.request)) === 'failed' ? 'failed' : 'said'] += 1;
      return;
    case 'skip':
      await markUnchanged(deps.db, next.card.ticketId, next.card.wantedRevision);
      if (next.card.countedBy !== null) await markParentStale(deps.db, next.card.countedBy);
      counts.unchanged += 1;
      return;
    case 'silence':
      counts.silenced += next.ticketIds.length;
      return markSilenced(deps.db, lane.chatId, next);
    case 'list':
      counts.listed += next.ticketIds.length;
      return listOnDigest(deps.db, lane, next.ticketIds, { ticketsMax: DIGEST_TICKETS_MAX, now: deps.clock.now() });
  }
}

export type Sender = {
  /** Ends after the call under way, and lets another replica take over at once. */
  stop(): Promise<void>;
  /** The rights the bot lacks in the engineering chat, by Telegram's names; empty until Telegram was asked. */
  missingRights(): string[];
};

/** However seldom it is woken, it looks this often. */
const POLL_MS = 400;
/** A storm wakes it hundreds of times a second. Looking this often is enough, and the first wake still counts at once. */
const BREATH_MS = 50;
const AFTER_ERROR_MS = 1_000;

/** Keeps the engineering chat and the private notices up to date until stopped. Without an engineering chat, only the latter. */
export function startSender(
  deps: Omit<SenderDeps, 'configuredChatId'> &
    Pick<StuckPagesDeps, 'listOnCall'> & { configuredChatId: number | null; wake: SenderWake },
): Sender {
  const { configuredChatId } = deps;
  let missingRights: string[] = [];
  const checkRights = async (chatId: number) => {
    missingRights = await findMissingRights(deps, chatId);
    return null;
  };
  const loops = [
    ...(configuredChatId === null
      ? []
      : [loopOf(deps, (stopping) => runSenderOnce({ ...deps, configuredChatId }, stopping))]),
    loopOf(deps, (stopping) => runPrivateNoticesOnce(deps, stopping)),
  ];
  const asking =
    configuredChatId === null
      ? []
      : [onceOf(deps, () => checkRights(configuredChatId)), stuckPagesLoop({ ...deps, configuredChatId })];
  const kick = atMostEvery(BREATH_MS, () => {
    for (const loop of loops) loop.kick();
  });
  const stopListening = (['card', 'notice'] as const).map((topic) => deps.wake.on(topic, kick.soon));
  for (const loop of [...loops, ...asking]) loop.start();
  return {
    missingRights: () => missingRights,
    stop: async () => {
      for (const stop of stopListening) stop();
      kick.stop();
      await Promise.all([...loops, ...asking].map((loop) => loop.stop()));
      for (const chatId of [configuredChatId ?? PRIVATE_LANE_ID, PRIVATE_LANE_ID]) {
        await releaseLease(deps.db, { name: senderLease(chatId), holder: deps.holder });
      }
    },
  };
}

const LOOK_FOR_STUCK_MS = 1_000;

type SenderWake = Pick<Wake, 'on'> & ((topic: WakeTopic) => void);

/** Apart from the sending: when the chat takes nothing, that one waits too. */
function stuckPagesLoop(deps: StuckPagesDeps & { wake: SenderWake }): Loop {
  return createLoop({
    run: async () => {
      if ((await tellStuckPages(deps)) > 0) deps.wake('notice');
      return LOOK_FOR_STUCK_MS;
    },
    onError: (err) => {
      deps.log.error({ err }, 'cards that wait could not be looked for; it is tried again');
      return LOOK_FOR_STUCK_MS;
    },
  });
}

function loopOf(
  deps: Pick<SenderDeps, 'clock' | 'log'>,
  runOnce: (stopping: AbortSignal) => Promise<{ nextAt: Date | null }>,
): Loop {
  return createLoop({
    run: async (stopping) => {
      const { nextAt } = await runOnce(stopping);
      return delayUntil(nextAt, deps.clock.now());
    },
    onError: (err) => {
      deps.log.error({ err }, 'the sender of cards failed; it tries again');
      return AFTER_ERROR_MS;
    },
  });
}

const ASK_RIGHTS_AGAIN_MS = 10_000;

/** Runs until it succeeds once. */
function onceOf(deps: Pick<SenderDeps, 'log'>, run: () => Promise<null>): Loop {
  return createLoop({
    run,
    onError: (err) => {
      deps.log.debug({ err }, 'the rights of the bot could not be asked for');
      return ASK_RIGHTS_AGAIN_MS;
    },
  });
}

async function findMissingRights(deps: Omit<SenderDeps, 'configuredChatId'>, configuredId: number): Promise<string[]> {
  const chatId = await findCurrentChatId(deps.db, configuredId);
  const signal = callSignal();
  const { id } = await deps.api.getMe(signal);
  const missing = await checkChatRights(deps.api, chatId, id, signal);
  if (missing.length > 0) deps.log.warn({ chatId, missing }, 'the bot lacks rights in the engineering chat');
  return missing;
}

function delayUntil(nextAt: Date | null, now: Date): number {
  const untilMs = nextAt === null ? POLL_MS : nextAt.getTime() - now.getTime();
  return Math.max(BREATH_MS, Math.min(POLL_MS, untilMs));
}

/** The first call acts at once; calls in the interval after it share one at its end. */
function atMostEvery(intervalMs: number, act: () => void) {
  let timer: NodeJS.Timeout | undefined;
  let again = false;
  const run = () => {
    again = false;
    act();
    timer = setTimeout(() => {
      timer = undefined;
      if (again) run();
    }, intervalMs);
  };
  return {
    soon: () => {
      if (timer) again = true;
      else run();
    },
    stop: () => clearTimeout(timer),
  };
}
