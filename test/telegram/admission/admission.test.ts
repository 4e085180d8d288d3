import { describe, expect, test } from 'vitest';
import type { Act, Risk, Rule } from '../../../src/people/person.ts';
import { ruleOf } from '../../../src/telegram/bot-commands.ts';
import { TICKET_ACTIONS } from '../../../src/telegram/buttons/button-data.ts';
import { PRESS_RULES } from '../../../src/telegram/buttons/press-rules.ts';
import { findCommand, listCommands } from '../../../src/telegram/commands/registry.ts';
import { ORDERS } from '../../../src/telegram/words/breaker-words.ts';

const RISKS = ['R0', 'R1', 'R2', 'R3'];

describe('every handler says what it may cost', () => {
  test.each(listCommands().map((command) => [command.name, command] as const))('/%s', (_, command) => {
    expect(RISKS).toContain(command.risk);
    for (const scope of ['group', 'private'] as const) expect(RISKS).toContain(ruleOf(command, 'a b c', scope).risk);
  });

  test('each button', () => {
    expect(Object.keys(PRESS_RULES.ticket).sort()).toEqual([...TICKET_ACTIONS].sort());
    expect(Object.keys(PRESS_RULES.breaker).sort()).toEqual(Object.keys(ORDERS).sort());
    for (const rules of Object.values(PRESS_RULES))
      for (const rule of Object.values(rules)) expect(RISKS).toContain(rule.risk);
  });
});

/** What an act costs at least, wherever it is asked for; a form's last step is asked in the tests of forms. */
const AT_LEAST: Partial<Record<Act, Risk>> = { retry: 'R2', breaker: 'R2', people: 'R2', policy: 'R2' };

test('no button that tries payments again or orders a breaker is cheaper than R2, and what gives access needs a code of its own', () => {
  for (const rules of Object.values(PRESS_RULES))
    for (const rule of Object.values(rules) as Rule[]) expect(rule.risk >= (AT_LEAST[rule.act!] ?? 'R0')).toBe(true);
  const { approve, glass, reconcile, revert } = PRESS_RULES.override;
  expect([approve, glass, reconcile, revert].map(({ risk }) => risk)).toEqual(['R3', 'R3', 'R2', 'R2']);
});

test('what only reads is R0, and nothing else is that a person may press in the group', () => {
  for (const [action, rule] of Object.entries(PRESS_RULES.ticket))
    expect([action, rule.risk === 'R0']).toEqual([action, rule.act === 'read' || action === 'override']);
});

describe('what costs more than its role', () => {
  const riskOf = (name: string, args: string, scope: 'group' | 'private') => ruleOf(findCommand(name)!, args, scope);

  test.each([
    ['retry', 'tx1', 'private', { act: 'retry', risk: 'R2' }],
    ['retry', 'tx1', 'group', { act: 'retry', risk: 'R0' }],
    ['breaker', '', 'private', { act: 'read', risk: 'R0' }],
    ['breaker', 'trip activation 5m why', 'private', { act: 'breaker', risk: 'R2' }],
    ['breaker', 'trip activation 5m why', 'group', { act: 'breaker', risk: 'R0' }],
    ['note', 'T-1 x', 'group', { act: 'note', risk: 'R1' }],
    ['roles', '', 'private', { act: 'people', risk: 'R0' }],
    ['roles', 'invite admin', 'private', { act: 'people', risk: 'R2' }],
    ['roles', 'remove Ann', 'private', { act: 'people', risk: 'R2' }],
    ['roles', 'reset Ann', 'private', { act: 'people', risk: 'R2' }],
    ['policy', '', 'private', { act: 'policy', risk: 'R0' }],
    ['policy', 'P1 resolve 1h', 'private', { act: 'policy', risk: 'R2' }],
    ['freeze', 'why', 'private', { act: 'freeze', risk: 'R1' }],
    ['freeze', 'off', 'private', { act: 'freeze', risk: 'R2' }],
    ['unfreeze', '', 'private', { act: 'freeze', risk: 'R2' }],
    ['enroll', '', 'private', { act: 'enroll', risk: 'R3' }],
  ] as const)('/%s %s in %s', (name, args, scope, rule) => expect(riskOf(name, args, scope)).toEqual(rule));
});
