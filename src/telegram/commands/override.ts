import { fmt } from '@grammyjs/parse-mode';
import type { Answer, BotDeps } from '../bot-context.ts';
import { formatOverrideLink } from '../buttons/button-data.ts';
import { formatPaymentAnswer } from '../guided/payment-answer.ts';
import { type Command, say } from './command.ts';
import { findPayment } from './find-payment.ts';

export const override: Command = {
  name: 'override',
  hint: 'Give a customer access by hand; somebody else approves it',
  example: '/override tx456',
  act: 'override',
  risk: 'R1',
  riskFor: (_args, scope) => (scope === 'group' ? 'R0' : 'R1'),
  menus: ['private'],
  hearsAddresses: true,
  run: async (deps, request) => {
    if (request.scope === 'group') return sendToPrivate(request.bot.username);
    return beginOverride(deps, request.args);
  },
};

function sendToPrivate(username: string): Answer {
  const text = fmt`🛠 Access is given by hand in our private chat. Nothing has changed.`;
  return { text, keyboard: { inline_keyboard: [[{ text: '🛠 Go there ↗', url: formatOverrideLink(username, null) }]] } };
}

/** A payment we know names its customer and its ticket; anything else is the customer's id. */
export async function beginOverride(deps: BotDeps, about: string): Promise<Answer> {
  const found = about === '' ? null : await findPayment(deps, about);
  const view = found?.found === 'one' ? found.view : null;
  const given = {
    ...(view?.userId ? { customer: view.userId } : about !== '' && !view ? { customer: about } : {}),
    ...(view ? { payment: formatPaymentAnswer(view) } : {}),
    ...(view?.ticket ? { ticket: view.ticket.id } : {}),
  };
  return { ...say(''), form: { form: 'override', given } };
}
