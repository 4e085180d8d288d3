import { describe, expect, test } from 'vitest';
import type { BreakerOpening, TicketBreaker } from '../../../src/escalation/ticket-view.ts';
import type { BreakerState } from '../../../src/platform/schema.ts';
import { parseButton } from '../../../src/telegram/buttons/button-data.ts';
import { causeWords, renderCard } from '../../../src/telegram/cards/card-text.ts';
import { parseBreakerArgs, parseDuration } from '../../../src/telegram/commands/breaker-parse.ts';
import { type ListedBreaker, renderBreakers } from '../../../src/telegram/words/breaker-text.ts';
import { ticketView } from '../ticket-fixture.ts';

const NOW = new Date('2026-11-22T12:10:00Z');
const at = (time: string) => new Date(`2026-11-22T${time}Z`);
const OPENED: BreakerOpening = {
  reason: 'failure_ratio',
  note: null,
  actor: 'r-17',
  evidence: { ok: 3, failed: 7, replicas: 2, failuresInRow: 0 },
};
const TRIPPED: BreakerOpening = { reason: 'trip', note: 'moving house', actor: 'Ann', evidence: null };

function breakerOf(changes: Partial<TicketBreaker> = {}): TicketBreaker {
  return {
    name: 'activation',
    state: 'open',
    epoch: 2,
    since: at('12:04:00'),
    forcedUntil: null,
    nextProbeAt: at('12:11:00'),
    opening: OPENED,
    waiting: 137,
    people: 29,
    ...changes,
  };
}

function cardOf(changes: Partial<TicketBreaker> = {}, ticket: Parameters<typeof ticketView>[0] = {}) {
  const about = { stage: 'breaker', source: 'breaker', errorFamily: 'breaker', failures: 0, deadEvents: 0 } as const;
  const people = { peopleWaiting: 0, moneyAtRisk: [], sampleTransaction: null };
  return renderCard(ticketView({ ...about, ...people, severity: 'P1', breaker: breakerOf(changes), ...ticket }), NOW);
}

const linesOf = (...card: Parameters<typeof cardOf>) => cardOf(...card).text.split('\n');
const labelsOf = (...card: Parameters<typeof cardOf>) =>
  cardOf(...card).keyboard.inline_keyboard.map((row) => row.map(({ text }) => text));

