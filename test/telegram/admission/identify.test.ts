import type { Update } from '@grammyjs/types';
import { describe, expect, test } from 'vitest';
import type { Person } from '../../../src/people/person.ts';
import { auditName, placeOf, senderOf } from '../../../src/telegram/admission/identify.ts';
import { listMenus } from '../../../src/telegram/admission/menus.ts';

const ann = { id: 7, is_bot: false, first_name: 'Ann', username: 'ann' };
const update = (content: object) => ({ update_id: 1, ...content }) as unknown as Update;

describe('who sent it', () => {
  test.each([
    ['a message', update({ message: { from: ann } })],
    ['a press', update({ callback_query: { id: '1', from: ann } })],
    ['a change of membership', update({ my_chat_member: { from: ann } })],
  ])('%s is its sender’s', (_, given) => {
    expect(senderOf(given)).toEqual({ kind: 'human', id: 7, firstName: 'Ann', username: 'ann' });
  });

  test.each([
    [
      'an anonymous administrator',
      update({ message: { from: { ...ann, id: 1087968824, is_bot: true }, sender_chat: { id: -9 } } }),
    ],
    [
      'an anonymous administrator’s press',
      update({ callback_query: { from: { ...ann, id: 1087968824, is_bot: true } } }),
    ],
    ['the same without its mark', update({ callback_query: { from: { ...ann, id: 1087968824 } } })],
    ['a channel', update({ message: { from: ann, sender_chat: { id: -10 } } })],
    ['another bot', update({ message: { from: { ...ann, is_bot: true } } })],
    ['nobody', update({ message: { text: 'x' } })],
    ['an update of another kind', update({ poll: { id: '1' } })],
  ])('%s is faceless', (_, given) => expect(senderOf(given).kind).toBe('faceless'));

  test('the audit log names them by what stays', () => {
    expect(auditName(senderOf(update({ message: { from: ann } })))).toBe('telegram:7');
    expect(auditName(senderOf(update({ message: { sender_chat: { id: -9 } } })))).toBe('faceless:chat -9');
  });
});

describe('where it was sent', () => {
  test.each([
    [{ id: -100, type: 'supergroup' }, 'group'],
    [{ id: 7, type: 'private' }, 'private'],
    [{ id: 7 }, 'private'],
    [{ id: -5, type: 'group' }, 'elsewhere'],
    [{ id: -6, type: 'channel' }, 'elsewhere'],
    [undefined, 'elsewhere'],
  ])('%j is %s', (chat, place) => expect(placeOf(chat, -100)).toBe(place));

  test('without an engineering chat no group is one', () => {
    expect(placeOf({ id: -100, type: 'supergroup' }, null)).toBe('elsewhere');
  });
});

const ENGINEERS =
  'tickets ticket tx retry override approvals breaker stats note oncall shift resolve severity merge export drill me enroll cancel help start'.split(
    ' ',
  );
const ADMINS =
  'tickets ticket tx retry override approvals breaker stats note oncall shift resolve severity merge export drill policy me enroll roles freeze cancel help start'.split(
    ' ',
  );

describe('menus', () => {
  const person = (telegramId: number, role: Person['role'], privateChat: boolean): Person => ({
    telegramId,
    role,
    privateChat,
    active: true,
    firstName: null,
    username: null,
  });

  test('an engineer with a private chat has a menu of their own, a viewer only what they may do, and nobody else has one', () => {
    const menus = listMenus(
      [person(1, 'engineer', true), person(2, 'viewer', true), person(3, 'admin', false), person(4, 'admin', true)],
      -100,
    );
    const named = menus.map(({ scope, commands }) => [
      scope.type === 'chat' ? scope.chat_id : scope.type,
      commands.map(({ command }) => command),
    ]);
    expect(named).toEqual([
      ['all_private_chats', ['start', 'forget', 'help']],
      [-100, ['tickets', 'ticket', 'tx', 'breaker', 'stats', 'note', 'oncall', 'help']],
      [1, ENGINEERS],
      [
        2,
        ['tickets', 'ticket', 'tx', 'breaker', 'stats', 'oncall', 'export', 'me', 'enroll', 'cancel', 'help', 'start'],
      ],
      [4, ADMINS],
    ]);
  });

  test('what Telegram allows: names and descriptions within their lengths', () => {
    for (const { commands } of listMenus([person(1, 'admin', true)], -100)) {
      for (const { command, description } of commands) {
        expect(command).toMatch(/^[a-z0-9_]{1,32}$/);
        expect(description.length).toBeLessThanOrEqual(256);
      }
    }
  });
});
