import { findTicket } from '../../escalation/ticket-query.ts';
import type { TicketView } from '../../escalation/ticket-view.ts';
import type { Metrics } from '../../platform/metrics.ts';
import type { BudgetRequest } from '../sending/budget.ts';
import type { CallResult } from '../sending/sender-call.ts';
import type { ChatLane } from '../sending/sender-chat-store.ts';
import { applyToLane, type LaneDeps, noteSuccess } from '../sending/sender-lane.ts';
import { editPicture, plainer, sendPicture } from '../sending/sender-message.ts';
import {
  deferCard,
  forgetMessage,
  markNotSent,
  markSending,
  markShown,
  markUnchanged,
  type StaleCard,
} from './card-store.ts';
import { hashPicture, type Picture, renderCard } from './card-text.ts';

export type DrawingDeps = LaneDeps & {
  /** The forum topic of tickets, if the chat has one. */
  threadId?: number | undefined;
  /** Its other topics, by what is said there. */
  topics?: Partial<Record<string, number>>;
  metrics: Pick<Metrics, 'cardsShown' | 'cardDelaySeconds'>;
};

export type Drawn = 'shown' | 'edited' | 'unchanged' | 'failed';

/** Draws the ticket as it is now, not as it was when somebody wished for it. */
export async function drawCard(
  deps: DrawingDeps,
  lane: ChatLane,
  card: StaleCard,
  request: BudgetRequest,
): Promise<Drawn> {
  const ticket = await findTicket(deps.db, card.ticketId);
  if (!ticket) throw new Error(`the ticket ${card.ticketId} of a card does not exist`);
  const picture = renderCard(ticket, deps.clock.now());
  if (card.messageId === null) return sendCard(deps, lane, { card, ticket, picture, request });
  if (card.textHash === hashPicture(picture)) return leaveAsItIs(deps, ticket);
  return editCard(deps, lane, { card, ticket, picture, request, messageId: card.messageId });
}

type Drawing = { card: StaleCard; ticket: TicketView; picture: Picture; request: BudgetRequest };

async function leaveAsItIs(deps: DrawingDeps, ticket: TicketView): Promise<Drawn> {
  await markUnchanged(deps.db, ticket.id, ticket.wantedRevision);
  return 'unchanged';
}

async function sendCard(deps: DrawingDeps, lane: ChatLane, drawing: Drawing): Promise<Drawn> {
  const { card, ticket, picture, request } = drawing;
  await markSending(deps.db, ticket.id, lane.chatId);
  const called = await sendPicture(deps, {
    chatId: lane.chatId,
    request,
    picture: plainer(picture, card.failures),
    threadId: deps.threadId,
  });
  if (called.outcome === 'done') return markDrawn(deps, lane, drawing, called.result.messageId);
  const isInDoubt = called.outcome === 'lost' && !called.unsent;
  if (isInDoubt) await deferDoubtful(deps, card);
  else await markNotSent(deps.db, ticket.id);
  return fail(deps, lane, drawing, called);
}

async function editCard(deps: DrawingDeps, lane: ChatLane, drawing: Drawing & { messageId: number }): Promise<Drawn> {
  const { card, picture, request, messageId } = drawing;
  const called = await editPicture(deps, {
    chatId: lane.chatId,
    request,
    picture: plainer(picture, card.failures),
    messageId,
  });
  if (called.outcome === 'done') return markDrawn(deps, lane, drawing, messageId);
  return fail(deps, lane, drawing, called);
}

async function markDrawn(deps: DrawingDeps, lane: ChatLane, drawing: Drawing, messageId: number): Promise<Drawn> {
  const { card, ticket, picture } = drawing;
  const at = deps.clock.now();
  const how = card.messageId === null ? 'shown' : 'edited';
  await markShown(deps.db, {
    ticketId: ticket.id,
    messageId,
    revision: ticket.wantedRevision,
    textHash: hashPicture(picture),
    severity: ticket.severity,
    at,
  });
  await noteSuccess(deps, lane);
  deps.metrics.cardsShown.inc({ how: how === 'shown' ? 'sent' : 'edited' });
  if (card.firstShownAt === null) deps.metrics.cardDelaySeconds.observe(secondsBetween(card.openedAt, at));
  return how;
}

/** What the refusal says about this card; what it says about the chat was `applyToLane`'s. */
async function fail(
  deps: DrawingDeps,
  lane: ChatLane,
  { card, ticket }: Drawing,
  failed: Exclude<CallResult<unknown>, { outcome: 'done' }>,
): Promise<Drawn> {
  const isOfChat = await applyToLane(deps, lane, failed);
  if (isOfChat || failed.outcome === 'lost') return 'failed';
  const error = failed.description;
  switch (failed.act.act) {
    case 'post_anew':
      await forgetMessage(deps.db, ticket.id, error);
      return 'failed';
    case 'plain_text':
      await deferCard(deps.db, ticket.id, { failures: card.failures + 1, notBefore: deps.clock.now(), error });
      return 'failed';
    case 'split':
      await deferCard(deps.db, ticket.id, {
        failures: Math.max(card.failures + 1, 3),
        notBefore: deps.clock.now(),
        error,
      });
      return 'failed';
    default:
      await deferCard(deps.db, ticket.id, {
        failures: card.failures + 1,
        notBefore: backOff(deps, card.failures),
        error,
      });
      return 'failed';
  }
}

const BACK_OFF_MS_MAX = 60_000;
const DOUBTFUL_SENDS_MAX = 2;

function backOff(deps: DrawingDeps, failures: number): Date {
  return new Date(deps.clock.now().getTime() + Math.min(BACK_OFF_MS_MAX, 1_000 * 2 ** Math.min(failures, 10)));
}

/** Two cards may stand there already. A further one only once a minute: to be late is better than to fill the chat. */
async function deferDoubtful(deps: DrawingDeps, card: StaleCard): Promise<void> {
  if (card.sendsInDoubt + 1 < DOUBTFUL_SENDS_MAX) return;
  const notBefore = new Date(deps.clock.now().getTime() + BACK_OFF_MS_MAX);
  await deferCard(deps.db, card.ticketId, {
    failures: card.failures,
    notBefore,
    error: 'sent twice without an answer',
  });
}

function secondsBetween(from: Date, to: Date): number {
  return Math.max(0, to.getTime() - from.getTime()) / 1000;
}
