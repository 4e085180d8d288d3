import { describe, expect, test } from 'vitest';
import {
  formatPaymentButton,
  formatRetryLink,
  formatTicketButton,
  parseButton,
  parseRetryPayload,
  TICKET_ACTIONS,
} from '../../../src/telegram/buttons/button-data.ts';
import { findNearest, parseCommand, parseTicketId } from '../../../src/telegram/commands/parse.ts';

describe('what a button carries', () => {
  test.each(TICKET_ACTIONS)('%s comes back as it was put in, in 64 bytes', (action) => {
    const button = { ticketId: 999_999_999_999, action, revision: 999_999_999 };
    const data = formatTicketButton(button);
    expect(Buffer.byteLength(data)).toBeLessThanOrEqual(64);
    expect(parseButton(data)).toEqual({ kind: 'ticket', ...button });
  });

  test('a payment’s ids come back, colons and all, and too long ones make no button', () => {
    const payment = { provider: 'acme', transactionId: 'a:b ü' };
    expect(parseButton(formatPaymentButton(payment)!)).toEqual({ kind: 'payment', ...payment });
    expect(formatPaymentButton({ provider: 'acme', transactionId: 'ü'.repeat(40) })).toBeNull();
    expect(formatPaymentButton({ provider: 'a:b', transactionId: 'x' })).toBeNull();
  });

  test.each([
    undefined,
    '',
    't:',
    't:1:ack',
    't:1:ack:-1',
    't:1:fly:1',
    't:01:ack:1',
    't:1:ack:1:2',
    'p:retry:acme:',
    'p:pay:acme:x',
    'T:1:ack:1',
  ])('nothing else is a button: %s', (data) => expect(parseButton(data)).toBeNull());
});

describe('a link into the private chat', () => {
  test('names the payment in what Telegram allows', () => {
    const url = new URL(formatRetryLink('a_bot', 'tx:456/ü')!);
    const payload = url.searchParams.get('start')!;
    expect(payload).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
    expect(parseRetryPayload(payload)).toBe('tx:456/ü');
  });

  test('46 bytes fit, 47 do not', () => {
    expect(formatRetryLink('a_bot', 'x'.repeat(46))).not.toBeNull();
    expect(formatRetryLink('a_bot', 'x'.repeat(47))).toBeNull();
  });

  test.each(['', 'hello', 'r_', 'x_dHg', 'r_!'])('another payload names none: "%s"', (payload) => {
    expect(parseRetryPayload(payload)).toBeNull();
  });
});

describe('a command', () => {
  test.each([
    ['/tx tx456', { name: 'tx', args: 'tx456', isAddressed: false }],
    ['/TX@Our_Bot   a b ', { name: 'tx', args: 'a b', isAddressed: true }],
    ['/note T-1 two\nlines', { name: 'note', args: 'T-1 two\nlines', isAddressed: false }],
    ['/help', { name: 'help', args: '', isAddressed: false }],
  ])('%j', (text, parsed) => expect(parseCommand(text, 'our_bot')).toEqual(parsed));

  test.each([undefined, '', 'tx tx456', ' /tx', '/', '/tx@other_bot x', '/päyment', `/${'x'.repeat(33)}`])(
    'none of ours: %j',
    (text) => expect(parseCommand(text, 'our_bot')).toBeNull(),
  );

  test.each([
    ['T-1042', 1042],
    ['t1042', 1042],
    ['1042', 1042],
    ['T-', null],
    ['0', null],
    ['10.5', null],
    ['T-1042 x', null],
    ['9'.repeat(20), null],
  ])('a ticket’s number: %s', (text, id) => expect(parseTicketId(text)).toBe(id));

  test.each([
    ['tikets', 'tickets'],
    ['retyr', 'retry'],
    ['t', null],
    ['weather', null],
  ])('a slip of the finger: %s', (name, nearest) => {
    expect(findNearest(name, ['tickets', 'retry', 'tx'])).toBe(nearest);
  });
});
