import type { CallbackQuery } from '@grammyjs/types';
import type { Api } from 'grammy';
import { type Act, mayAct } from '../people/person.ts';
import { auditAttempt } from './bot-audit.ts';
import type { BotDeps, Request } from './bot-context.ts';
import { pressTicketButton } from './buttons-acts.ts';
import { createPressAnswer, type PressAnswer } from './buttons-answer.ts';
import { pressBreaker } from './buttons-breaker.ts';
import { type ButtonData, parseButton, type TicketAction } from './buttons-data.ts';
import { pressHandOver } from './buttons-duty.ts';
import { retryPayment } from './commands/retry.ts';
import { FACELESS_TEXT, refusalText } from './help-text.ts';
import type { Place } from './identify.ts';

const ACT_OF: Record<TicketAction, Act> = {
  ack: 'acknowledge',
  inspect: 'read',
  retry: 'retry',
  retryall: 'retry',
  resolve: 'resolve',
  reopen: 'reopen',
  verify: 'verify',
  confirm: 'acknowledge',
  release: 'acknowledge',
  handover: 'acknowledge',
  snooze: 'acknowledge',
  escalate: 'acknowledge',
  timeline: 'read',
};

export type Press = {
  request: Request;
  query: CallbackQuery;
  place: Place;
  /** The bot's own id: the message with the button must be ours. */
  botId: number;
};

/** One press: who, where, may they, on record, act. Whatever happens, the press is answered. */
export async function handlePress(deps: BotDeps, api: Api, press: Press): Promise<void> {
  const answer = createPressAnswer(api, press.query.id, deps.log);
  try {
    await decide(deps, api, press, answer);
  } finally {
    await answer.end();
  }
}

async function decide(deps: BotDeps, api: Api, press: Press, answer: PressAnswer): Promise<void> {
  const button = parseButton(press.query.data);
  if (!button) return answer.say('🤔 This button is of an earlier version. /tickets shows what is open.', true);
  const refusal = findRefusal(press, actOf(button));
  await auditAttempt(deps, press.request, {
    ...describeButton(button),
    allowed: refusal === null,
    ...(refusal ? { because: refusal.because } : {}),
  });
  if (refusal) return answer.say(refusal.text, true);
  await act(deps, api, press, button, answer);
}

async function act(deps: BotDeps, api: Api, press: Press, button: ButtonData, answer: PressAnswer): Promise<void> {
  const commandId = `press:${press.query.id}`;
  if (button.kind === 'payment') return answer.say(await retryPayment(deps, press.request, button, commandId));
  const { chat, message_id: messageId } = press.query.message!;
  const person = press.request.person!;
  if (button.kind === 'breaker')
    return pressBreaker(deps, api, { ...button, person, chatId: chat.id, messageId }, answer);
  if (button.kind === 'hand')
    return pressHandOver(deps, api, { ...button, person, commandId, chatId: chat.id, messageId }, answer);
  await pressTicketButton(
    deps,
    api,
    { ...button, person, commandId, chatId: chat.id, messageId, scope: press.request.scope },
    answer,
  );
}

function actOf(button: ButtonData): Act {
  if (button.kind === 'breaker') return 'breaker';
  if (button.kind === 'hand') return ACT_OF.handover;
  return button.kind === 'payment' ? 'retry' : ACT_OF[button.action];
}

function describeButton(button: ButtonData): { action: string; target: string } {
  if (button.kind === 'payment') return { action: 'press:retry', target: `${button.provider} ${button.transactionId}` };
  if (button.kind === 'breaker') return { action: `press:${button.order}`, target: `breaker of T-${button.ticketId}` };
  if (button.kind === 'hand') return { action: `press:handover:${button.toId}`, target: `T-${button.ticketId}` };
  return { action: `press:${button.action}`, target: `T-${button.ticketId}` };
}

type Refusal = { because: string; text: string };

const ELSEWHERE_TEXT = '🔒 This button belongs into the engineering chat and does nothing here.';

function findRefusal({ request, query, place, botId }: Press, act: Act): Refusal | null {
  const { sender, person } = request;
  if (sender.kind === 'faceless') return { because: 'faceless', text: FACELESS_TEXT };
  const isOwnChat = place === 'private' && query.message?.chat.id === sender.id;
  if (place !== 'group' && !isOwnChat) return { because: 'elsewhere', text: ELSEWHERE_TEXT };
  if (!isOurs(query, botId)) return { because: 'not our message', text: ELSEWHERE_TEXT };
  if (!mayAct(person, act)) return { because: person ? 'role' : 'stranger', text: refusalText(person) };
  return null;
}

/** A message too old for Telegram to show (`date` is 0) says nothing of its author; what it says itself is never trusted. */
function isOurs({ message }: CallbackQuery, botId: number): boolean {
  if (!message || !('from' in message)) return true;
  return message.forward_origin === undefined && (message.from === undefined || message.from.id === botId);
}
