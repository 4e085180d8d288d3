import type { PaymentView } from '../../api/payment-view.ts';
import { redrivePayment } from '../../delivery/redrive.ts';
import { actorOf } from '../../people/person.ts';
import type { BotDeps } from '../bot-context.ts';
import { findPayment } from '../commands/find-payment.ts';
import { announcement, redriveOfPaymentWords, wakeForRedrive } from '../commands/retry.ts';
import { sayNotOne } from '../commands/tx.ts';
import { idWords } from '../words/payment-text.ts';
import { ask, confirmStep, type Form, stop, taken, wrong } from './form.ts';
import { formatPaymentAnswer, parsePaymentAnswer } from './payment-answer.ts';
import { outlookOf, outlookWords } from './retry-outlook.ts';

/** Retry of one payment: which, what would happen, and the real outcome as a message that is corrected until it is final. */
export const retryForm: Form = {
  name: 'retry',
  version: 1,
  title: '🔁 Retry',
  act: 'retry',
  steps: [
    {
      name: 'payment',
      ask: async () => ask('Which payment? Send its transaction id.'),
      read: async ({ deps }, raw) => {
        const found = await findPayment(deps, raw);
        return found.found === 'one'
          ? taken(formatPaymentAnswer(found.view))
          : wrong(sayNotOne(found, 'retry').text.text);
      },
    },
    confirmStep({ label: '🔁 Retry', risk: 'R2' }, async ({ deps }, { payment = '' }) => {
      const view = await findView(deps, payment);
      if (!view) return stop('🔎 This payment is not there any more. Nothing was changed.');
      const outlook = outlookOf(view, await deps.breakers.list(), deps.tellsProduct);
      const words = outlookWords(outlook, view);
      return outlook.outlook === 'apply' || outlook.outlook === 'superseded' ? words : stop(words);
    }),
  ],
  carryOut: async (deps, { commandId, answers, person }) => {
    const { provider, transactionId } = parsePaymentAnswer(answers.payment!);
    const actor = actorOf(person);
    const announce = announcement({ personId: person.telegramId, what: transactionId, by: actor.name });
    const result = await redrivePayment(deps.db, { provider, transactionId, commandId, actor, announce });
    wakeForRedrive(deps, result);
    return redriveOfPaymentWords(result, idWords(transactionId));
  },
};

async function findView(deps: BotDeps, answer: string): Promise<PaymentView | null> {
  const { provider, transactionId } = parsePaymentAnswer(answer);
  const found = await findPayment(deps, `${provider} ${transactionId}`);
  return found.found === 'one' ? found.view : null;
}
