import { type FormattedString, fmt } from '@grammyjs/parse-mode';
import { freshUntil, isFresh, isLocked } from '../../people/code-decision.ts';
import { type Factor, findFactor } from '../../people/factor-store.ts';
import { findFreeze } from '../../people/freeze-store.ts';
import { nameOf, type Person } from '../../people/person.ts';
import { findPendingAct } from '../admission/pending-act-store.ts';
import type { BotDeps } from '../bot-context.ts';
import { frozenWords } from '../words/admission-text.ts';
import { clockTime, oneLine } from '../words/line-words.ts';
import { type Command, say } from './command.ts';

export const me: Command = {
  name: 'me',
  hint: 'What you may do, and your second factor',
  example: '/me',
  act: 'read',
  risk: 'R0',
  menus: ['private'],
  run: async (deps, { person, scope }) =>
    scope === 'group' ? say('👤 Ask me in our private chat: /me') : { text: await describe(deps, person!) },
};

async function describe({ db, clock }: BotDeps, person: Person): Promise<FormattedString> {
  const now = clock.now();
  const freeze = await findFreeze(db);
  const waiting = await findPendingAct(db, person.telegramId, now);
  const lines = [
    `👤 ${oneLine(nameOf(person), 64)}, ${person.role} (${person.telegramId})`,
    factorWords(await findFactor(db, person.telegramId), now),
    ...(waiting ? [`Waits for your code: ${oneLine(waiting.what, 120)}`] : []),
    ...(freeze ? [frozenWords(freeze, now)] : []),
  ];
  return fmt`${lines.join('\n')}`;
}

function factorWords(factor: Factor | null, now: Date): string {
  if (factor?.confirmedAt == null) return '🔐 No second factor: /enroll sets one up.';
  if (isLocked(factor, now))
    return `🔐 Second factor locked until ${clockTime(factor.lockedUntil!, now)} UTC: too many wrong codes.`;
  const since = `🔐 Second factor since ${clockTime(factor.confirmedAt, now)} UTC`;
  if (!isFresh(factor.verifiedAt, now)) return `${since}. The next retry or order asks for a code.`;
  return `${since}. No other code is asked for until ${clockTime(freshUntil(factor.verifiedAt!), now)} UTC.`;
}
