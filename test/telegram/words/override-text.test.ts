import { describe, expect, test } from 'vitest';
import { hashParams } from '../../../src/override/override-decision.ts';
import type { Override } from '../../../src/override/override-store.ts';
import { parseButton } from '../../../src/telegram/buttons/button-data.ts';
import { renderStaged } from '../../../src/telegram/sending/notice-text.ts';
import { renderApproval } from '../../../src/telegram/words/override-text.ts';

const NOW = new Date('2026-11-22T12:05:00Z');
const params = {
  userId: 'jane.doe@example.com',
  feature: 'premium',
  until: new Date('2026-11-29T12:00:00Z'),
  payment: { provider: 'acme', transactionId: 'tx456' },
  ticketId: 1042,
  reason: 'the webhook was refused',
  evidence: null,
};
const override: Override = {
  ...params,
  id: 12,
  state: 'requested',
  paramsHash: hashParams(params),
  requestedBy: 1001,
  requestedName: 'Ann',
  requestedAt: new Date('2026-11-22T12:00:00Z'),
  approveUntil: new Date('2026-11-22T12:15:00Z'),
  breakGlass: false,
  reviewedBy: null,
  decidedBy: null,
  decidedName: null,
  decidedAt: null,
  reviewUntil: null,
  reviewedName: null,
  executedAt: null,
  settledName: null,
  settledReason: null,
  settledAt: null,
  toldAt: null,
  tellAt: null,
  tellEndAt: null,
  tellFailures: 0,
  tellError: null,
  remindAt: null,
  reminders: 0,
};
const draw = (over: Partial<Override> = {}, scope: 'group' | 'private' = 'group') =>
  renderApproval({ ...override, ...over }, scope, NOW);
const labels = (over: Partial<Override>) =>
  draw(over)
    .keyboard.inline_keyboard.flat()
    .map((button) => button.text);

describe('the message that asks for a second person', () => {
  test('names everything that is approved, and until when', () => {
    const { text } = draw();
    for (const part of [
      'O-12',
      'premium until 2026-11-29 12:00 UTC',
      'payment acme tx456',
      'ticket T-1042',
      'Ann at 12:00',
      'before 12:15',
    ])
      expect(text).toContain(part);
  });

  test('masks the customer in the group, and names them in private', () => {
    expect(draw().text).not.toMatch(/jane\.doe|example\.com/);
    expect(draw({}, 'private').text).toContain('jane.doe@example.com');
  });

  test('masks the customer also where a reason or an evidence names them, and nothing that only looks like it', () => {
    const over = {
      userId: 'user77',
      reason: 'user77 has paid, says user77.',
      evidence: 'mail of user771',
      payment: null,
    };
    const { text } = draw(over);
    expect(text).not.toMatch(/user77\b/);
    expect(text).toContain('reason: us…7 has paid, says us…7.');
    expect(text).toContain('mail of user771');
    expect(draw(over, 'private').text).toContain('reason: user77 has paid');
    expect(draw({ userId: '7', reason: '7 of 17 ($7+)' }).text).toContain('reason: 7… of 17 ($7…+)');
  });

  test('spells out what would not be seen in an id, so that nobody approves another customer, or lines somebody made up', () => {
    const spoofing = 'jane\nreason: all is well\u202e\u200b';
    const { text } = draw({ userId: spoofing }, 'private');
    expect(text).toContain('jane\\u{a}reason: all is well\\u{202e}\\u{200b} gets premium');
    expect(text.match(/^reason:/gm)).toHaveLength(1);
    expect(draw({ userId: spoofing }).text.match(/^reason:/gm)).toHaveLength(1);
  });

  test('has buttons that fit Telegram’s 64 bytes and carry the hash of what is shown', () => {
    for (const button of draw({ id: 999_999_999_999 }).keyboard.inline_keyboard.flat()) {
      const data = 'callback_data' in button ? button.callback_data! : '';
      expect(Buffer.byteLength(data)).toBeLessThanOrEqual(64);
      expect(parseButton(data)).toMatchObject({ kind: 'override', hash: override.paramsHash });
    }
  });

  test.each<[Partial<Override>, string[]]>([
    [{}, ['✅ Approve', '❌ Refuse']],
    [{ state: 'refused' }, []],
    [{ state: 'expired' }, []],
    [{ state: 'executed' }, ['🧾 Payment confirmed', '↩️ Take back']],
    [{ state: 'executed', breakGlass: true }, ['🧾 Payment confirmed', '↩️ Take back', '👀 Reviewed']],
    [{ state: 'reconciled', breakGlass: true }, ['👀 Reviewed']],
    [{ state: 'reconciled', breakGlass: true, reviewedBy: 1002 }, []],
    [{ state: 'reverted' }, []],
  ])('%j offers %j', (over, expected) => expect(labels(over)).toEqual(expected));

  test.each<[Partial<Override>, RegExp]>([
    [{ state: 'executed', decidedName: 'Ben' }, /CARRIED OUT · A DEBT[\s\S]*approved by Ben/],
    [{ state: 'executed', tellError: 'HTTP 503' }, /the product has not accepted it yet: HTTP 503/],
    [{ state: 'refused', decidedName: 'Ben' }, /refused by Ben: nothing was changed/],
    [{ state: 'expired' }, /nobody approved it in time: nothing was changed/],
    [{ state: 'reverted', settledName: 'Ben', settledReason: 'no payment' }, /taken back by Ben: no payment/],
    [{ state: 'reconciled', settledName: 'itself', settledReason: 'paid' }, /confirmed by itself: paid/],
    [
      { state: 'executed', breakGlass: true, decidedName: 'Ann', reviewUntil: NOW },
      /by Ann alone, to be reviewed before/,
    ],
  ])('%j says %s', (over, words) => expect(draw(over).text).toMatch(words));
});

const staged = {
  id: 1,
  ticketId: 1042,
  personId: 1,
  requestedBy: 'Ann',
  events: Array.from({ length: 24 }, (_, i) => i),
  redriveId: 1,
};

test.each([
  [{ begun: 1, applied: 0, failed: 0, state: 'running' }, '0 applied, 1 running, 23 to come'],
  [{ begun: 24, applied: 6, failed: 0, state: 'running' }, '6 applied, 18 running'],
  [{ begun: 24, applied: 24, failed: 0, state: 'done' }, '24 applied ✓'],
  [{ begun: 24, applied: 23, failed: 1, state: 'done' }, '23 applied, 1 failed'],
  [{ begun: 6, applied: 4, failed: 2, state: 'stopped' }, '4 applied, 2 failed, 18 not tried'],
] as const)('the progress of a retry of many: %j is “%s”', (counts, words) => {
  const [first, second] = renderStaged({ ...staged, ...counts }).text.split('\n');
  expect(first).toBe(`🔁 Retry of 24 on T-1042 by Ann: ${words}`);
  expect(second ?? '').toMatch(counts.state === 'stopped' ? /^✋ Stopped/ : /^$/);
});
