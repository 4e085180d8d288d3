import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { TicketView } from '../../../src/escalation/ticket-view.ts';
import { hashPicture, renderCard } from '../../../src/telegram/cards/card-text.ts';
import { ticketView } from '../ticket-fixture.ts';

const NOW = new Date('2026-11-22T12:10:00Z');
const lines = (changes: Partial<TicketView> = {}) => renderCard(ticketView(changes), NOW).text.split('\n');
const buttons = (changes: Partial<TicketView> = {}) =>
  renderCard(ticketView(changes), NOW).keyboard.inline_keyboard.flat();
/** But for those that say who has it; duty-card.test.ts looks at them. */
const labels = (changes: Partial<TicketView> = {}) =>
  buttons(changes)
    .map((button) => button.text)
    .filter((label) => !/Snooze|Escalate|Release|Hand over|Timeline/.test(label));

test('a card reads from what is wrong to what to do', () => {
  expect(lines()).toEqual([
    'P2 · UNACKNOWLEDGED · T-1042',
    'acme → activation: HTTP 503',
    '🟠 3 payments · 2 people waiting · 29.97 EUR at risk',
    'first 12:04 · last 12:09 UTC · from DE 2, FR 1',
    'e.g. tx456',
    'Next: once activation answers again, press Retry',
    '12:04 opened',
  ]);
});

test.each<[Partial<TicketView>, string]>([
  [{ state: 'open', severity: 'P1' }, 'P1 · UNACKNOWLEDGED · T-1042'],
  [{ state: 'acknowledged', ownerName: 'Ann' }, 'P2 · ACKNOWLEDGED · T-1042'],
  [{ state: 'snoozed' }, 'P2 · SNOOZED · T-1042'],
  [{ state: 'resolved', resolvedAt: NOW }, 'P2 · RESOLVED · T-1042'],
  [{ state: 'merged' }, 'P2 · RESOLVED · T-1042'],
])('the first line of %j is %s', (changes, first) => {
  expect(lines(changes)[0]).toBe(first);
});

test('the owner stands right below the cause, by first name, once there is one', () => {
  expect(lines({ state: 'acknowledged', ownerId: 1001, ownerName: 'Ann' })[2]).toBe('owner Ann');
  expect(lines().some((line) => line.startsWith('owner'))).toBe(false);
});

test.each<[Partial<TicketView>, RegExp]>([
  [{ failures: 1 }, / 1 payment · /],
  [{ failures: 10 }, / 10 payments/],
  [{ failures: 38 }, / 20\+ payments/],
  [{ failures: 5000 }, / 5,000\+ payments/],
  [{ stage: 'intake', errorFamily: 'signature: wrong_secret', failures: 4 }, / 4 refusals/],
  [{ stage: 'intake', errorFamily: 'signature: wrong_secret', failures: 1 }, / 1 refusal( ·|$)/],
  [{ stage: 'telegram', failures: 2 }, / 2 updates/],
  [{ stage: 'operations', failures: 2 }, / 2 findings/],
])('%j is counted as %s', (changes, words) => {
  expect(lines(changes)[2]).toMatch(words);
});

test('people and money are told only while there are any', () => {
  expect(lines({ peopleWaiting: 1 })[2]).toContain('1 person waiting');
  expect(lines({ peopleWaiting: 0, moneyAtRisk: [] })[2]).toBe('🟠 3 payments');
});

test('sums are told per currency, and rounded down once there are many payments', () => {
  const moneyAtRisk = [
    { currency: 'EUR', amountMinor: 191_234 },
    { currency: 'JPY', amountMinor: 500 },
  ];
  expect(lines({ moneyAtRisk })[2]).toContain('1,912.34 EUR, 500 JPY at risk');
  expect(lines({ moneyAtRisk, failures: 38 })[2]).toContain('1,900.00 EUR+, 500 JPY+ at risk');
});

test('the three countries with most failures are named', () => {
  expect(lines({ countries: { US: 1, DE: 31, FR: 7, GB: 7 } })[3]).toContain('from DE 20+, FR 7, GB 7');
});

test('a time of another day says which', () => {
  expect(lines({ firstFailureAt: new Date('2026-11-20T23:59:00Z') })[3]).toContain(
    'first 20 Nov 23:59 · last 12:09 UTC',
  );
});

