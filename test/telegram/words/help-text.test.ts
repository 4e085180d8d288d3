import { expect, test } from 'vitest';
import type { Person } from '../../../src/people/person.ts';
import { welcomeText } from '../../../src/telegram/words/help-text.ts';

const welcome = (role: Person['role']) => welcomeText({ firstName: 'Ann', role, active: true } as Person).text;

test('who may retry is told on the first day that it takes an authenticator', () => {
  expect(welcome('engineer')).toContain('/enroll sets it up, once');
});

test('who may only read is not', () => {
  expect(welcome('viewer')).not.toContain('/enroll');
});
