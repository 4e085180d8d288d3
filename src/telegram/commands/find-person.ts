import { mayBePaged, nameOf, type Person } from '../../people/person.ts';
import { oneLine } from '../words/line-words.ts';

export type FoundPerson = { found: 'one'; person: Person } | { found: 'none' | 'several' };

/** Of those who may be called: `me`, `@username`, a first name, or a Telegram id. */
export function findColleague(people: Person[], name: string, me: Person): FoundPerson {
  const wanted = name.replace(/^@/, '').toLowerCase();
  const callable = people.filter(mayBePaged);
  const matching = callable.filter((person) =>
    wanted === 'me' ? person.telegramId === me.telegramId : isCalled(person, wanted),
  );
  const [person] = matching;
  if (!person) return { found: 'none' };
  return matching.length === 1 ? { found: 'one', person } : { found: 'several' };
}

function isCalled({ firstName, username, telegramId }: Person, wanted: string): boolean {
  return [firstName, username, String(telegramId)].some((name) => name?.toLowerCase() === wanted);
}

/** Whom to choose from, told to somebody who named nobody we know. */
export function whoWords(found: 'none' | 'several', name: string, people: Person[]): string {
  const known = people.filter(mayBePaged).map((person) => {
    const username = person.username === null ? String(person.telegramId) : `@${person.username}`;
    return `${nameOf(person)} (${username})`;
  });
  const what =
    found === 'none'
      ? `I know nobody called ${oneLine(name, 40)} who may act.`
      : `Several are called ${oneLine(name, 40)}: use the @name.`;
  return `🤔 ${what} There ${known.length === 1 ? 'is' : 'are'}: ${known
    .slice(0, 20)
    .map((one) => oneLine(one, 60))
    .join(', ')}. Nothing has changed.`;
}