describe('the card of a breaker', () => {
  test('says who waits, since and until when, and why', () => {
    expect(linesOf().slice(0, 5)).toEqual([
      'P1 · UNACKNOWLEDGED · T-1042',
      'breaker activation OPEN',
      '🔴 100+ events waiting · 20+ people waiting · since 12:04 UTC · next probe 12:11 UTC',
      'why: 7 of 10 calls failed (70 %), seen by 2 replicas',
      'Next: mend activation; probes close it by themselves, and what waits costs no try',
    ]);
  });

  test.each<[BreakerState, Partial<TicketBreaker>, string, string]>([
    ['closed', { since: at('12:09:00') }, 'breaker activation CLOSED', '🔴 since 12:09 UTC'],
    ['open', {}, 'breaker activation OPEN', 'next probe 12:11 UTC'],
    ['half_open', { nextProbeAt: at('12:09:00') }, 'breaker activation HALF-OPEN', 'probing now'],
    ['half_open', {}, 'breaker activation HALF-OPEN', 'next probe 12:11 UTC'],
    ['forced_open', { opening: TRIPPED }, 'breaker activation OPEN (forced)', 'no end'],
    [
      'forced_open',
      { opening: TRIPPED, forcedUntil: at('12:30:00') },
      'breaker activation OPEN (forced)',
      'until 12:30 UTC',
    ],
    ['forced_closed', { forcedUntil: at('12:30:00') }, 'breaker activation HELD CLOSED', 'until 12:30 UTC'],
  ])('%s: %o', (state, changes, head, words) => {
    const [, second, third] = linesOf({ state, ...changes });
    expect(second).toBe(head);
    expect(third).toContain(words);
  });

  test.each<[number, number, string]>([
    [0, 0, '🔴 nothing waits · since'],
    [1, 1, '🔴 1 event waiting · 1 person waiting · since'],
    [3, 0, '🔴 3 events waiting · since'],
    [0, 3, '🔴 3 people waiting · since'],
  ])('%i events and %i people', (waiting, people, words) => {
    expect(linesOf({ waiting, people })[2]).toContain(words);
  });

  test('names who tripped it, and what for', () => {
    expect(linesOf({ state: 'forced_open', opening: TRIPPED })).toContain('why: tripped by Ann: “moving house”');
  });

  test('masks what a reason must not show in the group', () => {
    const card = cardOf({ state: 'forced_open', opening: { ...TRIPPED, note: 'jane.doe@example.com complained' } });
    expect(card.text).not.toContain('jane.doe');
  });

  test('counts the payments that failed by it, when there are some', () => {
    const moneyAtRisk = [{ currency: 'EUR', amountMinor: 2997 }];
    expect(linesOf({}, { failures: 3, deadEvents: 3, peopleWaiting: 3, moneyAtRisk })).toContain(
      '3 payments failed by it · 29.97 EUR at risk',
    );
    expect(cardOf().text).not.toContain('payments failed');
  });

  test('does not change with what only passes: the same minute later is the same picture', () => {
    const later = renderCard(ticketView({ breaker: breakerOf({ waiting: 140 }) }), new Date(NOW.getTime() + 60_000));
    expect(later.text).toBe(renderCard(ticketView({ breaker: breakerOf() }), NOW).text);
  });

  test('elsewhere it goes by its name', () => {
    expect(causeWords({ source: 'breaker', dependency: 'activation', errorFamily: 'breaker' })).toBe(
      'breaker activation',
    );
  });
});

describe('the buttons of a breaker', () => {
  test.each<[BreakerState, string[]]>([
    ['closed', ['⛔ Trip', '✊ Hold 10 min']],
    ['open', ['♻️ Reset', '✊ Hold 10 min', '⛔ Trip']],
    ['half_open', ['♻️ Reset', '✊ Hold 10 min', '⛔ Trip']],
    ['forced_open', ['🩺 Release: probe first', '♻️ Reset', '✊ Hold 10 min']],
    ['forced_closed', ['🩺 Release', '⛔ Trip']],
  ])('%s: %s', (state, labels) => expect(labelsOf({ state }).at(-1)).toEqual(labels));

  test('carry the ticket, the order and the epoch', () => {
    const [button] = cardOf({ state: 'forced_open', epoch: 7 }).keyboard.inline_keyboard.at(-1)!;
    const data = (button as { callback_data: string }).callback_data;
    expect(parseButton(data)).toEqual({ kind: 'breaker', ticketId: 1042, order: 'release', epoch: 7 });
  });

  test('are gone with the ticket', () => {
    expect(labelsOf({ state: 'closed' }, { state: 'resolved' })).toEqual([['↩️ Reopen', '🔍 Inspect', '📜 Timeline']]);
  });

  test('Resolve is there only when the breaker has closed', () => {
    const acknowledged = { state: 'acknowledged', ownerId: 1, ownerName: 'Ann' } as const;
    expect(labelsOf({}, acknowledged).flat()).not.toContain('✅ Resolve');
    expect(labelsOf({ state: 'closed' }, acknowledged).flat()).toContain('✅ Resolve');
  });

  test.each(['b:', 'b:1:trip', 'b:1:explode:2', 'b:01:trip:2', 'b:1:trip:-2', 'b:1:trip:2:3', 'b:1:toString:2'])(
    'nothing else is one: %s',
    (data) => expect(parseButton(data)).toBeNull(),
  );
});

