import { type Command, say } from './command.ts';

/** Of a form under way it never comes here: the form takes it as its end. */
export const cancel: Command = {
  name: 'cancel',
  hint: 'End what you have begun; nothing is changed',
  example: '/cancel',
  act: null,
  risk: 'R0',
  menus: ['private'],
  run: async () => say('👌 There is nothing to cancel.'),
};
