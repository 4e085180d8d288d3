import { FormattedString, fmt } from '@grammyjs/parse-mode';
import type { Roster } from '../../duty/roster.ts';
import type { Rotation } from '../../duty/rotation.ts';
import type { Policy, SeverityPolicy } from '../../escalation/policy.ts';
import { nameOf, type Person } from '../../people/person.ts';
import type { Severity } from '../../platform/schema.ts';
import { oneLine } from './line-words.ts';

const SEVERITIES: Severity[] = ['P1', 'P2', 'P3', 'P4'];

export const POLICY_HOW_TO = [
  'One thing at a time:',
  '/policy rotation 1 Ann, Ben daily 09:00 Europe/Berlin',
  '/policy rotation 2 Cara, Dan weekly 09:00 Europe/Berlin from 2026-11-23',
  '/policy rotation 2 off',
  '/policy hours Mon-Fri 09:00-18:00 Europe/Berlin',
  '/policy P1 call 0m 1, 5m 1, 10m 2, 20m everyone',
  '/policy P1 rounds 3 then 30m',
  '/policy P1 lapse 30m',
  '/policy P1 resolve 1h',
  '/policy defaults',
].join('\n');

/** The policy that tickets copy from now on, and who takes turns. */
export function renderPolicy(policy: Policy, roster: Roster, people: Person[]): FormattedString {
  const lines = [
    fmt`📐 ${FormattedString.bold('Policy of tickets that open from now on')}`,
    ...SEVERITIES.map(
      (severity) => fmt`${FormattedString.bold(severity)} ${severityWords(policy.severities[severity])}`,
    ),
    fmt`Working hours: ${hoursWords(policy)}`,
    ...([1, 2] as const).map(
      (level) => fmt`Level ${level}: ${rotationWords(roster.rotations.get(level), level, people)}`,
    ),
  ];
  return FormattedString.join(lines, '\n');
}

function severityWords(policy: SeverityPolicy): string {
  const calls = policy.steps.map(
    (step) => `${step.afterMinutes === 0 ? 'at once' : durationWords(step.afterMinutes)} ${LEVELS[step.level]}`,
  );
  const then = policy.thenEveryMinutes === null ? '' : `, then every ${durationWords(policy.thenEveryMinutes)}`;
  const rounds = policy.rounds === 1 ? '' : `, ${policy.rounds} rounds`;
  const lapse = policy.lapseMinutes === null ? '' : ` · confirm every ${durationWords(policy.lapseMinutes)}`;
  const night = policy.pagesAtNight ? '' : ' · in working hours only';
  return `calls ${calls.join(', ')}${rounds}${then}${lapse} · resolve in ${durationWords(policy.resolveMinutes)}${night}`;
}

const LEVELS: Record<number, string> = { 1: 'on-call', 2: 'level 2', 3: 'everyone' };
const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

function hoursWords({ hours }: Policy): string {
  return `${hours.days.map((day) => DAYS[day - 1]).join(' ')} ${hours.from}–${hours.to} ${hours.zone}`;
}

function rotationWords(rotation: Rotation | undefined, level: 1 | 2, people: Person[]): string {
  if (!rotation) return level === 1 ? 'no rotation: everyone who may act' : 'the next in turn of level 1';
  const names = rotation.people.map((id) => {
    const person = people.find((one) => one.telegramId === id);
    return person ? oneLine(nameOf(person), 40) : `${id} (may not act)`;
  });
  const turn =
    rotation.everyDays === 1 ? 'daily' : rotation.everyDays === 7 ? 'weekly' : `every ${rotation.everyDays} days`;
  return `${names.join(', ')} · ${turn} at ${rotation.handOver} ${rotation.zone}, ${names[0]} from ${rotation.startsOn}`;
}

/** `5 min`, `1.5 h`, `3 d`. */
export function durationWords(minutes: number): string {
  if (minutes < 1) return `${Math.round(minutes * 60)} s`;
  if (minutes < 120 && minutes !== 60) return `${round(minutes)} min`;
  return minutes % 1440 === 0 ? `${minutes / 1440} d` : `${round(minutes / 60)} h`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
