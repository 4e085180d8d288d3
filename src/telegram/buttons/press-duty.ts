import { fmt } from '@grammyjs/parse-mode';
import type { InlineKeyboardButton } from '@grammyjs/types';
import type { Api } from 'grammy';
import type { ActRequest, ActResult } from '../../escalation/ticket-acts.ts';
import {
  confirmTicket,
  escalateTicket,
  handOverTicket,
  releaseTicket,
  snoozeTicket,
} from '../../escalation/ticket-duty-acts.ts';
import { findTicket } from '../../escalation/ticket-query.ts';
import type { TicketView } from '../../escalation/ticket-view.ts';
import { putNotice } from '../../notice/notice-store.ts';
import { actorOf, mayBePaged, nameOf, type Person } from '../../people/person.ts';
import { findPerson, listActivePeople } from '../../people/person-store.ts';
import type { BotDeps } from '../bot-context.ts';
import { callSignal, sendAnswer } from '../sending/bot-reply.ts';
import { oneLine } from '../words/line-words.ts';
import { formatHandOverButton, type HandOverButton } from './button-data.ts';
import type { PressAnswer } from './press-answer.ts';
import { answerAct } from './press-outcome.ts';
import type { TicketPress } from './press-ticket.ts';
import { truthWords } from './press-words.ts';
import { askOnce, forgetQuestion } from './question-store.ts';

type DutyAction = 'confirm' | 'release' | 'snooze' | 'escalate';
type DutyPress = TicketPress & { action: DutyAction };

const SNOOZE_MS = 30 * 60_000;

/** Keeps it, gives it back, quiets it, or calls for more people. */
export async function pressDuty(deps: BotDeps, press: DutyPress, answer: PressAnswer): Promise<void> {
  return answerAct(deps, press, await runDutyAct(deps, press), answer);
}

function runDutyAct(deps: BotDeps, press: DutyPress): Promise<ActResult> {
  const request = requestOf(press);
  switch (press.action) {
    case 'confirm':
      return confirmTicket(deps.db, request);
    case 'release':
      return releaseTicket(deps.db, request);
    case 'snooze':
      return snoozeTicket(deps.db, { ...request, until: new Date(deps.clock.now().getTime() + SNOOZE_MS) });
    case 'escalate':
      return escalateTicket(deps.db, request);
  }
}

type Pressed = { ticketId: number; revision: number; commandId: string; person: Person };

function requestOf({ ticketId, revision: seenRevision, commandId, person }: Pressed): ActRequest {
  return { ticketId, seenRevision, commandId, actor: actorOf(person) };
}

/** Asks under the card to whom; each name is a button. */
export async function askToWhom(deps: BotDeps, api: Api, press: TicketPress, answer: PressAnswer): Promise<void> {
  const ticket = await findTicket(deps.db, press.ticketId);
  if (!ticket) return answer.say(`🔎 There is no ticket T-${press.ticketId}.`, true);
  if (ticket.stateRevision !== press.revision) return sayChanged(deps, ticket, answer);
  const heirs = await listHeirs(deps, ticket);
  if (heirs.length === 0) return answer.say('🤝 There is nobody else who may act.', true);
  const question = { ticketId: ticket.id, chatId: press.chatId, about: `handover:${ticket.stateRevision}` };
  if (!(await askOnce(deps.db, question))) return answer.say('🤝 Choose a name in the message under the card.', true);
  try {
    const text = fmt`🤝 Who shall have ${ticket.name}?`;
    const under = { chatId: press.chatId, replyTo: press.messageId };
    await sendAnswer(api, deps.log, under, { text, keyboard: { inline_keyboard: namesOf(ticket, heirs) } });
  } catch (error) {
    await forgetQuestion(deps.db, question);
    throw error;
  }
  await answer.say('🤝 To whom? Choose under the card.');
}

/** A keyboard holds a hundred buttons, and nobody reads so many names. */
const NAMES_MAX = 24;

async function listHeirs({ db }: BotDeps, ticket: TicketView): Promise<Person[]> {
  const people = (await listActivePeople(db)).filter(mayBePaged);
  return people.filter((person) => person.telegramId !== ticket.ownerId).slice(0, NAMES_MAX);
}

function namesOf({ id: ticketId, stateRevision: revision }: TicketView, heirs: Person[]): InlineKeyboardButton[][] {
  const buttons = heirs.map((person) => ({
    text: oneLine(nameOf(person), 32),
    callback_data: formatHandOverButton({ ticketId, toId: person.telegramId, revision }),
  }));
  return Array.from({ length: Math.ceil(buttons.length / 3) }, (_, row) => buttons.slice(row * 3, row * 3 + 3));
}

/** Somebody chose who shall have it. */
export async function pressHandOver(
  deps: BotDeps,
  api: Api,
  press: HandOverButton & { person: Person; commandId: string; chatId: number; messageId: number },
  answer: PressAnswer,
): Promise<void> {
  const heir = await findPerson(deps.db, press.toId);
  if (!heir || !mayBePaged(heir)) return answer.say('🤝 They may not act any more. Choose somebody else.', true);
  const result = await handOverTicket(deps.db, { ...requestOf(press), to: actorOf(heir) });
  if (result.outcome === 'done') await tellHeir(deps, press, heir);
  if (result.outcome === 'done' || result.outcome === 'stale') await closeQuestion(deps, api, press);
  await answerAct(deps, { ticketId: press.ticketId, action: 'handover' }, result, answer);
}

async function tellHeir(deps: BotDeps, { ticketId, commandId, person }: Pressed, heir: Person): Promise<void> {
  if (heir.telegramId === person.telegramId) return;
  const text = `🤝 ${nameOf(person)} has handed T-${ticketId} over to you. /ticket T-${ticketId} shows it.`;
  await putNotice(deps.db, { key: `handed:${commandId}`, kind: 'text', personId: heir.telegramId, body: { text } });
}

/** Its buttons are used up; that they stand there a while longer harms nobody. */
async function closeQuestion(
  { log }: BotDeps,
  api: Api,
  { chatId, messageId, ticketId }: { chatId: number; messageId: number; ticketId: number },
): Promise<void> {
  try {
    await api.editMessageReplyMarkup(chatId, messageId, {}, callSignal());
  } catch {
    log.info({ ticketId }, 'the question to whom a ticket goes still stands in the chat');
  }
}

function sayChanged(deps: BotDeps, ticket: TicketView, answer: PressAnswer): Promise<void> {
  deps.wake('card');
  return answer.say(truthWords(ticket, deps.clock.now()), true);
}
