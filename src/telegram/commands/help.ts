import { mayAct } from '../../people/person.ts';
import type { Scope } from '../bot-context.ts';
import { customerHelpText, helpText } from '../words/help-text.ts';
import type { Command } from './command.ts';

/** `listed` is asked when help is: the registry it comes from holds this command too. */
export function createHelp(listed: (scope: Scope) => Command[]): Command {
  return {
    name: 'help',
    hint: 'What you can do here',
    example: '/help',
    act: null,
    risk: 'R0',
    menus: ['group', 'private'],
    run: async (_deps, { person, scope }) => ({
      text: person && mayAct(person, 'read') ? helpText(person, scope, listed(scope)) : customerHelpText(),
    }),
  };
}
