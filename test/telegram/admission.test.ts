import { describe, expect, test } from 'vitest';
import { ruleOf } from '../../src/telegram/bot-commands.ts';
import { ORDERS } from '../../src/telegram/breaker-words.ts';
import { TICKET_ACTIONS } from '../../src/telegram/buttons-data.ts';
import { PRESS_RULES } from '../../src/telegram/buttons-rules.ts';
import { findCommand, listCommands } from '../../src/telegram/commands/registry.ts';

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

describe('what costs more than its role', () => {
  const riskOf = (name: string, args: string, scope: 'group' | 'private') => ruleOf(findCommand(name)!, args, scope);

  test.each([
    ['retry', 'tx1', 'private', { act: 'retry', risk: 'R2' }],
    ['retry', 'tx1', 'group', { act: 'retry', risk: 'R0' }],
    ['breaker', '', 'private', { act: 'read', risk: 'R0' }],
    ['breaker', 'trip activation 5m why', 'private', { act: 'breaker', risk: 'R2' }],
    ['breaker', 'trip activation 5m why', 'group', { act: 'breaker', risk: 'R0' }],
    ['note', 'T-1 x', 'group', { act: 'note', risk: 'R1' }],
  ] as const)('/%s %s in %s', (name, args, scope, rule) => expect(riskOf(name, args, scope)).toEqual(rule));
});
