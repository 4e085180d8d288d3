import { fmt } from '@grammyjs/parse-mode';
import { findTicket } from '../../escalation/ticket-query.ts';
import { parseMaskedCustomerPayload } from '../../people/customer-token.ts';
import { mayAct } from '../../people/person.ts';
import type { Answer, BotDeps } from '../bot-context.ts';
import {
  isBreakerPayload,
  parseInvitationPayload,
  parseOverridePayload,
  parseRetryPayload,
} from '../buttons/button-data.ts';
import { customerWelcomeText, welcomeText } from '../words/help-text.ts';
import { idWords } from '../words/payment-text.ts';
import { showBreakers } from './breaker.ts';
import { type Command, type CommandRequest, say } from './command.ts';
import { findPayment } from './find-payment.ts';
import { joinTeam } from './join.ts';
import { listenAsCustomer } from './listen.ts';
import { beginOverride } from './override.ts';
import { sayNotOne, showPayment } from './tx.ts';

export const start: Command = {
  name: 'start',
  hint: 'What this bot is for',
  example: '/start',
  act: null,
  risk: 'R0',
  menus: ['private'],
  run: async (deps, request) => {
    const { person } = request;
    const token = request.scope === 'private' ? parseInvitationPayload(request.args) : null;
    const joined = token === null ? null : await joinTeam(deps, request, token);
    if (joined) return joined;
    const tokenHash = request.scope === 'private' ? parseMaskedCustomerPayload(request.args) : null;
    if (tokenHash) return listenAsCustomer(deps, request, tokenHash);
    if (!person || !mayAct(person, 'read')) return { text: customerWelcomeText(request.sender) };
    if (request.scope === 'group') return say('👋 I am here. /help shows what I can do in this chat.');
    if (isBreakerPayload(request.args)) return showBreakers(deps, request);
    const linked = mayAct(person, 'override') ? parseOverridePayload(request.args) : undefined;
    if (linked) return beginOverride(deps, await sampleOf(deps, linked.ticketId));
    const transactionId = parseRetryPayload(request.args);
    return transactionId === null ? { text: welcomeText(person) } : askAboutRetry(deps, request, transactionId);
  },
};

/** The payment that a ticket shows; of a refused webhook there is none, and the form asks. */
async function sampleOf(deps: BotDeps, ticketId: number | null): Promise<string> {
  const ticket = ticketId === null ? null : await findTicket(deps.db, ticketId);
  return ticket?.sampleTransaction ?? '';
}

/** A link says what somebody wants, not that they do: it shows the payment, and the button below it is the act. */
async function askAboutRetry(deps: BotDeps, request: CommandRequest, transactionId: string): Promise<Answer> {
  const found = await findPayment(deps, transactionId);
  if (found.found !== 'one') return sayNotOne(found, 'retry');
  const shown = await showPayment(deps, found.view, request.scope);
  return shown.keyboard ? shown : { text: fmt`${shown.text}\n\n👌 Nothing to retry on ${idWords(transactionId)}.` };
}
