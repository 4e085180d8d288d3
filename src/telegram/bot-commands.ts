import type { Message, Update } from '@grammyjs/types';
import { mayAct, type Person, type Rule } from '../people/person.ts';
import { type Attempt, admit } from './admission/admission.ts';
import type { Answer, BotDeps, Request, Scope } from './bot-context.ts';
import { type AskedOrder, findAskedOrder, giveAskedOrder } from './breaker-order.ts';
import { PRESS_RULES } from './buttons/press-rules.ts';
import { type Command, type CommandRequest, say } from './commands/command.ts';
import { findNearest, type ParsedCommand, parseCommand } from './commands/parse.ts';
import { findCommand, listCommandNames } from './commands/registry.ts';
import { findTypedWords } from './incoming/inbox-store.ts';
import type { Words } from './words/admission-text.ts';
import { orderOf } from './words/breaker-words.ts';
import { CUSTOMER_TEXT, unknownCommandText } from './words/help-text.ts';

export type Said = { update: Update; message: Message; command: ParsedCommand | null };

/** What to say to a message, or null to say nothing. Who may is decided here, for every command alike. */
export async function answerMessage(deps: BotDeps, request: Request, said: Said): Promise<Answer | null> {
  if (!said.command) return answerWords(deps, request, said);
  const command = findCommand(said.command.name);
  if (!command) return sayUnknown(request, said.command);
  const admission = await admit(deps, request, toAttempt(command, said.command.args, request.scope, said));
  if (!admission.may) return sayNo(admission);
  const heard = command.hearsAddresses ? await hearAddresses(deps, request, said) : said;
  return command.run(deps, toCommandRequest(request, heard));
}

/** What is on record stays masked; what the command is about is what was typed. */
async function hearAddresses(deps: BotDeps, { updateId, bot }: Request, said: Said): Promise<Said> {
  const words = await findTypedWords(deps.db, deps.secretKeys, updateId);
  return words === null ? said : { ...said, command: parseCommand(words, bot.username) ?? said.command };
}

function sayNo({ text, keyboard }: Words): Answer {
  return keyboard ? { ...say(text), keyboard } : say(text);
}

function toAttempt(command: Command, args: string, scope: Scope, { update, message }: Said): Attempt {
  return {
    action: `/${command.name}`,
    target: args || '-',
    rule: ruleOf(command, args, scope),
    ...readSaid(update, message),
  };
}

/** One of us tries it in a chat that is not ours: it is on record, and nothing is said there. */
export async function refuseElsewhere(deps: BotDeps, request: Request, said: Said): Promise<void> {
  const command = said.command && findCommand(said.command.name);
  if (!command || request.person === null) return;
  const attempt = toAttempt(command, said.command!.args, request.scope, said);
  await admit(deps, request, { ...attempt, flaw: 'elsewhere' });
}

/** What a command asks for with these arguments, in this place. */
export function ruleOf(command: Command, args: string, scope: Scope): Rule {
  return { act: command.actFor?.(args) ?? command.act, risk: command.riskFor?.(args, scope) ?? command.risk };
}

function readSaid(update: Update, message: Message): Pick<Attempt, 'update' | 'flaw'> {
  return { update, flaw: isForwarded(message) ? 'forwarded' : null };
}

/** Servers older than Bot API 7.0 tell it by the date. */
function isForwarded(message: Message): boolean {
  return message.forward_origin !== undefined || 'forward_date' in message;
}

/** Words that are no command: the reason somebody was asked for, or nothing we understand. */
async function answerWords(deps: BotDeps, request: Request, said: Said): Promise<Answer | null> {
  const asked = await findAskedOrder(deps, said.message);
  if (asked) return answerReason(deps, request, said, asked);
  return request.scope === 'private' ? sayToPlainWords(request.person) : null;
}

async function answerReason(deps: BotDeps, request: Request, said: Said, asked: AskedOrder): Promise<Answer> {
  const { update, message } = said;
  const order = { action: `breaker:${asked.verb}`, target: asked.dependency };
  const rule = PRESS_RULES.breaker[orderOf(asked.verb)];
  const admission = await admit(deps, request, { ...order, rule, ...readSaid(update, message) });
  if (!admission.may) return sayNo(admission);
  const { person, updateId } = request;
  return giveAskedOrder(deps, { person: person!, updateId }, asked, message.text ?? '');
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
  const known = mayAct(person, 'read') ? listCommandNames() : ['start', 'forget', 'help'];
  return say(unknownCommandText(name, findNearest(name, known)));
}

function sayToPlainWords(person: Person | null): Answer {
  return say(mayAct(person, 'read') ? '🤔 I only understand commands. /help shows them.' : CUSTOMER_TEXT);
}
