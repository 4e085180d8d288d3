import { type FormattedString, fmt } from '@grammyjs/parse-mode';
import type { InlineKeyboardMarkup } from '@grammyjs/types';
import type { PaymentView } from '../../api/payment-view.ts';
import type { Answer, BotDeps, Scope } from '../bot-context.ts';
import { formatPaymentButton } from '../buttons/button-data.ts';
import { canBeRetried, idWords, renderPayment } from '../words/payment-text.ts';
import { listUntoldFeatures } from '../words/payment-text-query.ts';
import { type Command, say, sayExample } from './command.ts';
import { type FoundPayment, findPayment } from './find-payment.ts';

export const tx: Command = {
  name: 'tx',
  hint: 'One payment: what happened to it and what the customer has',
  example: '/tx tx456',
  act: 'read',
  risk: 'R0',
  menus: ['group', 'private'],
  run: async (deps, request) => {
    if (request.args === '') return sayExample(tx, 'Which payment? Send its transaction id.');
    const found = await findPayment(deps, request.args);
    return found.found === 'one' ? showPayment(deps, found.view, request.scope) : sayNotOne(found, 'tx');
  },
};

/** In private a payment that waits for a person brings the button to try it again. */
export async function showPayment(deps: BotDeps, view: PaymentView, scope: Scope): Promise<Answer> {
  const text = await paymentText(deps, view, scope);
  const keyboard = scope === 'private' && canBeRetried(view) ? retryKeyboard(view) : null;
  return keyboard ? { text, keyboard } : { text };
}

export async function paymentText(deps: BotDeps, view: PaymentView, scope: Scope): Promise<FormattedString> {
  const untold = deps.tellsProduct && view.userId !== null ? await listUntoldFeatures(deps.db, view.userId) : null;
  return renderPayment(view, { now: deps.clock.now(), isGroup: scope === 'group', untold });
}

function retryKeyboard(view: PaymentView): InlineKeyboardMarkup | null {
  const data = formatPaymentButton(view);
  return data ? { inline_keyboard: [[{ text: '🔁 Retry this payment', callback_data: data }]] } : null;
}

/** Why there is not one payment to talk about, and what to send instead. */
export function sayNotOne(found: Exclude<FoundPayment, { found: 'one' }>, command: string): Answer {
  if (found.found === 'none') {
    return {
      text: fmt`🔎 I know no payment ${idWords(found.asked, 64)}. Ids are exact, capitals too; nothing has come in for this one yet.`,
    };
  }
  const choices = found.views.map((view) => `/${command} ${idWords(view.provider)} ${idWords(view.transactionId)}`);
  return say(`🔎 ${found.views.length} providers know this id. Which one?\n${choices.join('\n')}`);
}
