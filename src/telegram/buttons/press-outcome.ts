import type { ActResult } from '../../escalation/ticket-acts.ts';
import type { BotDeps } from '../bot-context.ts';
import type { PressAnswer } from './press-answer.ts';
import { type ActWord, doneWords, tooEarlyWords, truthWords } from './press-words.ts';

/** What came of an act, to who pressed. */
export async function answerAct(
  deps: BotDeps,
  press: { ticketId: number; action: ActWord },
  { outcome, ticket }: ActResult,
  answer: PressAnswer,
): Promise<void> {
  deps.wake('card');
  deps.wake('notice');
  if (outcome === 'unknown' || ticket === null) return answer.say(`🔎 There is no ticket T-${press.ticketId}.`, true);
  if (outcome === 'too_early') return answer.say(tooEarlyWords(ticket), true);
  if (outcome === 'stale') return answer.say(truthWords(ticket, deps.clock.now()), true);
  return answer.say(doneWords(press.action, ticket));
}
