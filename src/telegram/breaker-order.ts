import { FormattedString, fmt } from '@grammyjs/parse-mode';
import type { Message } from '@grammyjs/types';
import { appendAudit } from '../audit/audit-store.ts';
import type { BreakerView } from '../breaker/breaker-query.ts';
import type { BreakerCommand } from '../breaker/command.ts';
import { actorOf, type Person } from '../people/person.ts';
import type { Answer, BotDeps } from './bot-context.ts';
import { findReasonQuestion, type ReasonQuestion } from './buttons/question-store.ts';
import { say } from './commands/command.ts';
import { answerWords, orderOf, refusalWords } from './words/breaker-words.ts';
import { oneLine } from './words/line-words.ts';

export type BreakerOrder = Omit<ReasonQuestion, 'seenEpoch' | 'personId'> & {
  reason: string;
  /** Null when the person named the breaker and was shown nothing of it. */
  seenEpoch: number | null;
  /** The update that brought it: delivered twice, it acts once. */
  updateId: number;
};

const REASON_LENGTH_MAX = 300;

/** Gives the order, and says what is true afterwards. Whether the person may was asked before. */
export async function giveOrder(deps: BotDeps, person: Person, order: BreakerOrder): Promise<Answer> {
  const { name: actor } = actorOf(person);
  const { updateId, ...command } = order;
  const reason = Array.from(order.reason).slice(0, REASON_LENGTH_MAX).join('');
  const onChanged = recorder(person, order);
  const answer = await deps.breakers.command({ ...command, reason, actor, commandId: `update:${updateId}`, onChanged });
  if (answer.outcome !== 'refused') deps.wake('card');
  return say(answerWords(order.dependency, actor, answer, deps.clock.now()));
}

function recorder(person: Person, { dependency, verb }: BreakerOrder): NonNullable<BreakerCommand['onChanged']> {
  return async (trx, { from, to, epoch, forcedUntil }) => {
    const done = {
      actor: `telegram:${person.telegramId}`,
      action: `breaker:${verb}`,
      target: dependency,
      allowed: true,
    };
    await appendAudit(trx, { ...done, before: { state: from }, after: { state: to, epoch, forcedUntil } });
  };
}

/** Asks the person for a reason; their answer to that message is the order. */
export function askReason(
  person: Person,
  order: Omit<ReasonQuestion, 'personId'>,
): Answer & { question: ReasonQuestion } {
  const { verb, dependency } = order;
  const question = { ...order, personId: person.telegramId };
  const who = FormattedString.mentionUser(oneLine(actorOf(person).name, 64), person.telegramId);
  const text = fmt`✍️ ${who}: ${orderOf(verb)} ${oneLine(dependency, 80)} for what reason? Reply to this message with it, or with “cancel”. Nothing has changed yet.`;
  return { text, question };
}

export type AskedOrder = ReasonQuestion & { isOver: boolean };

/** The order whose reason this message gives; null when it answers no question, or one that somebody else was asked. */
export async function findAskedOrder(deps: BotDeps, message: Message): Promise<AskedOrder | null> {
  const asked = message.reply_to_message;
  if (!asked) return null;
  const order = await findReasonQuestion(deps.db, { chatId: message.chat.id, messageId: asked.message_id });
  return order?.personId === message.from?.id ? order : null;
}

const CANCEL = /^\s*(cancel|no|stop|never ?mind)\W*$/i;

export async function giveAskedOrder(
  deps: BotDeps,
  request: { person: Person; updateId: number },
  { isOver, personId: _, ...order }: AskedOrder,
  reason: string,
): Promise<Answer> {
  if (isOver) return say('⌛ That was asked too long ago, and nothing has changed. Press the button again.');
  if (CANCEL.test(reason)) return say('👌 Nothing has changed.');
  if (reason.trim() === '') return say(refusalWords('reason_missing', order.dependency));
  return giveOrder(deps, request.person, { ...order, reason, updateId: request.updateId });
}

/** Names are typed by hand: `Activation` is meant as well. */
export function findByName(breakers: BreakerView[], name: string): BreakerView | null {
  const exact = breakers.find((breaker) => breaker.name === name);
  return exact ?? breakers.find((breaker) => breaker.name.toLowerCase() === name.toLowerCase()) ?? null;
}
