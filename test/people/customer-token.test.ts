import { describe, expect, test } from 'vitest';
import {
  formatCustomerLink,
  hashCustomerToken,
  makeCustomerToken,
  maskCustomerTokens,
  parseMaskedCustomerPayload,
} from '../../src/people/customer-token.ts';

const token = makeCustomerToken();
const hash = hashCustomerToken(token);
const masked = `c_${hash.toString('base64url')}`;

test('a link is what Telegram takes: at most 64 characters of its alphabet, and another each time', () => {
  const url = new URL(formatCustomerLink('our_bot', token));
  expect(url.origin + url.pathname).toBe('https://t.me/our_bot');
  expect(url.searchParams.get('start')).toMatch(/^c_[A-Za-z0-9_-]{1,62}$/);
  expect(makeCustomerToken()).not.toBe(token);
});

describe('what is written down', () => {
  test.each([
    ['the command a link becomes', `/start c_${token}`, `/start ${masked}`],
    ['said to us by name, in capitals', `/START@our_bot \n c_${token}`, `/START@our_bot \n ${masked}`],
    [
      'a copied address',
      `see https://t.me/our_bot?start=c_${token} now`,
      `see https://t.me/our_bot?start=${masked} now`,
    ],
    [
      'an address for the app',
      `tg://resolve?domain=our_bot&start=c_${token}`,
      `tg://resolve?domain=our_bot&start=${masked}`,
    ],
  ])('holds the hash in place of the token: %s', (_, text, written) => {
    expect(maskCustomerTokens(text)).toBe(written);
  });

  test('other links and other words stay as they are', () => {
    for (const text of [`/tx c_${token}`, '/start r_dHg0NTY', '/start inv_abcdef', '/start', 'c_ is a language'])
      expect(maskCustomerTokens(text)).toBe(text);
  });
});

test('the hash is read back, and a raw token is not taken for one', () => {
  expect(parseMaskedCustomerPayload(masked)).toEqual(hash);
  for (const payload of [`c_${token}`, 'c_', '', 'breaker', `${masked}x`])
    expect(parseMaskedCustomerPayload(payload)).toBeNull();
});

test('a hash that was read in the database opens nothing: typed, it is hashed again', () => {
  const typed = maskCustomerTokens(`/start ${masked}`).slice('/start '.length);
  expect(parseMaskedCustomerPayload(typed)).not.toEqual(hash);
});
