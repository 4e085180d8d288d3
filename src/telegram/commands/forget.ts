import { endCustomerChats } from '../../people/customer-chat-store.ts';
import { type Command, say, sayInPrivate } from './command.ts';

/** A customer's own: it stands in their menu, and in nobody's on the team. */
export const forget: Command = {
  name: 'forget',
  hint: 'Be told nothing about payments any more',
  example: '/forget',
  act: null,
  risk: 'R0',
  menus: [],
  run: async ({ db }, request) => {
    if (request.scope === 'group') return sayInPrivate(request, '/forget works');
    const wasTold = request.sender.kind === 'human' && (await endCustomerChats(db, request.sender.id));
    return say(wasTold ? FORGOTTEN : '👌 I tell you nothing about payments, so there is nothing to forget.');
  },
};

const FORGOTTEN =
  '👌 Forgotten: I tell you nothing about payments any more. A new link of the product begins it again.';
