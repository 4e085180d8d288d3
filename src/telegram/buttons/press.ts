import type { CallbackQuery, Update } from '@grammyjs/types';
import type { Api } from 'grammy';
import { overrideName } from '../../override/override-words.ts';
import { type Admission, type Attempt, admit, type Flaw } from '../admission/admission.ts';
import type { Place } from '../admission/identify.ts';
import type { BotDeps, Request } from '../bot-context.ts';
import { say } from '../commands/command.ts';
import { retryPayment } from '../commands/retry.ts';
import { sendAnswer } from '../sending/bot-reply.ts';
import { CODE_WANTED_TEXT } from '../words/admission-text.ts';
import { type ButtonData, parseButton } from './button-data.ts';
import { createLateAnswer, createPressAnswer, type PressAnswer } from './press-answer.ts';
import { pressBreaker } from './press-breaker.ts';
import { pressHandOver } from './press-duty.ts';
import { pressOverride } from './press-override.ts';
import { ruleOf } from './press-rules.ts';
import { pressTicketButton } from './press-ticket.ts';

export type Press = {
  request: Request;
  update: Update;
  query: CallbackQuery;
  place: Place;
  /** The bot's own id: the message with the button must be ours. */
  botId: number;
};

/** One press: who, where, may they, on record, act. Whatever happens, the press is answered. */
export async function handlePress(deps: BotDeps, api: Api, press: Press): Promise<void> {
  const answer = answerOf(deps, api, press);
  try {
    await decide(deps, api, press, answer);
  } finally {
    await answer.end();
  }
}

/** A press that waited for a code was answered when it was pressed; what comes of it is said where the code was typed. */
function answerOf({ log }: BotDeps, api: Api, { request, query }: Press): PressAnswer {
  const { person, isProven } = request;
  return isProven && person ? createLateAnswer(api, log, person.telegramId) : createPressAnswer(api, query.id, log);
}

async function decide(deps: BotDeps, api: Api, press: Press, answer: PressAnswer): Promise<void> {
  const button = parseButton(press.query.data);
  const admission = await admit(deps, press.request, button ? toAttempt(press, button) : toUnreadable(press));
  if (!admission.may) return refuse(deps, api, press, answer, admission);
  await act(deps, api, press, button!, answer);
}

function toAttempt(press: Press, button: ButtonData): Attempt {
  return { ...describeButton(button), rule: ruleOf(button), flaw: findFlaw(press), update: press.update };
}

/** A button of an earlier version, or a payload that somebody made up. */
function toUnreadable(press: Press): Attempt {
  const { data = '-' } = press.query;
  const rule = { act: 'read', risk: 'R0' } as const;
  return {
    action: 'press:unreadable',
    target: data,
    rule,
    flaw: findFlaw(press) ?? 'unreadable',
    update: press.update,
  };
}

type Refused = Extract<Admission, { may: false }>;

/** What waits for a code is said in private as well: there the code is typed. */
async function refuse(deps: BotDeps, api: Api, press: Press, answer: PressAnswer, refused: Refused): Promise<void> {
  await answer.say(refused.text, true);
  const { person, scope } = press.request;
  if (refused.because !== 'code' || scope !== 'group') return;
  await sendAnswer(api, deps.log, { chatId: person!.telegramId }, say(CODE_WANTED_TEXT));
}

async function act(deps: BotDeps, api: Api, press: Press, button: ButtonData, answer: PressAnswer): Promise<void> {
  const commandId = `press:${press.query.id}`;
  if (button.kind === 'payment') return answer.say(await retryPayment(deps, press.request, button, commandId));
  if (button.kind === 'override') return pressOverride(deps, press.request, button, answer);
  const { chat, message_id: messageId } = press.query.message!;
  const person = press.request.person!;
  if (button.kind === 'breaker')
    return pressBreaker(deps, api, { ...button, person, chatId: chat.id, messageId }, answer);
  if (button.kind === 'hand')
    return pressHandOver(deps, api, { ...button, person, commandId, chatId: chat.id, messageId }, answer);
  await pressTicketButton(
    deps,
    api,
    { ...button, person, commandId, chatId: chat.id, messageId, scope: press.request.scope, bot: press.request.bot },
    answer,
  );
}

function describeButton(button: ButtonData): { action: string; target: string } {
  if (button.kind === 'payment') return { action: 'press:retry', target: `${button.provider} ${button.transactionId}` };
  if (button.kind === 'override') return { action: `press:${button.action}`, target: overrideName(button.overrideId) };
  if (button.kind === 'breaker') return { action: `press:${button.order}`, target: `breaker of T-${button.ticketId}` };
  if (button.kind === 'hand') return { action: `press:handover:${button.toId}`, target: `T-${button.ticketId}` };
  return { action: `press:${button.action}`, target: `T-${button.ticketId}` };
}

/** What is said of the message a button stands under is Telegram's word; one too old to be shown (`date` is 0) says nothing of its author. */
function findFlaw({ request: { sender }, query: { message }, place, botId }: Press): Flaw | null {
  const isForwarded = message !== undefined && 'forward_origin' in message;
  if (isForwarded) return 'forwarded';
  const isOwnChat = place === 'private' && sender.kind === 'human' && message?.chat.id === sender.id;
  if (place !== 'group' && !isOwnChat) return 'elsewhere';
  const author = message && 'from' in message ? message.from : undefined;
  return author === undefined || author.id === botId ? null : 'not our message';
}
