import { acquireLease } from '../../platform/lease.ts';
import { type CallDeps, type CallResult, callTelegram } from './sender-call.ts';
import {
  breakChat,
  type ChatLane,
  markChatFailing,
  markChatHealthy,
  migrateChat,
  openLane,
  pauseChat,
} from './sender-chat-store.ts';

export type LaneDeps = CallDeps & {
  /** The engineering chat's id in the configuration; where it has moved since is a row. */
  configuredChatId: number;
  /** This process, as it is named in leases. */
  holder: string;
};

/** Longer than a call may take, so that no call outlives the lease it was made under. */
export const SENDER_LEASE_MS = 10_000;

const RECHECK_BROKEN_MS = 60_000;
const RECHECK_CONFIG_MS = 10_000;
const RETRY_MS_MIN = 250;
/** Together with the longest call (8 s), tries are at most ten seconds apart. */
const RETRY_MS_MAX = 2_000;
/** Telegram counts whole seconds. */
const FLOOD_MARGIN_MS = 250;

export type Entry = { lane: ChatLane } | { lane: null; until: Date | null };

/** The chat, if this process may write to it now; otherwise when to ask again (null: another replica writes to it). */
export async function enterLane(deps: LaneDeps): Promise<Entry> {
  const lease = await acquireLease(deps.db, {
    name: senderLease(deps.configuredChatId),
    holder: deps.holder,
    ttlMs: SENDER_LEASE_MS,
  });
  if (!lease) return { lane: null, until: null };
  const lane = await openLane(deps.db, deps.configuredChatId);
  if (lane.pausedUntil !== null && lane.pausedUntil > deps.clock.now()) return { lane: null, until: lane.pausedUntil };
  if (lane.broken !== null) return recheckBroken(deps, lane);
  return lane.failures > 0 ? probe(deps, lane) : { lane };
}

export function senderLease(configuredChatId: number): string {
  return `sender:${configuredChatId}`;
}

/**
 * What a failed call says about the chat as a whole is written on the chat's row. False when it says something about the
 * message alone, which is then the caller's.
 */
export async function applyToLane(
  deps: LaneDeps,
  lane: ChatLane,
  failed: Exclude<CallResult<unknown>, { outcome: 'done' }>,
): Promise<boolean> {
  if (failed.outcome === 'lost') return markLost(deps, lane, failed.description);
  const { act } = failed;
  switch (act.act) {
    case 'wait':
      await pauseChat(deps.db, lane.configuredId, inMs(deps, act.seconds * 1000 + FLOOD_MARGIN_MS));
      deps.log.warn({ chatId: lane.chatId, retryAfterSeconds: act.seconds }, 'flood control: the chat pauses');
      return true;
    case 'migrate':
      await migrateChat(deps.db, lane.chatId, act.chatId);
      deps.log.warn({ from: lane.chatId, to: act.chatId }, 'the engineering group has become a supergroup');
      return true;
    case 'break_destination':
    case 'user_unreachable':
      return markBroken(deps, lane, act.reason, RECHECK_BROKEN_MS);
    case 'disable_feature':
      return markBroken(deps, lane, `the bot lacks the right to ${act.right}`, RECHECK_BROKEN_MS);
    case 'fatal_config':
      return markBroken(deps, lane, `Telegram refuses the configuration: ${act.reason}`, RECHECK_CONFIG_MS);
    case 'conflict':
      return markBroken(deps, lane, failed.description, RECHECK_CONFIG_MS);
    default:
      return false;
  }
}

/** After a call that worked. */
export async function noteSuccess(deps: LaneDeps, lane: ChatLane): Promise<void> {
  if (lane.failures > 0 || lane.broken !== null) await markChatHealthy(deps.db, lane.configuredId);
}

/**
 * After a try without an answer the next question is one that puts nothing into the chat: otherwise an outage that swallows
 * answers would leave a card for every try.
 */
async function probe(deps: LaneDeps, lane: ChatLane): Promise<Entry> {
  const asked = await callTelegram(deps, 'getMe', (api, signal) => api.getMe(signal));
  if (asked.outcome === 'done') return { lane };
  await applyToLane(deps, lane, asked);
  return askAgain(deps);
}

/** Telegram not knowing the method is no reason to stay silent: the next message will tell. */
async function recheckBroken(deps: LaneDeps, lane: ChatLane): Promise<Entry> {
  const asked = await callTelegram(deps, 'getChat', (api, signal) => api.getChat(lane.chatId, signal));
  const isMethodMissing = asked.outcome === 'refused' && asked.description.startsWith('404');
  if (asked.outcome !== 'done' && !isMethodMissing) {
    const isKnown = await applyToLane(deps, lane, asked);
    if (!isKnown) await markBroken(deps, lane, lane.broken ?? 'unknown', RECHECK_BROKEN_MS);
    return askAgain(deps);
  }
  await markChatHealthy(deps.db, lane.configuredId);
  deps.log.info({ chatId: lane.chatId }, 'the engineering chat can be written to again');
  return { lane: { ...lane, broken: null, failures: 0, pausedUntil: null } };
}

async function askAgain(deps: LaneDeps): Promise<Entry> {
  const lane = await openLane(deps.db, deps.configuredChatId);
  return { lane: null, until: lane.pausedUntil ?? deps.clock.now() };
}

async function markLost(deps: LaneDeps, lane: ChatLane, description: string): Promise<true> {
  const pauseMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(lane.failures, 10));
  await markChatFailing(deps.db, lane.configuredId, inMs(deps, pauseMs));
  if (lane.failures === 0) deps.log.warn({ chatId: lane.chatId, description }, 'Telegram does not answer');
  return true;
}

async function markBroken(deps: LaneDeps, lane: ChatLane, reason: string, recheckMs: number): Promise<true> {
  await breakChat(deps.db, lane.configuredId, reason, inMs(deps, recheckMs));
  if (lane.broken !== reason)
    deps.log.error({ chatId: lane.chatId, reason }, 'the engineering chat cannot be written to');
  return true;
}

function inMs(deps: LaneDeps, ms: number): Date {
  return new Date(deps.clock.now().getTime() + ms);
}
