import { expect, test } from 'vitest';
import type { PendingNotice } from '../../../src/notice/notice-store.ts';
import type { StaleCard } from '../../../src/telegram/cards/card-store.ts';
import type { BudgetRequest, Spending } from '../../../src/telegram/sending/budget.ts';
import { chooseMove, type Situation } from '../../../src/telegram/sending/sender-choice.ts';

const NOW = new Date('2026-11-22T12:00:00Z');
const after = (ms: number) => new Date(NOW.getTime() + ms);

function unshown(ticketId: number, changes: Partial<StaleCard> = {}): StaleCard {
  return {
    ticketId,
    severity: 'P2',
    state: 'open',
    openedAt: NOW,
    wantedRevision: 1,
    urgentRevision: 0,
    shownRevision: 0,
    messageId: null,
    textHash: null,
    shownSeverity: null,
    firstShownAt: null,
    lastDrawnAt: null,
    inDigest: null,
    silencedBy: null,
    countedBy: null,
    sendsInDoubt: 0,
    failures: 0,
    notBefore: null,
    ...changes,
  };
}

function shown(ticketId: number, changes: Partial<StaleCard> = {}): StaleCard {
  const drawn = { messageId: ticketId, shownRevision: 1, wantedRevision: 2, lastDrawnAt: after(-60_000) };
  return unshown(ticketId, { ...drawn, ...changes });
}

function notice(kind: PendingNotice['kind'], changes: Partial<PendingNotice> = {}): PendingNotice {
  return {
    id: 1,
    key: 'a notice',
    kind,
    personId: null,
    ticketId: null,
    body: {},
    wantedRevision: 1,
    messageId: null,
    failures: 0,
    notBefore: null,
    sentAt: null,
    ...changes,
  };
}

function spend(count: number, request: BudgetRequest): Spending[] {
  return Array.from({ length: count }, () => ({ ...request, at: after(-10_000) }));
}

function choose(situation: Partial<Situation>) {
  return chooseMove({ cards: [], notices: [], spent: [], ...situation }, NOW);
}

test('with nothing to do it rests until something changes', () => {
  expect(choose({})).toEqual({ move: 'rest', until: null });
});

test('what people did goes first, then reports to people, first cards, the digest, counters, and remarks', () => {
  const acted = shown(1, { urgentRevision: 2 });
  const fresh = unshown(2);
  const counted = shown(3);
  const notices = [notice('ticket', { id: 9 }), notice('digest', { id: 8 }), notice('redrive', { id: 7 })];
  const order: unknown[] = [];
  const rest = { cards: [counted, fresh, acted], notices };
  for (let move = choose(rest); move.move !== 'rest'; move = choose(rest)) {
    if (move.move === 'draw') {
      const { ticketId } = move.card;
      order.push(ticketId);
      rest.cards = rest.cards.filter((card) => card.ticketId !== ticketId);
    } else if (move.move === 'say') {
      const { id, kind } = move.notice;
      order.push(kind);
      rest.notices = rest.notices.filter((waiting) => waiting.id !== id);
    }
  }
  expect(order).toEqual([1, 'redrive', 2, 'digest', 3, 'ticket']);
});

test('a grave card has the grave cards’ share, another the new cards’', () => {
  expect(choose({ cards: [unshown(1, { severity: 'P1' })] })).toMatchObject({
    request: { method: 'send', class: 'first' },
  });
  expect(choose({ cards: [unshown(1)] })).toMatchObject({ request: { method: 'send', class: 'new' } });
});

test('a single new card may use the spare budget, one of a storm goes on the digest', () => {
  const spent = spend(4, { method: 'send', class: 'new' });
  expect(choose({ cards: [unshown(1)], spent })).toMatchObject({ move: 'draw', request: { class: 'spare' } });
  const storm = [1, 2, 3, 4, 5].map((id) => unshown(id));
  expect(choose({ cards: storm, spent })).toEqual({ move: 'list', ticketIds: [1, 2, 3, 4, 5] });
});

test('a ticket on the digest is not put there again, and waits for its own card', () => {
  const spent = [...spend(4, { method: 'send', class: 'new' }), ...spend(6, { method: 'send', class: 'spare' })];
  expect(choose({ cards: [unshown(1, { inDigest: 5 })], spent })).toEqual({ move: 'rest', until: after(51_000) });
});

