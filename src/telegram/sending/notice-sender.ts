import { findRedriveReport } from '../../delivery/redrive.ts';
import { findStaged } from '../../delivery/staged-redrive.ts';
import { fallBackPages, listPageLines, markPagesDelivered } from '../../duty/page-store.ts';
import {
  deferNotice,
  forgetNoticeMessage,
  listPendingPrivateNotices,
  markNoticeFailed,
  markNoticeSent,
  type PendingNotice,
  pausePrivateNotices,
  tellUnreached,
} from '../../notice/notice-store.ts';
import { findOverride } from '../../override/override-store.ts';
import { endCustomerChats } from '../../people/customer-chat-store.ts';
import { markPrivateChat } from '../../people/person-store.ts';
import { listDigestLines, markDigestShown } from '../cards/card-digest-store.ts';
import type { DrawingDeps } from '../cards/card-drawing.ts';
import { findCardMessage } from '../cards/card-store.ts';
import type { Picture } from '../cards/card-text.ts';
import { renderDigest } from '../cards/storm-text.ts';
import { renderApproval } from '../words/override-text.ts';
import { renderPage, renderPageFallback } from '../words/page-text.ts';
import { type BudgetRequest, decidePrivateBudget } from './budget.ts';
import { findLastSpending } from './budget-store.ts';
import { renderRedrive, renderStaged, renderText } from './notice-text.ts';
import type { CallDeps, CallResult } from './sender-call.ts';
import { type ChatLane, pauseChat } from './sender-chat-store.ts';
import { applyToLane, enterLane, type LaneDeps, noteSuccess } from './sender-lane.ts';
import { editPicture, plainer, sendPicture } from './sender-message.ts';

export type NoticeDeps = DrawingDeps;
export type PrivateNoticeDeps = CallDeps & { holder: string };

export type Said = 'sent' | 'edited' | 'failed';

/** Says, or corrects, a notice in the engineering chat: under the card of its ticket, if it has one. */
export async function sayNotice(
  deps: NoticeDeps,
  lane: ChatLane,
  notice: PendingNotice,
  request: BudgetRequest,
): Promise<Said> {
  const saying = await renderNotice(deps, notice);
  if (!saying) return giveUp(deps, notice, 'there is nothing to tell');
  const replyTo = notice.ticketId === null ? null : await findCardMessage(deps.db, notice.ticketId, lane.chatId);
  const called = await deliver(deps, notice, saying, {
    chatId: lane.chatId,
    request,
    replyTo,
    threadId: topicOf(deps, notice),
  });
  if (called.outcome === 'done') {
    await noteSuccess(deps, lane);
    if (notice.kind === 'digest') await noteDigestShown(deps, notice.id, saying.shownTicketIds);
    return markSaid(deps, notice, called.result.messageId);
  }
  const isOfChat = await applyToLane(deps, lane, called);
  return isOfChat || called.outcome === 'lost' ? 'failed' : deferRefused(deps, notice, called);
}

function topicOf({ topics, threadId }: NoticeDeps, { body }: PendingNotice): number | undefined {
  return (typeof body.topic === 'string' ? topics?.[body.topic] : undefined) ?? threadId;
}

export type PrivateCounts = { said: number; failed: number; nextAt: Date | null };

/** All private chats together are one lane: when Telegram does not answer one person, it answers nobody. */
export const PRIVATE_LANE_ID = 0;

/** Tells people in private what waits for them, each at most once a second; answers when to come again. */
export async function runPrivateNoticesOnce(deps: PrivateNoticeDeps, stopping?: AbortSignal): Promise<PrivateCounts> {
  const counts: PrivateCounts = { said: 0, failed: 0, nextAt: null };
  const laneDeps: PrivateLaneDeps = { ...deps, configuredChatId: PRIVATE_LANE_ID };
  while (!stopping?.aborted) {
    const entry = await enterLane(laneDeps);
    if (entry.lane === null) return { ...counts, nextAt: entry.until };
    const next = await choosePrivate(deps);
    if (next.notice === null) return { ...counts, nextAt: next.at };
    const said = await sayPrivately(laneDeps, entry.lane, next.notice);
    counts[said === 'failed' ? 'failed' : 'said'] += 1;
  }
  return counts;
}

