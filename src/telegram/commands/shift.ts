import { FormattedString, fmt } from '@grammyjs/parse-mode';
import { callOffCover, giveCover } from '../../duty/duty-changes.ts';
import type { Cover } from '../../duty/roster.ts';
import { listCovers, readRoster } from '../../duty/roster-store.ts';
import { readPolicy } from '../../escalation/deadline-store.ts';
import { putNotice } from '../../notice/notice-store.ts';
import { actorOf, nameOf, type Person } from '../../people/person.ts';
import { listActivePeople } from '../../people/person-store.ts';
import type { Answer, BotDeps } from '../bot-context.ts';
import { oneLine } from '../words/line-words.ts';
import { zoneOf } from '../words/oncall-text.ts';
import { zoneTime } from '../words/zone-time.ts';
import { type Command, type CommandRequest, say, sayInPrivate } from './command.ts';
import { findColleague, whoWords } from './find-person.ts';
import { type AskedShift, parseShift, type ShiftMistake } from './shift-parse.ts';

export const shift: Command = {
  name: 'shift',
  hint: 'Take over being on call for a while, or give it to somebody',
  example: '/shift me until 18:00',
  act: 'shift',
  risk: 'R1',
  menus: ['private'],
  run: async (deps, request) => {
    if (request.scope === 'group') return sayInPrivate(request, 'Shifts are changed');
    const zone = await readZone(deps);
    const asked = parseShift(request.args, deps.clock.now(), zone);
    switch (asked.asked) {
      case 'list':
        return list(deps, zone);
      case 'cancel':
        return cancel(deps, request, asked.coverId);
      case 'unclear':
        return say(`🤔 ${MISTAKES[asked.wrong]} Nothing has changed.\n\n${howTo(zone)}`);
      case 'cover':
        return cover(deps, request, asked, zone);
    }
  },
};

const MISTAKES: Record<ShiftMistake, string> = {
  no_name: 'Who is it that takes over? Begin with a name, or with “me”.',
  no_time: 'For how long?',
  no_such_time: 'That day or time does not exist.',
  no_end: 'Until when?',
  ends_first: 'It would end before it begins.',
  past: 'That has begun already: leave the beginning out, and it begins now.',
  too_long: 'That is more than 31 days: an admin changes the rotation with /policy.',
};

function howTo(zone: string): string {
  return `For example: /shift me until 18:00 · /shift me 2h · /shift Ben 2026-11-23 09:00 2h · /shift cancel 3\nTimes are ${zone}; add “level 2” for the second level.`;
}

async function readZone({ db, clock }: BotDeps): Promise<string> {
  return zoneOf(await readRoster(db, clock.now()), await readPolicy(db));
}

async function list({ db, clock }: BotDeps, zone: string): Promise<Answer> {
  const [covers, people] = [await listCovers(db, clock.now()), await listActivePeople(db)];
  const lines = covers.map((one) => fmt`#${one.id} · ${coverWords(one, people, zone)}`);
  const head =
    lines.length === 0
      ? fmt`🤝 Nobody covers for anybody. /oncall shows the turns.`
      : fmt`🤝 ${FormattedString.bold('Covers')}`;
  return { text: FormattedString.join([head, ...lines, fmt``, fmt`${howTo(zone)}`], '\n') };
}

function coverWords({ personId, level, startsAt, endsAt }: Omit<Cover, 'id'>, people: Person[], zone: string): string {
  const person = people.find((one) => one.telegramId === personId);
  const name = oneLine(person ? nameOf(person) : String(personId), 40);
  const on = level === 1 ? 'is on call' : 'is the second level';
  return `${name} ${on} ${zoneTime(startsAt, zone)} – ${zoneTime(endsAt, zone)} (${zone})`;
}

async function cancel({ db, clock }: BotDeps, { person }: CommandRequest, coverId: number): Promise<Answer> {
  const isEnded = await callOffCover(db, actorOf(person!), coverId, clock.now());
  if (isEnded) return say(`👌 Cover #${coverId} is called off. /oncall shows who is called instead.`);
  return say(`🔎 There is no cover #${coverId} that is not over. /shift lists them.`);
}

type AskedCover = Extract<AskedShift, { asked: 'cover' }>;

async function cover(deps: BotDeps, request: CommandRequest, asked: AskedCover, zone: string): Promise<Answer> {
  const people = await listActivePeople(deps.db);
  const found = findColleague(people, asked.name, request.person!);
  if (found.found !== 'one') return say(whoWords(found.found, asked.name, people));
  const { level, startsAt, endsAt } = asked;
  const draft = { level, personId: found.person.telegramId, startsAt, endsAt, givenBy: nameOf(request.person!) };
  const id = await giveCover(deps.db, actorOf(request.person!), draft);
  if (id === null) return sayTaken(deps, draft, people, zone);
  await tellCoverer(deps, request, found.person, { ...draft, id }, zone);
  return say(
    `🤝 Done: ${coverWords(draft, people, zone)}. /shift cancel ${id} calls it off.${reachWords(found.person)}`,
  );
}

function reachWords({ privateChat }: Person): string {
  return privateChat ? '' : ' ⚠️ They have not pressed Start in our private chat: pages to them come to the group.';
}

async function sayTaken(deps: BotDeps, draft: Omit<Cover, 'id'>, people: Person[], zone: string): Promise<Answer> {
  const covers = await listCovers(deps.db, draft.startsAt);
  const other = covers.find((one) => one.level === draft.level && one.startsAt < draft.endsAt);
  const who = other ? `${coverWords(other, people, zone)} (/shift cancel ${other.id})` : 'somebody covers then';
  return say(`🤔 A part of that time is covered already: ${who}. Nothing has changed.`);
}

async function tellCoverer(
  deps: BotDeps,
  request: CommandRequest,
  coverer: Person,
  { id, startsAt, endsAt }: Cover,
  zone: string,
): Promise<void> {
  if (coverer.telegramId === request.person!.telegramId) return;
  const text = `🤝 ${nameOf(request.person!)} has put you on call ${zoneTime(startsAt, zone)} – ${zoneTime(endsAt, zone)} (${zone}). /shift cancel ${id} calls it off.`;
  await putNotice(deps.db, { key: `cover:${id}`, kind: 'text', personId: coverer.telegramId, body: { text } });
  deps.wake('notice');
}