test('a card that may be sent within a second does not go on the digest', () => {
  const spent = [...spend(4, { method: 'send', class: 'new' }), ...spend(6, { method: 'send', class: 'spare' })].map(
    (spending) => ({ ...spending, at: after(-60_500) }),
  );
  expect(choose({ cards: [unshown(1)], spent })).toEqual({ move: 'rest', until: after(500) });
});

test('a counter waits eleven seconds after the last drawing, an act does not', () => {
  const drawn = { lastDrawnAt: after(-1_000) };
  expect(choose({ cards: [shown(1, drawn)] })).toEqual({ move: 'rest', until: after(10_000) });
  expect(choose({ cards: [shown(1, { ...drawn, urgentRevision: 2 })] })).toMatchObject({ move: 'draw' });
});

test('an act that is drawn already does not hurry the counters after it', () => {
  const card = shown(1, { lastDrawnAt: after(-1_000), urgentRevision: 1 });
  expect(choose({ cards: [card] })).toMatchObject({ move: 'rest' });
});

test('counters cannot use up the edits of people', () => {
  const spent = spend(10, { method: 'edit', class: 'counter' });
  expect(choose({ cards: [shown(1)], spent })).toMatchObject({ move: 'rest' });
  expect(choose({ cards: [shown(1, { urgentRevision: 2 })], spent })).toMatchObject({ move: 'draw' });
});

test('a card that Telegram refused waits its time, and others go on', () => {
  const refused = unshown(1, { severity: 'P1', notBefore: after(4_000) });
  expect(choose({ cards: [refused] })).toEqual({ move: 'rest', until: after(4_000) });
  expect(choose({ cards: [refused, unshown(2)] })).toMatchObject({ card: { ticketId: 2 } });
});

test('a resolved ticket is skipped while nobody can have seen it, and drawn when somebody may have', () => {
  expect(choose({ cards: [unshown(1, { state: 'resolved' })] })).toMatchObject({ move: 'skip' });
  expect(choose({ cards: [unshown(1, { state: 'resolved', sendsInDoubt: 1 })] })).toMatchObject({ move: 'draw' });
  expect(choose({ cards: [shown(1, { state: 'resolved' })] })).toMatchObject({ move: 'draw' });
});

test('a report that changes is edited at most every two seconds', () => {
  const said = notice('redrive', { messageId: 5, sentAt: after(-500) });
  expect(choose({ notices: [said] })).toEqual({ move: 'rest', until: after(1_500) });
  expect(choose({ notices: [{ ...said, sentAt: after(-2_000) }] })).toMatchObject({
    move: 'say',
    request: { method: 'edit', class: 'person' },
  });
});

test('a card that has become grave is drawn before other counters, at once, though counters have used their edits', () => {
  const spent = spend(10, { method: 'edit', class: 'counter' });
  const risen = shown(2, { severity: 'P1', shownSeverity: 'P2', lastDrawnAt: after(-1_000) });
  expect(choose({ cards: [shown(1), risen], spent })).toMatchObject({ move: 'draw', card: { ticketId: 2 } });
  expect(choose({ cards: [shown(1), { ...risen, shownSeverity: 'P1' }], spent })).toMatchObject({ move: 'rest' });
  expect(choose({ cards: [{ ...risen, severity: 'P3', shownSeverity: 'P4' }], spent })).toMatchObject({ move: 'rest' });
});

test('an alarm overtakes new cards, and has the share of the grave ones', () => {
  const alarm = notice('alarm', { id: 3 });
  expect(choose({ cards: [unshown(1, { severity: 'P1' })], notices: [alarm] })).toMatchObject({
    move: 'say',
    notice: { id: 3 },
    request: { method: 'send', class: 'first' },
  });
});

test('a ticket that an outage silences is counted there once, and then neither sent nor listed', () => {
  const silenced = unshown(1, { silencedBy: 9 });
  expect(choose({ cards: [silenced, unshown(2, { silencedBy: 9 })] })).toEqual({
    move: 'silence',
    parentId: 9,
    ticketIds: [1, 2],
  });
  expect(choose({ cards: [{ ...silenced, countedBy: 9 }] })).toEqual({ move: 'rest', until: null });
  expect(choose({ cards: [{ ...silenced, countedBy: 8 }] })).toMatchObject({ move: 'silence', parentId: 9 });
  expect(choose({ cards: [{ ...silenced, sendsInDoubt: 1 }] })).toMatchObject({ move: 'draw' });
});
