import type { Message, Update } from '@grammyjs/types';
import { type Act, mayAct, type Person } from '../people/person.ts';
import { auditAttempt } from './bot-audit.ts';
import type { Answer, BotDeps, Request } from './bot-context.ts';
import { type AskedOrder, findAskedOrder, giveAskedOrder } from './breaker-order.ts';
import { type Command, type CommandRequest, say } from './commands/command.ts';
import { findNearest, type ParsedCommand } from './commands/parse.ts';
import { findCommand, listCommandNames } from './commands/registry.ts';
import { CUSTOMER_TEXT, FACELESS_TEXT, FORWARDED_TEXT, refusalText, unknownCommandText } from './help-text.ts';

export type Said = { update: Update; message: Message; command: ParsedCommand | null };

/** What to say to a message, or null to say nothing. Who may is decided here, for every command alike. */
export async function answerMessage(deps: BotDeps, request: Request, said: Said): Promise<Answer | null> {
  if (!said.command) return answerWords(deps, request, said.message);
  const command = findCommand(said.command.name);
  if (!command) return sayUnknown(request, said.command);
  const refusal = findRefusal(request, said.message, actOf(command, said.command));
  await auditCommand(deps, request, said.command, command, refusal?.because);
  return refusal ? say(refusal.text) : command.run(deps, toCommandRequest(request, said));
}

/** Words that are no command: the reason somebody was asked for, or nothing we understand. */
async function answerWords(deps: BotDeps, request: Request, message: Message): Promise<Answer | null> {
  const asked = await findAskedOrder(deps, message);
  if (asked) return answerReason(deps, request, message, asked);
  return request.scope === 'private' ? sayToPlainWords(request.person) : null;
}

async function answerReason(deps: BotDeps, request: Request, message: Message, asked: AskedOrder): Promise<Answer> {
  const refusal = findRefusal(request, message, 'breaker');
  const attempt = { action: `breaker:${asked.verb}`, target: asked.dependency, allowed: refusal === null };
  await auditAttempt(deps, request, refusal ? { ...attempt, because: refusal.because } : attempt);
  if (refusal) return say(refusal.text);
  const { person, updateId } = request;
  return giveAskedOrder(deps, { person: person!, updateId }, asked, message.text ?? '');
}

function actOf(command: Command, { args }: ParsedCommand): Act | null {
  return command.actFor?.(args) ?? command.act;
}

type Refusal = { because: string; text: string };

function findRefusal({ sender, person }: Request, message: Message, act: Act | null): Refusal | null {
  if (act === null) return null;
  if (sender.kind === 'faceless') return { because: 'faceless', text: FACELESS_TEXT };
  if (isForwarded(message)) return { because: 'forwarded', text: FORWARDED_TEXT };
  if (!mayAct(person, act)) return { because: person ? 'role' : 'stranger', text: refusalText(person) };
  return null;
}

/** Servers older than Bot API 7.0 tell it by the date. */
function isForwarded(message: Message): boolean {
  return message.forward_origin !== undefined || 'forward_date' in message;
}

/** What changes nothing and shows nothing about anybody need not be on record. */
async function auditCommand(
  deps: BotDeps,
  request: Request,
  { args }: ParsedCommand,
  { name, act }: Command,
  because: string | undefined,
): Promise<void> {
  if (act === null) return;
  const attempt = { action: `/${name}`, target: args || '-', allowed: because === undefined };
  await auditAttempt(deps, request, because ? { ...attempt, because } : attempt);
}

function toCommandRequest(request: Request, { message, command }: Said): CommandRequest {
  return {
    ...request,
    args: command!.args,
    chatId: message.chat.id,
    repliedMessageId: message.reply_to_message?.message_id ?? null,
  };
}

/** In the group a command we do not know may be another bot's, unless it is said to us or by one of us. */
function sayUnknown({ scope, person }: Request, { name, isAddressed }: ParsedCommand): Answer | null {
  if (scope === 'group' && !isAddressed && !mayAct(person, 'read')) return null;
  const known = mayAct(person, 'read') ? listCommandNames() : ['start', 'help'];
  return say(unknownCommandText(name, findNearest(name, known)));
}

function sayToPlainWords(person: Person | null): Answer {
  return say(mayAct(person, 'read') ? '🤔 I only understand commands. /help shows them.' : CUSTOMER_TEXT);
}