test('a resolved card says when and by whom, or that it was by itself', () => {
  const resolved = { state: 'resolved', resolvedAt: new Date('2026-11-22T12:08:00Z') } as const;
  expect(lines({ ...resolved, resolvedBy: 'Ann' })).toContain('resolved 12:08 UTC by Ann');
  expect(lines(resolved)).toContain('resolved 12:08 UTC by itself');
});

test.each<[Partial<TicketView>, string]>([
  [{ errorFamily: 'HTTP 400' }, 'activation refuses them'],
  [{ errorFamily: 'HTTP 429' }, 'once activation answers again'],
  [{ errorFamily: 'timeout' }, 'once activation answers again'],
  [{ deadEvents: 0 }, 'being retried'],
  [{ stage: 'intake', errorFamily: 'signature: wrong_secret' }, 'press Verify again'],
  [{ stage: 'intake', errorFamily: 'conflict', deadEvents: 0 }, 'one event id came with two contents'],
  [{ stage: 'intake', errorFamily: 'malformed' }, 'could not be read'],
])('%j advises: %s', (changes, advice) => {
  expect(lines(changes).find((line) => line.startsWith('Next: '))).toContain(advice);
});

test.each<[Partial<TicketView>, string[]]>([
  [{}, ['👀 Acknowledge', '🔍 Inspect', '🔁 Retry…', '🛠 Override… ↗']],
  [{ deadEvents: 1 }, ['👀 Acknowledge', '🔍 Inspect', '🔁 Retry', '🛠 Override… ↗']],
  [{ state: 'acknowledged', ownerName: 'Ann' }, ['✅ Resolve', '🔍 Inspect', '🔁 Retry…', '🛠 Override… ↗']],
  [{ state: 'resolved', resolvedAt: NOW }, ['↩️ Reopen', '🔍 Inspect']],
  [{ state: 'merged' }, ['🔍 Inspect']],
  [
    { stage: 'intake', errorFamily: 'signature: wrong_secret', refusals: 2, deadEvents: 0 },
    ['👀 Acknowledge', '🔍 Inspect', '🔏 Verify again', '🛠 Override… ↗'],
  ],
  [{ stage: 'intake', errorFamily: 'conflict', deadEvents: 0 }, ['👀 Acknowledge', '🔍 Inspect']],
])('%j offers %j', (changes, expected) => {
  expect(labels(changes)).toEqual(expected);
});

test('a button carries the ticket, the act and the revision it was drawn with', () => {
  expect(buttons({ stateRevision: 7 }).map((button) => 'callback_data' in button && button.callback_data)).toEqual([
    't:1042:ack:7',
    't:1042:inspect:7',
    't:1042:retry:7',
    't:1042:override:7',
    't:1042:snooze:7',
    't:1042:escalate:7',
  ]);
});

test('the story ends with its last three lines, and says who spoke', () => {
  const at = new Date('2026-11-22T12:05:00Z');
  const log = [
    { at, kind: 'opened', actor: null, text: 'opened' },
    { at, kind: 'growing', actor: null, text: '20+ failures' },
    { at, kind: 'acknowledge', actor: 'Ann', text: 'acknowledged by Ann' },
    { at, kind: 'note', actor: 'Ben', text: 'asked the product team' },
  ];
  expect(lines({ log }).slice(-3)).toEqual([
    '12:05 20+ failures',
    '12:05 acknowledged by Ann',
    '12:05 Ben: asked the product team',
  ]);
});

test('nobody can put a second line, a hidden character or an address into a card', () => {
  const text = lines({
    sampleTransaction: 'tx\nP1 · RESOLVED · T-1\u202e',
    log: [{ at: NOW, kind: 'note', actor: 'Ann', text: 'ask jane.doe@example.com\r\nnow' }],
  });
  expect(text).toHaveLength(7);
  expect(text.join('\n')).not.toContain('jane.doe');
  expect(text.join('\n')).not.toContain('\u202e');
});

test('a transaction whose id is six digits is not taken for a code', () => {
  expect(lines({ sampleTransaction: '123456' })).toContain('e.g. 123456');
});

