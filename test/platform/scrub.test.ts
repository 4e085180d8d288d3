import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { maskUserId, scrubText } from '../../src/platform/scrub.ts';

describe('masked wherever it stands', () => {
  const botToken = '123456789:AAF-abcdefghijklmnopqrstuvwxyz_012345';
  test.each([
    ['an e-mail address', 'no user anna.b+x@example.co.uk here', 'anna'],
    ['an e-mail address of other alphabets', 'für jürgen@bücher.example bestellt', 'jürgen'],
    ['a percent-encoded e-mail address', '/api/entitlements/anna%40example.com', 'anna'],
    ['a card number', 'paid with 4242424242424242.', '4242'],
    ['a card number in groups', 'card 5555 5555 5555 4444 declined', '5555'],
    ['a card number with dashes', '3782-822463-10005', '3782'],
    ['a card number before its expiry and code', '4111 1111 1111 1111 12 27 123', '4111'],
    ['a card number after other digits', '20 4111 1111 1111 1111', '4111'],
    ['two card numbers in a row', '4242 4242 4242 4242 5555 5555 5555 4444', '5555'],
    ['a bearer token', 'Authorization: Bearer abc.def-ghi', 'abc'],
    ['a bot token in a URL', `https://api.telegram.org/bot${botToken}/getMe failed`, 'AAF'],
    ['a webhook secret', 'secret whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'MfKQ'],
    ['an API key', 'key sk_live_51HqJ2K', '51Hq'],
    ['a password in a URL', 'postgres://admin:hunter2@db.internal/app', 'hunter2'],
  ])('%s', (_, text, secret) => {
    expect(scrubText(text)).not.toContain(secret);
    expect(scrubText(text)).toContain('[masked]');
  });

  test.each(['123456', ' 123 456 ', '123-456'])('a second-factor code that is the whole text: %j', (text) => {
    expect(scrubText(text)).toBe('[masked]');
  });
});

describe('left as it is', () => {
  test.each([
    'HTTP 503 from activation after 1043 ms',
    'T-1042 has 123456 failures',
    'order 4242424242424241 fails the check of a card number',
    '1760000000000 is a time in milliseconds',
    '12345678901234567890123 is too long to be a card',
    'acme.12345',
    'desk_lamp and task_force_alpha are no keys',
    '12:34:56 @ noon, 3 @ 4',
    'postgres://127.0.0.1:5432/breakwater',
    '2026-10-02T10:11:12.345Z',
  ])('%s', (text) => expect(scrubText(text)).toBe(text));
});

test('a card number is masked whatever surrounds it', () => {
  const around = fc.stringMatching(/^[ .,;a-zäß/()]{0,20}$/);
  const card = fc.constantFrom('4242424242424242', '5555 5555 5555 4444', '378282246310005', '6011-1111-1111-1117');
  fc.assert(
    fc.property(around, card, around, (before, number, after) => {
      const scrubbed = scrubText(before + number + after);
      expect(scrubbed.replace(/\D/g, '')).not.toContain(number.replace(/\D/g, ''));
    }),
  );
});

test('scrubbing what is scrubbed changes nothing', () => {
  fc.assert(fc.property(fc.string(), (text) => scrubText(scrubText(text)) === scrubText(text)));
});

test('a hostile text of 64 kB is scrubbed within a second', () => {
  const before = performance.now();
  for (const piece of ['a.', '4', '4 ', 'a@', '1:', 'a://', '%40', 'a@a.'])
    scrubText(piece.repeat(65_536 / piece.length));
  expect(performance.now() - before).toBeLessThan(1_000);
});

test.each([
  ['user123', 'us…3'],
  ['anna@example.com', 'a…@…'],
  ['annabel@example.com', 'an…l@…'],
  ['42', '4…'],
  ['', '…'],
])('a user id in the group keeps two characters and its last: %j is %j', (userId, masked) => {
  expect(maskUserId(userId)).toBe(masked);
});
