import type { Api } from 'grammy';
import { findTicket } from '../../escalation/ticket-query.ts';
import type { Person } from '../../people/person.ts';
import type { BotDeps } from '../bot-context.ts';
import { askReason, findByName } from '../breaker-order.ts';
import { HOLD_BUTTON_MS } from '../cards/breaker-card.ts';
import { sendAnswer } from '../sending/bot-reply.ts';
import { changedWords, ORDERS } from '../words/breaker-words.ts';
import type { BreakerButton } from './button-data.ts';
import type { PressAnswer } from './press-answer.ts';
import { askOnce, forgetQuestion, keepReasonQuestion } from './question-store.ts';

export type BreakerPress = BreakerButton & { person: Person; chatId: number; messageId: number };

/** An order needs a reason, so the press asks for one, under the card; a button of another epoch is told what is true. */
export async function pressBreaker(deps: BotDeps, api: Api, press: BreakerPress, answer: PressAnswer): Promise<void> {
  const ticket = await findTicket(deps.db, press.ticketId);
  const breaker = ticket?.breaker && findByName(await deps.breakers.list(), ticket.breaker.name);
  if (!breaker) return answer.say(`🔎 T-${press.ticketId} is about no breaker.`, true);
  if (breaker.epoch !== press.epoch) {
    deps.wake('card');
    const { state, actor, note, reason } = breaker;
    return answer.say(changedWords({ state, by: actor, because: note ?? reason }), true);
  }
  await ask(deps, api, press, breaker.name, answer);
}

async function ask(
  deps: BotDeps,
  api: Api,
  press: BreakerPress,
  dependency: string,
  answer: PressAnswer,
): Promise<void> {
  const { ticketId, order, epoch, chatId, messageId, person } = press;
  const once = { chatId, ticketId, about: `reason-${order}:${epoch}:${person.telegramId}` };
  if (!(await askOnce(deps.db, once))) return answer.say('✍️ Reply to the question under the card.', true);
  const ttlMs = order === 'hold' ? HOLD_BUTTON_MS : null;
  const question = { verb: ORDERS[order], dependency, ttlMs, seenEpoch: epoch };
  try {
    const asked = askReason(person, question);
    const reply = await sendAnswer(api, deps.log, { chatId, replyTo: messageId }, asked);
    if (reply.outcome === 'sent')
      await keepReasonQuestion(deps.db, { chatId, messageId: reply.messageId }, asked.question);
  } catch (error) {
    await forgetQuestion(deps.db, once);
    throw error;
  }
  await answer.say('✍️ For what reason? Reply to the question under the card.');
}
