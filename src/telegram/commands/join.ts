import { putNotice } from '../../notice/notice-store.ts';
import { findFreeze } from '../../people/freeze-store.ts';
import { nameOf } from '../../people/person.ts';
import { findPerson } from '../../people/person-store.ts';
import { join } from '../../people/team.ts';
import type { Answer, BotDeps, Request } from '../bot-context.ts';
import { withArticle } from '../words/help-text.ts';
import { oneLine } from '../words/line-words.ts';
import { say } from './command.ts';

/** A stranger is not told who froze it, nor why. */
const FROZEN_TEXT = '🧊 Nobody can join at the moment. Nothing was used up: open the link again later.';

/** Somebody opens the link of an invitation. Null: they are on the team already, and the link is not used up. */
export async function joinTeam(deps: BotDeps, { sender, person }: Request, token: string): Promise<Answer | null> {
  if (sender.kind !== 'human' || person?.active) return null;
  if (await findFreeze(deps.db)) return say(FROZEN_TEXT);
  const { id: telegramId, firstName, username } = sender;
  const joining = { token, telegramId, firstName, username, now: deps.clock.now() };
  const joined = await join(deps.db, joining, async (trx, { role, invitedBy }) => {
    const inviter = await findPerson(trx, invitedBy);
    const text = `👋 ${oneLine(firstName, 64)} has joined the team as ${role}, invited by ${oneLine(inviter ? nameOf(inviter) : 'an admin', 64)}.`;
    await putNotice(trx, { key: `joined:${telegramId}:${joining.now.getTime()}`, kind: 'text', body: { text } });
  });
  deps.wake('notice');
  switch (joined.outcome) {
    case 'member':
      return null;
    case 'invalid':
      return say(
        '🔒 This link does not work: it was used, it is more than 24 hours old, or it was taken back. Ask for a new one.',
      );
    case 'joined':
      return say(
        `👋 Welcome, ${oneLine(firstName, 64)}! You are ${withArticle(joined.role)} now. Retries and orders to a breaker need a second factor: /enroll sets it up. /help shows what you can do.`,
      );
  }
}
