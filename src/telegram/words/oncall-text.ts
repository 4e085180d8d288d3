import { FormattedString, fmt } from '@grammyjs/parse-mode';
import { type OnCall, onCallAt, type Roster, type Watch, watchesBetween } from '../../duty/roster.ts';
import type { Policy } from '../../escalation/policy.ts';
import { nameOf, type Person } from '../../people/person.ts';
import { oneLine } from './line-words.ts';
import { zoneTime } from './zone-time.ts';

const DAYS_SHOWN = 7;
const DAY_MS = 86_400_000;
const NAMES_SHOWN = 6;

/** Who is called now and in the next days, by the clock of the rotation. */
export function renderOnCall(
  { roster, people, policy }: { roster: Roster; people: Person[]; policy: Policy },
  now: Date,
): FormattedString {
  const zone = zoneOf(roster, policy);
  const names = namesBy(people);
  const first = onCallAt(roster, 1, now);
  const lines = [
    fmt`📟 ${FormattedString.bold('On call now')}`,
    fmt`Level 1: ${whoWords(first, names)}`,
    fmt`Level 2: ${whoWords(onCallAt(roster, 2, now), names)}`,
    fmt`Then everyone who may act.`,
    ...hintLines(roster, first),
    ...unreachableLines(roster, people),
    ...(roster.rotations.size + roster.covers.length > 0 ? watchLines(roster, names, zone, now) : []),
  ];
  return FormattedString.join(lines, '\n');
}

/** Times are told, and typed, by the clock of the first level's rotation; without one, of the working hours. */
export function zoneOf({ rotations }: Pick<Roster, 'rotations'>, { hours }: Policy): string {
  return rotations.get(1)?.zone ?? hours.zone;
}

type Names = (personId: number) => string;

function namesBy(people: Person[]): Names {
  const byId = new Map(people.map((person) => [person.telegramId, oneLine(nameOf(person), 40)]));
  return (id) => byId.get(id) ?? String(id);
}

function whoWords({ people, because }: OnCall, names: Names): string {
  if (people.length === 0) return 'nobody, because nobody may act';
  const shown = people.slice(0, NAMES_SHOWN).map(names).join(', ');
  const more = people.length > NAMES_SHOWN ? ` and ${people.length - NAMES_SHOWN} more` : '';
  const why = { cover: ' (covers)', turn: '', 'next in turn': ' (next in turn)', 'no rotation': '', everyone: '' };
  return `${because === 'no rotation' ? 'everyone who may act: ' : ''}${shown}${more}${why[because]}`;
}

function hintLines({ rotations }: Roster, first: OnCall): FormattedString[] {
  if (first.because !== 'no rotation') return [];
  const why = rotations.has(1) ? 'Nobody of the rotation may act any more' : 'No rotation is set';
  return [fmt`ℹ️ ${why}, so everyone is called. An admin sets one with /policy, in private.`];
}

/** A page to them would come to the group. */
function unreachableLines(roster: Roster, people: Person[]): FormattedString[] {
  const away = people.filter((person) => roster.people.includes(person.telegramId) && !person.privateChat);
  if (away.length === 0) return [];
  const names = away.slice(0, NAMES_SHOWN).map((person) => oneLine(nameOf(person), 40));
  return [fmt`⚠️ Not pressed Start in our private chat: ${names.join(', ')}. They are called in the group, by name.`];
}

function watchLines(roster: Roster, names: Names, zone: string, now: Date): FormattedString[] {
  const to = new Date(now.getTime() + DAYS_SHOWN * DAY_MS);
  const head = fmt`${FormattedString.bold(`The next ${DAYS_SHOWN} days`)} (${zone})`;
  const second = roster.rotations.has(2) || roster.covers.some((cover) => cover.level === 2);
  return [
    fmt``,
    head,
    ...watchesBetween(roster, 1, now, to).map((watch) => watchLine(watch, names, zone)),
    ...(second
      ? [fmt`Level 2:`, ...watchesBetween(roster, 2, now, to).map((watch) => watchLine(watch, names, zone))]
      : []),
  ];
}

function watchLine({ from, until, onCall }: Watch, names: Names, zone: string): FormattedString {
  return fmt`${zoneTime(from, zone)} – ${zoneTime(until, zone)} · ${whoWords(onCall, names)}`;
}
