import { FormattedString, fmt } from '@grammyjs/parse-mode';
import type { Api } from 'grammy';
import { findEventView } from '../../api/event-view.ts';
import { findPaymentView } from '../../api/payment-view.ts';
import {
  type ActRequest,
  type ActResult,
  acknowledgeTicket,
  reopenTicket,
  resolveTicket,
} from '../../escalation/ticket-acts.ts';
import { findTicket, listStory, listTicketEvents, ticketExists } from '../../escalation/ticket-query.ts';
import type { TicketView } from '../../escalation/ticket-view.ts';
import { listRefusalEvidence } from '../../intake/refusal-store.ts';
import { putNotice } from '../../notice/notice-store.ts';
import { actorOf, type Person } from '../../people/person.ts';
import { markPrivateChat } from '../../people/person-store.ts';
import type { BotDeps, Scope } from '../bot-context.ts';
import { adoptMessage } from '../cards/card-store.ts';
import { causeWords } from '../cards/card-text.ts';
import { paymentText } from '../commands/tx.ts';
import { sendAnswer } from '../sending/bot-reply.ts';
import { refusalText, unreadableText } from '../words/evidence-text.ts';
import { renderTimeline } from '../words/timeline-text.ts';
import { formatOverrideLink, type TicketAction } from './button-data.ts';
import type { PressAnswer } from './press-answer.ts';
import { askToWhom, pressDuty } from './press-duty.ts';
import { answerAct } from './press-outcome.ts';
import { pressRetry } from './press-retry.ts';
import { verifiedWords } from './press-words.ts';

export type TicketPress = {
  ticketId: number;
  action: TicketAction;
  /** What people had done to the ticket when the button was drawn. */
  revision: number;
  person: Person;
  commandId: string;
  chatId: number;
  messageId: number;
  scope: Scope;
  bot: { username: string };
};

/** Somebody who may presses a button of a ticket. Each says what is true afterwards. */
export async function pressTicketButton(
  deps: BotDeps,
  api: Api,
  press: TicketPress,
  answer: PressAnswer,
): Promise<void> {
  await adoptCard(deps, press);
  switch (press.action) {
    case 'ack':
    case 'resolve':
    case 'reopen':
      return changeState(deps, { ...press, action: press.action }, answer);
    case 'inspect':
      return inspect(deps, api, press, answer);
    case 'retry':
    case 'retryall':
      return pressRetry(deps, api, press, answer);
    case 'verify':
      return verify(deps, press, answer);
    case 'confirm':
    case 'release':
    case 'snooze':
    case 'escalate':
      return pressDuty(deps, { ...press, action: press.action }, answer);
    case 'handover':
      return askToWhom(deps, api, press, answer);
    case 'timeline':
      return showTimeline(deps, api, press, answer);
    case 'override':
      return answer.lead(formatOverrideLink(press.bot.username, press.ticketId));
  }
}

/** A card whose sending was never answered is known again by being pressed. */
async function adoptCard(deps: BotDeps, press: TicketPress): Promise<void> {
  if (press.scope !== 'group' || press.action === 'retryall') return;
  await adoptMessage(deps.db, press.ticketId, press.chatId, press.messageId);
}

type StateAction = 'ack' | 'resolve' | 'reopen';

async function changeState(
  deps: BotDeps,
  press: TicketPress & { action: StateAction },
  answer: PressAnswer,
): Promise<void> {
  return answerAct(deps, press, await runStateAct(deps, press), answer);
}

function runStateAct(deps: BotDeps, press: TicketPress & { action: StateAction }): Promise<ActResult> {
  const { ticketId, revision: seenRevision, commandId } = press;
  const request: ActRequest = { ticketId, seenRevision, commandId, actor: actorOf(press.person) };
  switch (press.action) {
    case 'ack':
      return acknowledgeTicket(deps.db, request);
    case 'resolve':
      return resolveTicket(deps.db, { ...request, reason: null });
    case 'reopen':
      return reopenTicket(deps.db, request);
  }
}

/**
 * In private, with everything; under the card and masked when the person cannot be written to. Looking is never stale. Reading
 * a ticket of ten thousand failures takes a while, so where the answer will be is said before.
 */