type PrivateLaneDeps = LaneDeps & PrivateNoticeDeps;
type AddressedNotice = PendingNotice & { personId: number };
type PrivateChoice = { notice: AddressedNotice } | { notice: null; at: Date | null };

async function choosePrivate(deps: PrivateNoticeDeps): Promise<PrivateChoice> {
  const now = deps.clock.now();
  let at: Date | null = null;
  for (const notice of await listPendingPrivateNotices(deps.db)) {
    const from = await earliestFor(deps, notice, now);
    if (from <= now) return { notice: notice as AddressedNotice };
    if (at === null || from < at) at = from;
  }
  return { notice: null, at };
}

async function earliestFor(deps: PrivateNoticeDeps, notice: PendingNotice, now: Date): Promise<Date> {
  if (notice.notBefore !== null && notice.notBefore > now) return notice.notBefore;
  const verdict = decidePrivateBudget(await findLastSpending(deps.db, notice.personId ?? 0), now);
  return verdict.when === 'now' ? now : verdict.at;
}

async function sayPrivately(deps: PrivateLaneDeps, lane: ChatLane, notice: AddressedNotice): Promise<Said> {
  const saying = await renderNotice(deps, notice);
  if (!saying) return giveUp(deps, notice, 'there is nothing to tell');
  const request: BudgetRequest = { method: notice.messageId === null ? 'send' : 'edit', class: 'person' };
  const called = await deliver(deps, notice, saying, { chatId: notice.personId, request, replyTo: null });
  if (called.outcome === 'done') {
    await noteSuccess(deps, lane);
    if (saying.lastPageId) await markPagesDelivered(deps.db, notice.key, saying.lastPageId);
    return markSaid(deps, notice, called.result.messageId);
  }
  if (called.outcome === 'refused') return handlePrivateRefusal(deps, lane, notice, called);
  await applyToLane(deps, lane, called);
  return 'failed';
}

const RECHECK_CONFIG_MS = 10_000;

async function handlePrivateRefusal(
  deps: PrivateLaneDeps,
  lane: ChatLane,
  notice: AddressedNotice,
  refused: Extract<CallResult<never>, { outcome: 'refused' }>,
): Promise<Said> {
  const { act } = refused;
  switch (act.act) {
    case 'wait':
      await pausePrivateNotices(deps.db, notice.personId, inMs(deps, act.seconds * 1000));
      return 'failed';
    case 'user_unreachable':
    case 'break_destination':
      await markPrivateChat(deps.db, notice.personId, false);
      await endCustomerChats(deps.db, notice.personId);
      return giveUp(deps, notice, act.reason);
    case 'disable_feature':
      return giveUp(deps, notice, `the bot lacks the right to ${act.right}`);
    case 'fatal_config':
    case 'conflict':
      await pauseChat(deps.db, lane.configuredId, inMs(deps, RECHECK_CONFIG_MS));
      return 'failed';
    default:
      return deferRefused(deps, notice, refused);
  }
}

type Saying = { picture: Picture; silent: boolean; shownTicketIds: number[]; lastPageId?: number };

