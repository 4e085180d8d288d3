import { fmt } from '@grammyjs/parse-mode';
import type { Transaction } from 'kysely';
import type { PaymentView } from '../../api/payment-view.ts';
import { type RedriveResult, redrivePayment } from '../../delivery/redrive.ts';
import { putNotice } from '../../notice/notice-store.ts';
import { actorOf } from '../../people/person.ts';
import type { Schema } from '../../platform/schema.ts';
import type { Answer, BotDeps, Request } from '../bot-context.ts';
import { formatRetryLink } from '../buttons/button-data.ts';
import { paymentsWords } from '../buttons/press-words.ts';
import { formatPaymentAnswer } from '../guided/payment-answer.ts';
import { idWords } from '../words/payment-text.ts';
import { type Command, say, sayExample } from './command.ts';
import { findPayment } from './find-payment.ts';
import { sayNotOne } from './tx.ts';

export const retry: Command = {
  name: 'retry',
  hint: 'Try a payment again that was given up',
  example: '/retry tx456',
  act: 'retry',
  risk: 'R2',
  riskFor: (_args, scope) => (scope === 'group' ? 'R0' : 'R2'),
  menus: ['private'],
  run: async (deps, request) => {
    if (request.args === '') return sayExample(retry, 'Which payment? Send its transaction id.');
    if (request.scope === 'group') return sendToPrivate(request.bot.username, request.args);
    if (/^T-\d+$/i.test(request.args))
      return { ...say(''), form: { form: 'retry-many', given: { ticket: request.args } } };
    const found = await findPayment(deps, request.args);
    if (found.found !== 'one') return sayNotOne(found, 'retry');
    return { ...say(''), form: { form: 'retry', given: { payment: formatPaymentAnswer(found.view) } } };
  },
};

/** In the group only a card's own buttons change something. */
function sendToPrivate(username: string, transactionId: string): Answer {
  const url = formatRetryLink(username, transactionId) ?? `https://t.me/${username}`;
  const text = fmt`🔁 Retrying by id works in our private chat: /retry ${idWords(transactionId)}`;
  return { text, keyboard: { inline_keyboard: [[{ text: '🔁 Go there ↗', url }]] } };
}

/** Tries what lies dead of this payment; the outcome comes as a message that is corrected until it is final. */
export async function retryPayment(
  deps: BotDeps,
  request: Pick<Request, 'person'>,
  payment: Pick<PaymentView, 'provider' | 'transactionId'>,
  commandId: string,
): Promise<string> {
  const person = request.person!;
  const { provider, transactionId } = payment;
  const actor = actorOf(person);
  const announce = announcement({ personId: person.telegramId, what: transactionId, by: actor.name });
  const result = await redrivePayment(deps.db, { provider, transactionId, commandId, actor, announce });
  wakeForRedrive(deps, result);
  return redriveOfPaymentWords(result, idWords(transactionId));
}

/** Where the outcome of a retry is told, and of what. */
export type RedriveAudience = { personId?: number; chatId?: number; ticketId?: number; what: string; by: string };

/** Puts the report down with the redrive itself: an event that ends in the same moment redraws it. */
export function announcement(to: RedriveAudience): (trx: Transaction<Schema>, redriveId: number) => Promise<void> {
  const { what, by, ...where } = to;
  return (trx, redriveId) =>
    putNotice(trx, { key: `redrive:${redriveId}`, kind: 'redrive', ...where, body: { redriveId, by, what } });
}

export function wakeForRedrive(deps: BotDeps, result: RedriveResult): void {
  if (result.outcome !== 'started' && result.outcome !== 'already') return;
  deps.wake('event');
  deps.wake('notice');
  deps.wake('card');
}

/** The same of one payment, which may have several webhooks. */
export function redriveOfPaymentWords(result: RedriveResult, id: string): string {
  switch (result.outcome) {
    case 'started':
    case 'already':
      return `🔁 Retrying ${id}. The outcome follows.`;
    case 'running':
      return redriveWords(result, id);
    case 'nothing':
      return `👌 Nothing to retry: nothing of ${id} was given up.`;
  }
}

export function redriveWords(result: RedriveResult, what: string): string {
  switch (result.outcome) {
    case 'started':
    case 'already':
      return `🔁 Retrying ${paymentsWords(result.events)} of ${what}. The outcome follows.`;
    case 'running':
      return `⏳ A retry of ${what} is still running. Its outcome follows.`;
    case 'nothing':
      return `👌 Nothing to retry: no payment of ${what} was given up.`;
  }
}
