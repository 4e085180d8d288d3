import { expect, test } from 'vitest';
import type { TicketDuty, TicketView } from '../../../src/escalation/ticket-view.ts';
import { renderCard } from '../../../src/telegram/cards/card-text.ts';
import { ticketView } from '../ticket-fixture.ts';

const NOW = new Date('2026-11-22T12:05:00Z');
const at = (time: string) => new Date(`2026-11-22T${time}:00Z`);
const calm: TicketDuty = {
  nextCall: null,
  resolveBy: at('13:04'),
  ownerUntil: null,
  isConfirmAsked: false,
  snoozedUntil: null,
};

const cardOf = (duty: TicketDuty, changes: Partial<TicketView> = {}) =>
  renderCard(ticketView({ duty, ...changes }), NOW);
const ownerLine = (duty: TicketDuty, changes: Partial<TicketView> = {}) =>
  cardOf(duty, changes)
    .text.split('\n')
    .find((line) => line.startsWith('owner'));
const rows = (duty: TicketDuty, changes: Partial<TicketView> = {}) =>
  cardOf(duty, changes).keyboard.inline_keyboard.map((row) => row.map(({ text }) => text));

test.each<[string, TicketDuty, Partial<TicketView>]>([
  [
    'owner – · escalates to level 2 at 12:14 · resolve by 13:04',
    { ...calm, nextCall: { at: at('12:14'), level: 2 } },
    {},
  ],
  [
    'owner – · everyone is called at 12:24 · resolve by 13:04',
    { ...calm, nextCall: { at: at('12:24'), level: 3 } },
    {},
  ],
  [
    'owner – · on-call is called again at 12:29 · resolve by 13:04',
    { ...calm, nextCall: { at: at('12:29'), level: 1 } },
    {},
  ],
  [
    'owner Ann · confirm by 12:34 · resolve by 13:04',
    { ...calm, ownerUntil: at('12:34') },
    { state: 'acknowledged', ownerId: 1, ownerName: 'Ann' },
  ],
  ['owner – · snoozed until 12:35 · resolve by 13:04', { ...calm, snoozedUntil: at('12:35') }, { state: 'snoozed' }],
])('the card says “%s”', (line, duty, changes) => {
  expect(ownerLine(duty, changes)).toBe(line);
});

test('a ticket that was never planned says nothing of it', () => {
  expect(renderCard(ticketView(), NOW).text).not.toContain('owner');
});

test('while nobody has it there are Snooze and Escalate', () => {
  expect(rows(calm)).toEqual([
    ['👀 Acknowledge', '🔍 Inspect'],
    ['🔁 Retry…', '🛠 Override… ↗'],
    ['⏸ Snooze 30 min', '⬆ Escalate'],
  ]);
});

test('who has it may resolve, release and hand it over; Confirm comes when they are asked', () => {
  const owned = { state: 'acknowledged', ownerId: 1, ownerName: 'Ann' } as const;
  expect(
    rows({ ...calm, ownerUntil: at('12:34') }, owned)
      .flat()
      .join(),
  ).not.toContain('Confirm');
  expect(rows({ ...calm, ownerUntil: at('12:34'), isConfirmAsked: true }, owned)).toEqual([
    ['✅ Resolve', '🔍 Inspect'],
    ['🔁 Retry…', '🛠 Override… ↗'],
    ['✋ Confirm: still mine'],
    ['↪️ Release', '🤝 Hand over…'],
    ['⏸ Snooze 30 min', '⬆ Escalate'],
  ]);
});

test('a resolved ticket can be reopened, and its timeline read', () => {
  expect(rows(calm, { state: 'resolved', resolvedAt: NOW, duty: null })).toEqual([
    ['↩️ Reopen', '🔍 Inspect', '📜 Timeline'],
  ]);
});

test('an owner stands right below the cause; while there is none, what failed does', () => {
  const owned = cardOf({ ...calm, ownerUntil: at('12:34') }, { state: 'acknowledged', ownerId: 1, ownerName: 'Ann' });
  expect(owned.text.split('\n')[2]).toMatch(/^owner Ann/);
  expect(cardOf(calm).text.split('\n')[2]).toMatch(/3 payments/);
});
