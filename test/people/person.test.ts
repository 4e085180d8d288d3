import { describe, expect, test } from 'vitest';
import { type Act, mayAct, nameOf, type Person } from '../../src/people/person.ts';
import type { Role } from '../../src/platform/schema.ts';

const person = (role: Role, active = true): Person => ({
  telegramId: 1,
  firstName: 'Ann',
  username: null,
  role,
  active,
  privateChat: false,
});

const CHANGING: Act[] = ['note', 'acknowledge', 'resolve', 'reopen', 'retry', 'verify', 'drill'];

describe('what a role may do', () => {
  test.each(['engineer', 'lead', 'admin'] as const)('%s reads and acts', (role) => {
    for (const act of ['read', ...CHANGING] as Act[]) expect(mayAct(person(role), act)).toBe(true);
  });

  test('a viewer reads and changes nothing', () => {
    expect(mayAct(person('viewer'), 'read')).toBe(true);
    for (const act of CHANGING) expect(mayAct(person('viewer'), act)).toBe(false);
  });

  test('only an admin changes the team and freezes', () => {
    for (const act of ['people', 'freeze'] as const) {
      expect(mayAct(person('admin'), act)).toBe(true);
      for (const role of ['viewer', 'engineer', 'lead'] as const) expect(mayAct(person(role), act)).toBe(false);
    }
  });

  test('a stranger may do nothing, and neither may a person who was put out', () => {
    for (const act of ['read', ...CHANGING] as Act[]) {
      expect(mayAct(null, act)).toBe(false);
      expect(mayAct(person('admin', false), act)).toBe(false);
    }
  });
});

test('a person is called by the first name, else the username, else the number', () => {
  expect(nameOf({ telegramId: 7, firstName: 'Ann', username: 'ann' })).toBe('Ann');
  expect(nameOf({ telegramId: 7, firstName: null, username: 'ann' })).toBe('ann');
  expect(nameOf({ telegramId: 7, firstName: null, username: null })).toBe('7');
});

test('a name is one line of what can be seen, and not as long as somebody likes', () => {
  const named = (firstName: string) => nameOf({ telegramId: 7, firstName, username: 'ann' });
  expect(named('Ann\n✅ approved by\u202e Ben')).toBe('Ann ✅ approved by Ben');
  expect(named('\u2060\u200b \n')).toBe('ann');
  expect(named('👩🏽 Zoë Ångström')).toBe('👩🏽 Zoë Ångström');
  expect(Array.from(named('💥'.repeat(300)))).toHaveLength(64);
});