async function inspect(deps: BotDeps, api: Api, press: TicketPress, answer: PressAnswer): Promise<void> {
  if (press.person.privateChat && (await ticketExists(deps.db, press.ticketId)))
    await answer.say(press.scope === 'group' ? '🔍 On its way to our private chat.' : '');
  const ticket = await findTicket(deps.db, press.ticketId);
  if (!ticket) return answer.say(`🔎 There is no ticket T-${press.ticketId}.`, true);
  const { telegramId } = press.person;
  const inPrivate = { text: await inspectText(deps, ticket, 'private') };
  const { outcome } = await sendAnswer(api, deps.log, { chatId: telegramId }, inPrivate);
  await markPrivateChat(deps.db, telegramId, outcome === 'sent');
  if (outcome === 'sent') return answer.say(press.scope === 'group' ? '🔍 Sent to you in private.' : '');
  await answer.say(
    '🔍 I can’t write to you in private yet: press Start in our chat. It is under the card for now.',
    true,
  );
  const under = { chatId: press.chatId, replyTo: press.messageId };
  await sendAnswer(api, deps.log, under, { text: await inspectText(deps, ticket, 'group') });
}

/** The whole story, where there is room for it. */
async function showTimeline(deps: BotDeps, api: Api, press: TicketPress, answer: PressAnswer): Promise<void> {
  const ticket = await findTicket(deps.db, press.ticketId);
  if (!ticket) return answer.say(`🔎 There is no ticket T-${press.ticketId}.`, true);
  const text = renderTimeline(ticket, await listStory(deps.db, ticket.id), deps.clock.now());
  const { telegramId } = press.person;
  const { outcome } = await sendAnswer(api, deps.log, { chatId: telegramId }, { text });
  await markPrivateChat(deps.db, telegramId, outcome === 'sent');
  if (outcome === 'sent') return answer.say(press.scope === 'group' ? '📜 Sent to you in private.' : '');
  return answer.say(
    '📜 I can’t write to you in private yet: press Start in our chat, then press Timeline again.',
    true,
  );
}

async function inspectText(deps: BotDeps, ticket: TicketView, scope: Scope): Promise<FormattedString> {
  const head = fmt`🔍 ${FormattedString.bold(ticket.name)} · ${causeWords(ticket)}`;
  const body = (await evidenceText(deps, ticket, scope)) ?? fmt`${ticket.log.map((line) => line.text).join('\n')}`;
  const others = Math.max(0, ticket.failures - 1);
  const more =
    others > 0 ? fmt`\n… and ${others.toLocaleString('en-US')} more. /ticket ${ticket.name} lists some.` : fmt``;
  return fmt`${head}\n\n${body}${more}`;
}

const REFUSALS_SHOWN = 3;

/** One payment of it; or one webhook that could not be read; or the latest that could not be trusted. */
async function evidenceText(deps: BotDeps, ticket: TicketView, scope: Scope): Promise<FormattedString | null> {
  if (ticket.errorFamily.startsWith('signature: ')) {
    return refusalText(
      await listRefusalEvidence(deps.db, ticket.id, { limit: REFUSALS_SHOWN }),
      scope,
      deps.clock.now(),
    );
  }
  const events = await listTicketEvents(deps.db, ticket.id, { limit: 20 });
  const sample = events.find((event) => event.transactionId !== null);
  if (!sample) return events[0] ? unreadable(deps, events[0], scope) : null;
  const view = await findPaymentView(deps.db, sample.provider, sample.transactionId!, deps.clock.now(), deps.plans);
  return view ? paymentText(deps, view, scope) : null;
}

async function unreadable(
  deps: BotDeps,
  key: { provider: string; id: number },
  scope: Scope,
): Promise<FormattedString | null> {
  const event = await findEventView(deps.db, key, deps.clock.now());
  return event ? unreadableText(event, scope, deps.clock.now()) : null;
}

/** It may take longer than a press can wait; then the outcome is told under the card. */
async function verify(deps: BotDeps, press: TicketPress, answer: PressAnswer): Promise<void> {
  const { ticketId, commandId } = press;
  const text = verifiedWords(await deps.verifyAgain({ ticketId, actor: actorOf(press.person) }));
  deps.wake('event');
  deps.wake('card');
  const wasTold = await answer.tell(text);
  if (wasTold || deps.engineeringChatId === null) return;
  const notice = { key: `answer:${commandId}`, kind: 'ticket', chatId: deps.engineeringChatId, ticketId } as const;
  await putNotice(deps.db, { ...notice, body: { text } });
  deps.wake('notice');
}