/** Read and drawn when it is sent, so that what it says is true then; null when there is nothing to say. */
async function renderNotice(deps: CallDeps, notice: PendingNotice): Promise<Saying | null> {
  switch (notice.kind) {
    case 'redrive': {
      const report = await findRedriveReport(deps.db, Number(notice.body.redriveId));
      return report && { picture: renderRedrive(notice.body, report), silent: false, shownTicketIds: [] };
    }
    case 'digest': {
      const lines = await listDigestLines(deps.db, notice.id);
      const shownTicketIds = lines.map((line) => line.ticketId);
      return { picture: renderDigest(lines), silent: false, shownTicketIds };
    }
    case 'page': {
      const lines = await listPageLines(deps.db, notice.key, 'private');
      const lastPageId = Math.max(...lines.map((line) => line.pageId));
      return lines.length === 0 ? null : { picture: renderPage(lines), silent: false, shownTicketIds: [], lastPageId };
    }
    case 'page_fallback': {
      const lines = await listPageLines(deps.db, notice.key, 'group');
      return lines.length === 0 ? null : { picture: renderPageFallback(lines), silent: false, shownTicketIds: [] };
    }
    case 'staged': {
      const staged = await findStaged(deps.db, Number(notice.body.stagedId));
      return staged && { picture: renderStaged(staged), silent: false, shownTicketIds: [] };
    }
    case 'approval': {
      const override = await findOverride(deps.db, Number(notice.body.overrideId));
      const picture = override && renderApproval(override, 'group', deps.clock.now());
      return picture && { picture, silent: false, shownTicketIds: [] };
    }
    case 'ticket':
    case 'alarm':
    case 'text': {
      const picture = renderText(notice.body);
      const silent = notice.kind === 'ticket' || notice.body.silent === true;
      return picture.text === '' ? null : { picture, silent, shownTicketIds: [] };
    }
  }
}

type Destination = { chatId: number; request: BudgetRequest; replyTo: number | null; threadId?: number | undefined };

function deliver(
  deps: CallDeps,
  notice: PendingNotice,
  { picture, silent }: Saying,
  destination: Destination,
): Promise<CallResult<{ messageId: number }>> {
  const envelope = { ...destination, picture: plainer(picture, notice.failures), silent };
  return notice.messageId === null
    ? sendPicture(deps, envelope)
    : editPicture(deps, { ...envelope, messageId: notice.messageId });
}

async function markSaid(deps: CallDeps, notice: PendingNotice, messageId: number): Promise<Said> {
  const at = deps.clock.now();
  await markNoticeSent(deps.db, { id: notice.id, revision: notice.wantedRevision, messageId, at });
  return notice.messageId === null ? 'sent' : 'edited';
}

/** For its tickets, standing on the digest is the first time that anybody sees them. */
async function noteDigestShown(deps: NoticeDeps, digestId: number, ticketIds: number[]): Promise<void> {
  const at = deps.clock.now();
  for (const openedAt of await markDigestShown(deps.db, digestId, ticketIds, at)) {
    deps.metrics.cardDelaySeconds.observe(Math.max(0, at.getTime() - openedAt.getTime()) / 1000);
  }
}

const FAILURES_MAX = 5;

/** A refusal that the notice itself provoked: plainer next time, later each time, and not for ever. */
async function deferRefused(
  deps: CallDeps,
  notice: PendingNotice,
  refused: Extract<CallResult<never>, { outcome: 'refused' }>,
): Promise<Said> {
  if (refused.act.act === 'post_anew') {
    await forgetNoticeMessage(deps.db, notice.id);
    return 'failed';
  }
  if (notice.failures + 1 >= FAILURES_MAX) return giveUp(deps, notice, refused.description);
  await deferNotice(deps.db, notice.id, inMs(deps, 1_000 * 2 ** notice.failures), refused.description);
  return 'failed';
}

/**
 * Whoever cannot be reached in private is called in the group, by name. That comes first: a process that ends in between tries the message once
 * more, and no call is lost.
 */
async function giveUp(deps: CallDeps, notice: PendingNotice, reason: string): Promise<Said> {
  if (notice.kind === 'page') await fallBackPages(deps.db, notice.key, deps.clock.now());
  await deps.db.transaction().execute(async (trx) => {
    await markNoticeFailed(trx, notice.id, reason);
    await tellUnreached(trx, notice);
  });
  deps.log.warn({ noticeKey: notice.key, reason }, 'a notice cannot be delivered');
  return 'failed';
}

function inMs(deps: CallDeps, ms: number): Date {
  return new Date(deps.clock.now().getTime() + ms);
}