describe('/breaker lists', () => {
  const view = (changes: Partial<ListedBreaker> = {}): ListedBreaker => ({
    name: 'activation',
    state: 'closed',
    epoch: 1,
    since: at('11:00:00'),
    openUntil: null,
    forcedUntil: null,
    nextProbeAt: null,
    ok: 0,
    failed: 0,
    failureShare: null,
    reason: null,
    note: null,
    actor: null,
    evidence: null,
    waiting: 0,
    ...changes,
  });
  const linesOfList = (changes: Partial<ListedBreaker>) =>
    renderBreakers([view(changes)], NOW)
      .rawText.split('\n')
      .slice(1);
  const probe = { nextProbeAt: at('12:11:00') };

  test.each<[string, Partial<ListedBreaker>, string[]]>([
    ['one nobody calls', {}, ['activation: closed', '   since 11:00 UTC · no calls lately · 0 waiting']],
    [
      'one that is called',
      { ok: 97, failed: 3, failureShare: 0.03, waiting: 4 },
      ['activation: closed', '   since 11:00 UTC · 3 % of 100 calls failed · 4 waiting'],
    ],
    [
      'an open one',
      { state: 'open', ...OPENED, ...probe, waiting: 137 },
      [
        'activation: open',
        '   since 11:00 UTC · 70 % of 10 calls failed · 100+ waiting · next probe 12:11 UTC',
        '   7 of 10 calls failed (70 %), seen by 2 replicas',
      ],
    ],
    [
      'one that opened again',
      { state: 'open', reason: 'probe_failed', ...probe },
      ['activation: open', '   since 11:00 UTC · 0 waiting · next probe 12:11 UTC', '   a probe failed'],
    ],
    [
      'one that is probing',
      { state: 'half_open', nextProbeAt: NOW },
      ['activation: half-open', '   since 11:00 UTC · 0 waiting · probing now'],
    ],
    [
      'one that was tripped',
      { state: 'forced_open', ...TRIPPED },
      ['activation: forced open', '   since 11:00 UTC · 0 waiting · no end', '   tripped by Ann: “moving house”'],
    ],
    [
      'one that is held',
      {
        state: 'forced_closed',
        reason: 'hold_closed',
        note: 'moving house',
        actor: 'Ann',
        forcedUntil: at('12:30:00'),
      },
      [
        'activation: held closed',
        '   since 11:00 UTC · no calls lately · 0 waiting · until 12:30 UTC',
        '   held by Ann: “moving house”',
      ],
    ],
  ])('%s', (_, changes, lines) => expect(linesOfList(changes)).toEqual(lines));

  test('that there are none', () => {
    expect(renderBreakers([], NOW).rawText).toContain('No dependency has been called yet');
  });
});

describe('what is typed after /breaker', () => {
  const order = { asked: 'order', order: 'trip', name: 'activation', ttlMs: null, reason: '' };
  test.each<[string, object]>([
    ['', { asked: 'list' }],
    ['  ', { asked: 'list' }],
    ['trip', { asked: 'nothing_named', order: 'trip' }],
    ['toString activation', { asked: 'unknown', word: 'toString' }],
    ['trip activation', order],
    ['TRIP activation', order],
    ['trip activation 30m', { ...order, ttlMs: 1_800_000 }],
    ['trip activation for 30m', { ...order, ttlMs: 1_800_000 }],
    ['trip activation 30m is how long it takes', { ...order, ttlMs: 1_800_000, reason: 'is how long it takes' }],
    ['trip activation it takes 30m', { ...order, reason: 'it takes 30m' }],
    ['trip activation for the move', { ...order, reason: 'for the move' }],
    ['trip\nactivation\n30m\nmoving', { ...order, ttlMs: 1_800_000, reason: 'moving' }],
  ])('“%s”', (args, asked) => expect(parseBreakerArgs(args)).toEqual(asked));

  test.each<[string, number | null]>([
    ['90s', 90_000],
    ['30m', 1_800_000],
    ['30min', 1_800_000],
    ['1H', 3_600_000],
    ['2d', 172_800_000],
    ['0m', 0],
    ['30', null],
    ['1.5h', null],
    ['-1h', null],
    ['m', null],
    ['5mm', null],
    ['99999999m', null],
  ])('a duration: %s', (text, ms) => expect(parseDuration(text)).toBe(ms));
});
