import type { InlineKeyboardMarkup } from '@grammyjs/types';
import type { Freeze } from '../../people/freeze-store.ts';
import type { Request } from '../bot-context.ts';
import { ELSEWHERE_TEXT, FACELESS_TEXT, FORWARDED_TEXT, refusalText, UNREADABLE_TEXT } from './help-text.ts';
import { clockTime, oneLine } from './line-words.ts';

/** Why something is not done, in the order in which it is looked for. */
export type Refusal =
  | {
      because:
        | 'faceless'
        | 'forwarded'
        | 'elsewhere'
        | 'not our message'
        | 'unreadable'
        | 'stranger'
        | 'removed'
        | 'role';
    }
  | { because: 'frozen'; freeze: Freeze }
  | { because: 'locked'; until: Date }
  | { because: 'not enrolled' }
  | { because: 'code'; until: Date };

export type Because = Refusal['because'];

export type Words = { text: string; keyboard?: InlineKeyboardMarkup };

/** What whoever asked is told: what is so, and what to do about it. It fits into the answer of a press. */
export function wordsOf(refusal: Refusal, request: Request, now: Date): Words {
  switch (refusal.because) {
    case 'faceless':
      return { text: FACELESS_TEXT };
    case 'forwarded':
      return { text: FORWARDED_TEXT };
    case 'elsewhere':
    case 'not our message':
      return { text: ELSEWHERE_TEXT };
    case 'unreadable':
      return { text: UNREADABLE_TEXT };
    case 'stranger':
    case 'removed':
    case 'role':
      return { text: refusalText(request.person) };
    case 'frozen':
      return { text: `${frozenWords(refusal.freeze, now)}. Nothing was done.` };
    case 'locked':
      return {
        text: `🔐 Too many wrong codes: your second factor is locked until ${clockTime(refusal.until, now)} UTC.`,
      };
    case 'not enrolled':
      return withLink(request, '🔐 This needs a second factor, and you have none yet: send me /enroll in private.');
    case 'code':
      return codeWords(request, clockTime(refusal.until, now));
  }
}

/** Who has frozen it, since when and why. */
export function frozenWords({ by, at, reason }: Freeze, now: Date): string {
  return `🧊 Frozen by ${oneLine(by, 40)} since ${clockTime(at, now)} UTC: ${oneLine(reason, 80)}`;
}

function codeWords(request: Request, until: string): Words {
  const where = request.scope === 'group' ? ' to me in private' : '';
  const text = `🔐 This needs a code: send the six digits your authenticator shows${where}, and it goes on. It waits until ${until} UTC.`;
  return withLink(request, text);
}

/** From the group, one press leads to where codes are typed. */
function withLink({ scope, bot }: Request, text: string): Words {
  if (scope === 'private') return { text };
  return { text, keyboard: { inline_keyboard: [[{ text: '🔐 Go there ↗', url: `https://t.me/${bot.username}` }]] } };
}

export const CODE_WANTED_TEXT =
  '🔐 What you pressed in the engineering chat waits for your code: send the six digits your authenticator shows, within five minutes.';
