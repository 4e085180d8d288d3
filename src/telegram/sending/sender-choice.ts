import type { PendingNotice } from '../../notice/notice-store.ts';
import type { Severity } from '../../platform/schema.ts';
import type { StaleCard } from '../cards/card-store.ts';
import { type BudgetRequest, type BudgetVerdict, decideBudget, type SendClass, type Spending } from './budget.ts';

/** All that the next message to a chat depends on. */
export type Situation = { cards: StaleCard[]; notices: PendingNotice[]; spent: Spending[] };

export type Move =
  | { move: 'draw'; card: StaleCard; request: BudgetRequest }
  | { move: 'say'; notice: PendingNotice; request: BudgetRequest }
  /** Resolved before anybody could have seen it: there is nothing to act on, so no card is sent. */
  | { move: 'skip'; card: StaleCard }
  /** The card of an outage tells of these tickets instead of cards of their own. */
  | { move: 'silence'; parentId: number; ticketIds: number[] }
  /** Tickets that cannot have their own card now go on the digest. */
  | { move: 'list'; ticketIds: number[] }
  /** Nothing to do before `until`; null: until something changes. */
  | { move: 'rest'; until: Date | null };

/** Six edits a minute at most, and one in ten seconds, also when two of them travel at different speeds. */
const CARD_EDIT_GAP_MS = 11_000;
const REPORT_EDIT_GAP_MS = 2_000;

/** More tickets than this waiting for a card at once are a storm: it gets a digest and leaves the spare budget to others. */
const CALM_MAX = 4;

/** A card that can be sent this soon need not stand on the digest first. */
const SOON_MS = 1_000;

/** The most urgent thing that may be done now: what a person caused, then what nobody has seen, then counters. */
export function chooseMove(whole: Situation, now: Date): Move {
  const skipped = whole.cards.find(neverNeeded);
  if (skipped) return { move: 'skip', card: skipped };
  const silenced = findSilenced(whole.cards);
  if (silenced) return silenced;
  const situation = { ...whole, cards: whole.cards.filter((card) => !isSilent(card)) };
  const judge = createJudge(situation.spent);
  const wishes = listWishes(situation).map((wish) => ({ ...wish, at: earliest(wish, judge, now) }));
  const next = wishes.find((wish) => wish.at <= now);
  const unlisted = listUnlisted(situation.cards, judge, now);
  if (next && (next.isUrgent || unlisted.length === 0)) return next.move;
  if (unlisted.length > 0) return { move: 'list', ticketIds: unlisted };
  return { move: 'rest', until: earliestOf(wishes.map((wish) => wish.at)) };
}

/** Cards that the card of an outage does not count yet, by outage. */
function findSilenced(cards: StaleCard[]): Extract<Move, { move: 'silence' }> | null {
  const uncounted = cards.filter((card) => isSilent(card) && card.countedBy !== card.silencedBy);
  const parentId = uncounted[0]?.silencedBy ?? null;
  if (parentId === null) return null;
  const ticketIds = uncounted.filter((card) => card.silencedBy === parentId).map((card) => card.ticketId);
  return { move: 'silence', parentId, ticketIds };
}

/** A card that stands in the chat, or may, goes on as it was. */
function isSilent(card: StaleCard): boolean {
  return card.silencedBy !== null && card.messageId === null && card.sendsInDoubt === 0;
}

type Wish = { move: Extract<Move, { request: BudgetRequest }>; notBefore: Date | null; isUrgent: boolean };

function listWishes({ cards, notices }: Situation): Wish[] {
  const shown = cards.filter((card) => card.messageId !== null);
  const unshown = cards.filter((card) => card.messageId === null).sort(byGravity);
  return [
    ...shown
      .filter(isActedOn)
      .sort(byId)
      .map((card) => drawWish(card, { method: 'edit', class: 'person' }, true)),
    ...notices.filter((notice) => classOf(notice) === 'person').map((notice) => sayWish(notice, 'person')),
    ...notices.filter((notice) => classOf(notice) === 'first').map((notice) => sayWish(notice, 'first')),
    ...shown
      .filter((card) => !isActedOn(card) && isRisen(card))
      .sort(byId)
      .map((card) => drawWish(card, { method: 'edit', class: 'grave' }, true)),
    ...unshown.flatMap((card) => firstWishes(card, unshown.length <= CALM_MAX)),
    ...notices.filter((notice) => classOf(notice) === 'digest').map((notice) => sayWish(notice, 'digest')),
    ...shown
      .filter((card) => !isActedOn(card) && !isRisen(card))
      .sort(byAge)
      .map((card) => drawWish(card, { method: 'edit', class: 'counter' }, false)),
    ...notices.filter((notice) => classOf(notice) === 'spare').map((notice) => sayWish(notice, 'spare')),
  ];
}