test('the same ticket drawn later on the same day is the same picture, and a press changes it', () => {
  const drawn = hashPicture(renderCard(ticketView(), NOW));
  expect(hashPicture(renderCard(ticketView(), new Date('2026-11-22T23:59:00Z')))).toBe(drawn);
  expect(hashPicture(renderCard(ticketView({ failures: 4 }), NOW))).not.toBe(drawn);
  expect(hashPicture(renderCard(ticketView({ stateRevision: 2 }), NOW))).not.toBe(drawn);
});

const texts = fc.string({ unit: 'binary', maxLength: 6000 });
const counts = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const times = fc.date({ noInvalidDate: true, min: new Date('1990-01-01'), max: new Date('2100-01-01') });
const tickets: fc.Arbitrary<TicketView> = fc
  .record({
    id: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    stage: fc.constantFrom('delivery', 'intake', 'ledger', 'telegram', 'operations'),
    source: texts,
    dependency: fc.option(texts),
    errorFamily: texts,
    state: fc.constantFrom('open', 'acknowledged', 'snoozed', 'resolved', 'merged'),
    severity: fc.constantFrom('P1', 'P2', 'P3', 'P4'),
    ownerName: fc.option(texts),
    failures: counts,
    deadEvents: counts,
    peopleWaiting: counts,
    moneyAtRisk: fc.array(fc.record({ currency: fc.option(texts), amountMinor: counts }), { maxLength: 6 }),
    countries: fc.dictionary(texts, counts),
    sampleTransaction: fc.option(texts),
    firstFailureAt: times,
    lastFailureAt: times,
    resolvedAt: fc.option(times),
    resolvedBy: fc.option(texts),
    stateRevision: counts,
    refusals: counts,
    log: fc.array(fc.record({ at: times, kind: texts, actor: fc.option(texts), text: texts }), { maxLength: 8 }),
  } as const)
  .map((changes) => ticketView(changes));

test('no ticket whatever makes a card that Telegram would refuse', () => {
  fc.assert(
    fc.property(tickets, (ticket) => {
      const { text, entities, keyboard } = renderCard(ticket, NOW);
      expect(Array.from(text).length).toBeLessThanOrEqual(4096);
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(32_768);
      expect(text.split('\n')[0]).toMatch(/^P[1-4] · (UNACKNOWLEDGED|ACKNOWLEDGED|SNOOZED|RESOLVED) · T-\d+$/);
      expect(text.isWellFormed()).toBe(true);
      for (const { offset, length } of entities) {
        expect(length).toBeGreaterThan(0);
        expect(offset + length).toBeLessThanOrEqual(text.length);
      }
      for (const button of keyboard.inline_keyboard.flat()) {
        const data = 'callback_data' in button ? (button.callback_data ?? '') : '';
        expect(Buffer.byteLength(data)).toBeGreaterThan(0);
        expect(Buffer.byteLength(data)).toBeLessThanOrEqual(64);
      }
    }),
  );
});

test('a drill’s card says so in its second line, and asks for what one would do', () => {
  const lines = renderCard(
    ticketView({ stage: 'operations', source: 'drill', dependency: null, errorFamily: 'exercise 7', severity: 'P1' }),
    NOW,
  ).text.split('\n');
  expect(lines.slice(0, 3)).toEqual([
    'P1 · UNACKNOWLEDGED · T-1042',
    '🧪 DRILL: nothing has failed, nobody waits',
    'drill: exercise 7',
  ]);
  expect(lines).toContain('Next: press Acknowledge, as if it were real');
});

test('no other card says anything of a drill', () => {
  expect(renderCard(ticketView(), NOW).text).not.toMatch(/drill/i);
});

test('the card of an outage counts the tickets that have none because of it, while it lasts', () => {
  const outage = ticketView({ stage: 'provider', dependency: null, errorFamily: 'all webhooks refused', silenced: 3 });
  expect(renderCard(outage, NOW).text).toContain('🔕 3 more tickets by this have no card meanwhile: /tickets');
  expect(renderCard({ ...outage, silenced: 1 }, NOW).text).toContain('🔕 1 more ticket by this has no card meanwhile');
  expect(renderCard({ ...outage, state: 'resolved' }, NOW).text).not.toContain('🔕');
});
