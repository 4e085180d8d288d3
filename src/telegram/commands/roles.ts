import { FormattedString, fmt } from '@grammyjs/parse-mode';
import { putNotice } from '../../notice/notice-store.ts';
import { invite } from '../../people/invitation-store.ts';
import { nameOf } from '../../people/person.ts';
import { changeTeam, type TeamChange, type TeamResult } from '../../people/team.ts';
import { listTeam, type Member } from '../../people/team-store.ts';
import type { Role } from '../../platform/schema.ts';
import type { Answer, BotDeps } from '../bot-context.ts';
import { formatInvitationLink } from '../buttons/button-data.ts';
import { clockTime, oneLine } from '../words/line-words.ts';
import { type Command, type CommandRequest, say } from './command.ts';
import { type AskedOfRoles, findMember, parseRolesArgs } from './roles-parse.ts';

export const roles: Command = {
  name: 'roles',
  hint: 'Who is on the team: invite, change a role, remove, reset a second factor',
  example: '/roles',
  act: 'people',
  risk: 'R2',
  riskFor: (args, scope) => (scope === 'private' && changesSomething(parseRolesArgs(args)) ? 'R2' : 'R0'),
  menus: ['private'],
  run: async (deps, request) => {
    if (request.scope === 'group') return say('👥 Send me /roles in our private chat. Nothing has changed.');
    const asked = parseRolesArgs(request.args);
    if (asked.asked === 'list') return showTeam(deps);
    if (asked.asked === 'nothing_clear')
      return { text: fmt`🤔 I did not understand that. Nothing has changed.\n\n${HOW_TO}` };
    return asked.asked === 'invite' ? writeInvitation(deps, request, asked.role) : changeMember(deps, request, asked);
  },
};

function changesSomething({ asked }: AskedOfRoles): boolean {
  return asked !== 'list' && asked !== 'nothing_clear';
}

const HOW_TO = [
  '/roles invite engineer – a link for one person, good for 24 hours',
  '/roles set Ann lead – viewer, engineer, lead or admin',
  '/roles remove Ann – from now on nothing they press does anything',
  '/roles reset Ann – takes their authenticator, for a lost phone',
].join('\n');

async function showTeam({ db }: BotDeps): Promise<Answer> {
  const lines = (await listTeam(db)).map(memberLine);
  return {
    text: FormattedString.join([fmt`👥 ${FormattedString.bold('The team')}`, ...lines, fmt`\n${HOW_TO}`], '\n'),
  };
}

function memberLine(member: Member): FormattedString {
  const username = member.username ? ` @${member.username}` : '';
  const factor = member.isEnrolled ? '🔐 enrolled' : 'no second factor';
  return fmt`${member.role} · ${oneLine(nameOf(member), 64)}${username} · ${String(member.telegramId)} · ${factor}`;
}

async function writeInvitation(deps: BotDeps, { person, bot }: CommandRequest, role: Role): Promise<Answer> {
  const now = deps.clock.now();
  const { token, expiresAt } = await invite(deps.db, { role, invitedBy: person!.telegramId, now });
  const link = formatInvitationLink(bot.username, token);
  return say(
    `👋 This link makes whoever opens it first a member of the team, as ${role}. Send it to that one person; it works once, until ${clockTime(expiresAt, now)} UTC.\n\n${link}`,
  );
}

type AskedOfMember = Extract<AskedOfRoles, { who: string }>;

async function changeMember(
  deps: BotDeps,
  { person, updateId }: CommandRequest,
  asked: AskedOfMember,
): Promise<Answer> {
  const found = findMember(await listTeam(deps.db), asked.who);
  const [member] = found;
  if (!member) return say(`🔎 Nobody on the team is called ${oneLine(asked.who, 64)}. /roles shows who is there.`);
  if (found.length > 1)
    return say(
      `🤔 ${found.length} people are called so. Name one by the number that /roles shows. Nothing has changed.`,
    );
  const result = await changeTeam(deps.db, toChange(asked, member.telegramId, person!.telegramId));
  const name = oneLine(nameOf(member), 64);
  if (result === 'done')
    await tellTeam(deps, `team:${updateId}`, `👥 ${oneLine(nameOf(person!), 64)} ${doneWords(asked, name)}.`);
  return say(resultWords(result, asked, name));
}

function toChange(asked: AskedOfMember, personId: number, by: number): TeamChange {
  switch (asked.asked) {
    case 'role':
      return { change: 'role', role: asked.role, personId, by };
    case 'remove':
      return { change: 'remove', personId, by };
    case 'reset':
      return { change: 'reset_factor', personId, by };
  }
}

function doneWords(asked: AskedOfMember, name: string): string {
  switch (asked.asked) {
    case 'role':
      return `has made ${name} ${asked.role}`;
    case 'remove':
      return `has removed ${name} from the team`;
    case 'reset':
      return `has reset the second factor of ${name}, who may /enroll anew`;
  }
}

function resultWords(result: TeamResult, asked: AskedOfMember, name: string): string {
  switch (result) {
    case 'done':
      return `✅ You ${doneWords(asked, name).replace(/^has/, 'have')}.`;
    case 'unchanged':
      return asked.asked === 'reset' ? `👌 ${name} has no second factor.` : `👌 ${name} is that already.`;
    case 'unknown':
      return `🔎 ${name} is not on the team any more.`;
    case 'last_admin':
      return `🔒 ${name} is the only admin, and somebody must be able to let people in. Make another one admin first. Nothing has changed.`;
    case 'own':
      return '🔒 Your own second factor is reset by another admin; with a code of it you can /enroll anew yourself. Nothing has changed.';
  }
}

async function tellTeam(deps: BotDeps, key: string, text: string): Promise<void> {
  await putNotice(deps.db, { key, kind: 'text', body: { text } });
  deps.wake('notice');
}