/** A person's act is drawn at once, whatever was drawn a moment ago. */
function isActedOn(card: StaleCard): boolean {
  return card.urgentRevision > card.shownRevision;
}

/** The chat does not know yet that it has become grave. */
function isRisen(card: StaleCard): boolean {
  return card.severity === 'P1' && card.shownSeverity !== null && card.shownSeverity !== 'P1';
}

function drawWish(card: StaleCard, request: BudgetRequest, isUrgent: boolean): Wish {
  const rested = isUrgent ? null : after(card.lastDrawnAt, CARD_EDIT_GAP_MS);
  return { move: { move: 'draw', card, request }, notBefore: latest(card.notBefore, rested), isUrgent };
}

function firstWishes(card: StaleCard, isCalm: boolean): Wish[] {
  const classes: SendClass[] = card.severity === 'P1' ? ['first'] : isCalm ? ['new', 'spare'] : ['new'];
  return classes.map((sendClass) => ({
    move: { move: 'draw', card, request: { method: 'send', class: sendClass } },
    notBefore: card.notBefore,
    isUrgent: true,
  }));
}

function sayWish(notice: PendingNotice, sendClass: SendClass): Wish {
  const isEdit = notice.messageId !== null;
  const request: BudgetRequest = isEdit
    ? { method: 'edit', class: sendClass === 'person' ? 'person' : 'counter' }
    : { method: 'send', class: sendClass };
  const gapMs = sendClass === 'person' ? REPORT_EDIT_GAP_MS : CARD_EDIT_GAP_MS;
  const rested = isEdit ? after(notice.sentAt, gapMs) : null;
  return {
    move: { move: 'say', notice, request },
    notBefore: latest(notice.notBefore, rested),
    isUrgent: sendClass === 'person' || sendClass === 'first',
  };
}

function classOf(notice: PendingNotice): 'person' | 'first' | 'digest' | 'spare' {
  if (notice.kind === 'digest') return 'digest';
  if (notice.kind === 'alarm' || notice.kind === 'page_fallback') return 'first';
  return notice.kind === 'ticket' ? 'spare' : 'person';
}

type Judge = (request: BudgetRequest, at: Date) => BudgetVerdict;

/** In a storm hundreds of cards ask the same question; it is answered once. */
function createJudge(spent: Spending[]): Judge {
  const known = new Map<string, BudgetVerdict>();
  return (request, at) => {
    const question = `${request.method} ${request.class} ${at.getTime()}`;
    const verdict = known.get(question) ?? decideBudget(spent, request, at);
    known.set(question, verdict);
    return verdict;
  };
}

function earliest(wish: Wish, judge: Judge, now: Date): Date {
  const from = wish.notBefore !== null && wish.notBefore > now ? wish.notBefore : now;
  const verdict = judge(wish.move.request, from);
  return verdict.when === 'now' ? from : verdict.at;
}

/** Never drawn, and no send of it whose outcome nobody knows. */
function neverNeeded(card: StaleCard): boolean {
  const isDone = card.state === 'resolved' || card.state === 'merged';
  return isDone && card.messageId === null && card.sendsInDoubt === 0;
}

/** Tickets in no digest yet for which the budget of new cards has no room soon. */
function listUnlisted(cards: StaleCard[], judge: Judge, now: Date): number[] {
  const unshown = cards.filter((card) => card.messageId === null && !neverNeeded(card)).sort(byGravity);
  const soon = new Date(now.getTime() + SOON_MS);
  const isCalm = unshown.length <= CALM_MAX;
  return unshown
    .filter((card) => card.inDigest === null && (card.notBefore === null || card.notBefore <= now))
    .filter((card) => firstWishes(card, isCalm).every((wish) => earliest(wish, judge, now) > soon))
    .map((card) => card.ticketId);
}

const RANK: Record<Severity, number> = { P1: 1, P2: 2, P3: 3, P4: 4 };

function byGravity(a: StaleCard, b: StaleCard): number {
  return RANK[a.severity] - RANK[b.severity] || a.openedAt.getTime() - b.openedAt.getTime() || byId(a, b);
}

function byAge(a: StaleCard, b: StaleCard): number {
  return (a.lastDrawnAt?.getTime() ?? 0) - (b.lastDrawnAt?.getTime() ?? 0) || byId(a, b);
}

function byId(a: StaleCard, b: StaleCard): number {
  return a.ticketId - b.ticketId;
}

function after(at: Date | null, gapMs: number): Date | null {
  return at === null ? null : new Date(at.getTime() + gapMs);
}

function latest(a: Date | null, b: Date | null): Date | null {
  if (a === null || b === null) return a ?? b;
  return a > b ? a : b;
}

function earliestOf(times: Date[]): Date | null {
  return times.reduce<Date | null>((first, at) => (first === null || at < first ? at : first), null);
}
