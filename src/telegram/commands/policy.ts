import { fmt } from '@grammyjs/parse-mode';
import { changePolicy, endRotation, setRotation } from '../../duty/duty-changes.ts';
import { readRoster } from '../../duty/roster-store.ts';
import { readPolicy } from '../../escalation/deadline-store.ts';
import { DEFAULT_POLICY, type Policy } from '../../escalation/policy.ts';
import { actorOf } from '../../people/person.ts';
import { listActivePeople } from '../../people/person-store.ts';
import type { Answer, BotDeps } from '../bot-context.ts';
import { POLICY_HOW_TO, renderPolicy } from '../words/policy-text.ts';
import { type Command, type CommandRequest, say, sayInPrivate } from './command.ts';
import { findColleague, whoWords } from './find-person.ts';
import { type AskedPolicy, type PolicyMistake, parsePolicy } from './policy-parse.ts';

export const policy: Command = {
  name: 'policy',
  hint: 'Who is called when: rotations, levels, times (admins)',
  example: '/policy',
  act: 'policy',
  risk: 'R2',
  riskFor: (args, scope) => (args === '' || scope === 'group' ? 'R0' : 'R2'),
  menus: ['private'],
  run: async (deps, request) => {
    if (request.scope === 'group') return sayInPrivate(request, 'The policy is shown and changed');
    const asked = parsePolicy(request.args);
    switch (asked.asked) {
      case 'show':
        return show(deps, fmt``);
      case 'unclear':
        return say(`🤔 ${MISTAKES[asked.wrong]} Nothing has changed.\n\n${POLICY_HOW_TO}`);
      case 'rotation':
        return changeRotation(deps, request, asked);
      case 'rotation_off':
        return dropRotation(deps, request, asked.level);
      default:
        return changeSetting(deps, request, asked);
    }
  },
};

const MISTAKES: Record<PolicyMistake, string> = {
  no_such_setting: 'I don’t know that setting.',
  nobody_named: 'A rotation needs somebody in it: name them, separated by commas.',
  no_such_zone: 'I don’t know that time zone; it is written like Europe/Berlin.',
  no_such_time: 'That is no time of day; it is written like 09:00.',
  no_such_day: 'That day does not exist; days are written like Mon-Fri, or 2026-11-23.',
  no_turn: 'How often does the turn change? daily, weekly, or every 3 days; then the time of the hand-over.',
  no_such_duration: 'I can’t read that; times are written like 5m, 1h, 2d, levels like 1, 2, everyone.',
  steps_out_of_order: 'The calls must come in the order of time, ten at most, and one of them after more than 0m.',
  hours_end_first: 'The working hours would end before they begin.',
};

async function show({ db, clock }: BotDeps, first: ReturnType<typeof fmt>): Promise<Answer> {
  const roster = await readRoster(db, clock.now());
  const shown = renderPolicy(await readPolicy(db), roster, await listActivePeople(db));
  const head = first.rawText === '' ? first : fmt`${first}\n\n`;
  return { text: fmt`${head}${shown}\n\n${POLICY_HOW_TO}` };
}

type AskedRotation = Extract<AskedPolicy, { asked: 'rotation' }>;

async function changeRotation(deps: BotDeps, request: CommandRequest, asked: AskedRotation): Promise<Answer> {
  const people = await listActivePeople(deps.db);
  const ids: number[] = [];
  for (const name of asked.names) {
    const found = findColleague(people, name, request.person!);
    if (found.found !== 'one') return say(whoWords(found.found, name, people));
    ids.push(found.person.telegramId);
  }
  const { level, rotation } = asked;
  const startsOn = rotation.startsOn ?? today(deps.clock.now(), rotation.zone);
  await setRotation(deps.db, actorOf(request.person!), level, { ...rotation, people: ids, startsOn });
  return show(deps, fmt`👌 The rotation of level ${level} is set. It holds from now on, for open tickets too.`);
}

function today(now: Date, zone: string): string {
  return Temporal.Instant.fromEpochMilliseconds(now.getTime()).toZonedDateTimeISO(zone).toPlainDate().toString();
}

async function dropRotation(deps: BotDeps, { person }: CommandRequest, level: 1 | 2): Promise<Answer> {
  const isGone = await endRotation(deps.db, actorOf(person!), level);
  return show(
    deps,
    isGone ? fmt`👌 Level ${level} has no rotation any more.` : fmt`👌 Level ${level} had no rotation.`,
  );
}

type AskedChange = Extract<AskedPolicy, { asked: 'defaults' | 'hours' | 'severity' }>;

async function changeSetting(deps: BotDeps, request: CommandRequest, asked: AskedChange): Promise<Answer> {
  await changePolicy(deps.db, actorOf(request.person!), (before) => changed(before, asked));
  return show(deps, fmt`👌 Done. Tickets that are open keep the policy they opened with.`);
}

function changed(before: Policy, asked: AskedChange): Policy {
  switch (asked.asked) {
    case 'defaults':
      return DEFAULT_POLICY;
    case 'hours':
      return { ...before, hours: asked.hours };
    case 'severity': {
      const { severity, change } = asked;
      return {
        ...before,
        severities: { ...before.severities, [severity]: { ...before.severities[severity], ...change } },
      };
    }
  }
}
