import type { Message, Update } from '@grammyjs/types';
import { type Api, GrammyError } from 'grammy';
import { type CodeVerdict, freshUntil, wrongCodesLeft } from '../../people/code-decision.ts';
import { type Factor, findFactor, takeOfferMessage } from '../../people/factor-store.ts';
import type { Logger } from '../../platform/log.ts';
import type { BotDeps, Request } from '../bot-context.ts';
import { say } from '../commands/command.ts';
import { findCodeVerdict } from '../incoming/inbox-store.ts';
import { callSignal, sendAnswer } from '../sending/bot-reply.ts';
import { CUSTOMER_TEXT } from '../words/help-text.ts';
import { clockTime } from '../words/line-words.ts';
import { findPendingAct, forgetPendingAct } from './pending-act-store.ts';

type Tools = { deps: BotDeps; api: Api };

/**
 * Six digits were typed in private. They were looked at before their update was stored; here the message goes from the chat, and what waited for a right
 * code is done. It is forgotten only afterwards: should we die in between, it is done again, which its command id makes nothing of.
 */
export async function answerCode(
  { deps, api }: Tools,
  request: Request,
  message: Message,
  handleAgain: (waiting: Update) => Promise<void>,
): Promise<void> {
  const chatId = message.chat.id;
  await removeMessage(api, deps.log, chatId, message.message_id);
  const verdict = await findCodeVerdict(deps.db, request.updateId);
  if (verdict === 'enrolled') await removeOffer({ deps, api }, chatId);
  if (verdict === 'locked_now') deps.wake('notice');
  const waiting = isRight(verdict) ? await findPendingAct(deps.db, chatId, deps.clock.now()) : null;
  if (!waiting || verdict === 'enrolled')
    await sendAnswer(api, deps.log, { chatId }, say(await wordsOf(deps, chatId, verdict)));
  if (!waiting) return;
  await handleAgain(waiting.update);
  await forgetPendingAct(deps.db, chatId, waiting.updateId);
}

/**
 * A code that was typed where everybody reads it is not looked at, and goes from the chat. Only of somebody who has codes: other people’s
 * six digits are a number.
 */
export async function removeGroupCode({ deps, api }: Tools, request: Request, message: Message): Promise<void> {
  const { person } = request;
  if (!person?.active || (await findFactor(deps.db, person.telegramId)) === null) return;
  await removeMessage(api, deps.log, message.chat.id, message.message_id);
  await sendAnswer(api, deps.log, { chatId: person.telegramId }, say(GROUP_CODE_TEXT));
}

const GROUP_CODE_TEXT =
  '🔐 Codes are typed here, and not in the group, where everybody reads them. I did not take that one; if it still stands there, delete it. If it was no code, write a word beside the number.';

function isRight(verdict: CodeVerdict | null): boolean {
  return verdict === 'right' || verdict === 'enrolled';
}

/** The picture holds the secret, and has done its work. */
async function removeOffer({ deps, api }: Tools, personId: number): Promise<void> {
  const messageId = await takeOfferMessage(deps.db, personId);
  if (messageId !== null) await removeMessage(api, deps.log, personId, messageId);
}

/** A message that is gone already, or too old to be taken back, is no reason to do nothing. */
async function removeMessage(api: Api, log: Logger, chatId: number, messageId: number): Promise<void> {
  try {
    await api.deleteMessage(chatId, messageId, callSignal());
  } catch (error) {
    if (!(error instanceof GrammyError) || error.error_code !== 400) throw error;
    log.info({ messageId, why: error.description }, 'a message with a code was not deleted');
  }
}

async function wordsOf({ db, clock }: BotDeps, personId: number, verdict: CodeVerdict | null): Promise<string> {
  if (verdict === null) return CUSTOMER_TEXT;
  return verdictWords(verdict, await findFactor(db, personId), clock.now());
}

function verdictWords(verdict: CodeVerdict, factor: Factor | null, now: Date): string {
  const until = (at: Date | null | undefined) => (at ? `${clockTime(at, now)} UTC` : 'later');
  switch (verdict) {
    case 'enrolled':
      return '🔐 Your authenticator counts from now on, and the picture is gone. When something needs a code, send its six digits here.';
    case 'right':
      return `🔐 That is right. Retries and orders to a breaker need no other code until ${until(factor?.verifiedAt && freshUntil(factor.verifiedAt))}.`;
    case 'used':
      return '🔐 That code was used before. Wait for the next one, at most 30 seconds.';
    case 'wrong':
      return `🔐 That code is wrong, or its time is over. Nothing was done; ${wrongCodesLeft(factor?.wrongCodes ?? 0)} more tries. Send the one your authenticator shows now.`;
    case 'locked_now':
      return `🔐 That was one wrong code too many: no code is taken until ${until(factor?.lockedUntil)}. The team has been told.`;
    case 'locked':
      return `🔐 No code is taken until ${until(factor?.lockedUntil)}.`;
    case 'none':
      return '🔐 You have no authenticator here yet: /enroll sets one up.';
    case 'unreadable':
      return '🔐 Your authenticator cannot be read any more, since SECRET_KEY has changed. Ask an admin to reset it with /roles, then send /enroll.';
  }
}
