import { type FormattedString, fmt } from '@grammyjs/parse-mode';
import { type Api, GrammyError } from 'grammy';
import { type RedriveResult, redriveTicket } from '../../delivery/redrive.ts';
import { findTicket } from '../../escalation/ticket-query.ts';
import type { TicketView } from '../../escalation/ticket-view.ts';
import { actorOf } from '../../people/person.ts';
import type { BotDeps } from '../bot-context.ts';
import { announcement, redriveWords, wakeForRedrive } from '../commands/retry.ts';
import { callSignal, sendAnswer } from '../sending/bot-reply.ts';
import { formatTicketButton } from './button-data.ts';
import type { PressAnswer } from './press-answer.ts';
import type { TicketPress } from './press-ticket.ts';
import { paymentsWords, truthWords } from './press-words.ts';
import { askOnce, forgetQuestion, wasRedriven } from './question-store.ts';

/** One payment is retried at the press. Of more, it is asked once how many that would be. */
export async function pressRetry(deps: BotDeps, api: Api, press: TicketPress, answer: PressAnswer): Promise<void> {
  const ticket = await findTicket(deps.db, press.ticketId);
  if (!ticket) return answer.say(`🔎 There is no ticket T-${press.ticketId}.`, true);
  const isRepeated = await wasRedriven(deps.db, press.commandId);
  if (!isRepeated && ticket.stateRevision !== press.revision) return sayStale(deps, ticket, answer);
  if (press.action === 'retry' && ticket.deadEvents > 1) return ask(deps, api, press, ticket, answer);
  const result = await runRetry(deps, press, ticket);
  await answer.say(redriveWords(result, ticket.name), result.outcome === 'nothing');
  if (press.action === 'retryall' && result.outcome === 'started') await closeQuestion(deps, api, press, result.events);
}

function sayStale(deps: BotDeps, ticket: TicketView, answer: PressAnswer): Promise<void> {
  deps.wake('card');
  return answer.say(truthWords(ticket, deps.clock.now()), true);
}

async function runRetry(deps: BotDeps, press: TicketPress, ticket: TicketView): Promise<RedriveResult> {
  const { ticketId, commandId } = press;
  const actor = actorOf(press.person);
  const { engineeringChatId: chatId } = deps;
  const where = chatId === null ? { personId: actor.personId } : { chatId, ticketId };
  const announce = announcement({ ...where, what: ticket.name, by: actor.name });
  const result = await redriveTicket(deps.db, { ticketId, commandId, actor, announce });
  wakeForRedrive(deps, result);
  return result;
}

async function ask(
  deps: BotDeps,
  api: Api,
  press: TicketPress,
  ticket: TicketView,
  answer: PressAnswer,
): Promise<void> {
  const { id: ticketId, stateRevision: revision, deadEvents: count } = ticket;
  const question = { ticketId, chatId: press.chatId, about: `retry:${revision}:${count}` };
  if (!(await askOnce(deps.db, question)))
    return answer.say(`🔁 Press Retry ${count} in the message under the card.`, true);
  const data = formatTicketButton({ ticketId, action: 'retryall', revision });
  const keyboard = { inline_keyboard: [[{ text: `🔁 Retry ${count}`, callback_data: data }]] };
  try {
    const under = { chatId: press.chatId, replyTo: press.messageId };
    await sendAnswer(api, deps.log, under, { text: questionText(ticket), keyboard });
  } catch (error) {
    await forgetQuestion(deps.db, question);
    throw error;
  }
  await answer.say(`🔁 ${paymentsWords(count)}: please confirm under the card.`);
}

function questionText({ name, deadEvents }: TicketView): FormattedString {
  return fmt`🔁 ${name}: ${paymentsWords(deadEvents)} would be tried again. Press to do it.`;
}

/** The question is answered; that its button stands there a while longer harms nobody, so a refusal is only noted. */
async function closeQuestion(deps: BotDeps, api: Api, press: TicketPress, count: number): Promise<void> {
  const text = `🔁 T-${press.ticketId}: ${actorOf(press.person).name} has started a retry of ${paymentsWords(count)}.`;
  try {
    await api.editMessageText(press.chatId, press.messageId, text, {}, callSignal());
  } catch (error) {
    const why = error instanceof GrammyError ? error.description : 'no answer';
    deps.log.info({ ticketId: press.ticketId, why }, 'the question of a retry still stands in the chat');
  }
}
