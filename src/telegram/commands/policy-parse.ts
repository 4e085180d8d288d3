import type { Rotation } from '../../duty/rotation.ts';
import type { Level, SeverityPolicy, Step } from '../../escalation/policy.ts';
import type { WorkingHours } from '../../escalation/working-hours.ts';
import type { Severity } from '../../platform/schema.ts';
import { isZone } from '../words/zone-time.ts';
import { parseDuration } from './breaker-parse.ts';

/** What an admin typed after `/policy`. */
export type AskedPolicy =
  | { asked: 'show' }
  | { asked: 'defaults' }
  | {
      asked: 'rotation';
      level: 1 | 2;
      names: string[];
      rotation: Omit<Rotation, 'people' | 'startsOn'> & { startsOn: string | null };
    }
  | { asked: 'rotation_off'; level: 1 | 2 }
  | { asked: 'hours'; hours: WorkingHours }
  | { asked: 'severity'; severity: Severity; change: Partial<SeverityPolicy> }
  | { asked: 'unclear'; wrong: PolicyMistake };

export type PolicyMistake =
  | 'no_such_setting'
  | 'nobody_named'
  | 'no_such_zone'
  | 'no_such_time'
  | 'no_such_day'
  | 'no_turn'
  | 'no_such_duration'
  | 'steps_out_of_order'
  | 'hours_end_first';

/** `rotation 1 …`, `hours …`, `P1 call …`, `P1 resolve 1h` …; each changes one thing. */
export function parsePolicy(args: string): AskedPolicy {
  const text = args.replace(/\s+/g, ' ').trim();
  if (text === '') return { asked: 'show' };
  if (/^defaults$/i.test(text)) return { asked: 'defaults' };
  const [, level, turns] = /^rotation ([12])(?: (.*))?$/i.exec(text) ?? [];
  if (level !== undefined) return parseRotation(level === '2' ? 2 : 1, turns ?? '');
  const [, hours] = /^hours (.+)$/i.exec(text) ?? [];
  if (hours !== undefined) return parseHours(hours);
  const [, severity, setting, value] = /^(P[1-4]) (call|rounds|lapse|resolve) (.+)$/i.exec(text) ?? [];
  if (severity === undefined) return unclear('no_such_setting');
  return parseSeverity(severity.toUpperCase() as Severity, setting!.toLowerCase(), value!);
}

function unclear(wrong: PolicyMistake): AskedPolicy {
  return { asked: 'unclear', wrong };
}

const TIME = '([01]?\\d|2[0-3]):([0-5]\\d)';
/** `Ann, Ben daily 09:00 Europe/Berlin from 2026-11-23` */
const ROTATION = /^(.*?) ?\b(daily|weekly|every (\d{1,3}) days?) (?:at )?(\S+)(?: (?!from )(\S+))?(?: from (\S+))?$/i;

function parseRotation(level: 1 | 2, text: string): AskedPolicy {
  if (/^off$/i.test(text)) return { asked: 'rotation_off', level };
  const [, people, turn, days, time, zone = 'UTC', startsOn = null] = ROTATION.exec(text) ?? [];
  if (people === undefined) return unclear('no_turn');
  const names = people
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  if (names.length === 0) return unclear('nobody_named');
  const handOver = readTime(time!);
  if (handOver === null) return unclear('no_such_time');
  if (!isZone(zone)) return unclear('no_such_zone');
  if (startsOn !== null && !isDay(startsOn)) return unclear('no_such_day');
  const everyDays = days === undefined ? (/^weekly$/i.test(turn!) ? 7 : 1) : Number(days);
  if (everyDays < 1 || everyDays > 366) return unclear('no_turn');
  return { asked: 'rotation', level, names, rotation: { zone, handOver, everyDays, startsOn } };
}

function readTime(text: string): string | null {
  const [, hour, minute] = new RegExp(`^${TIME}$`).exec(text) ?? [];
  return hour === undefined ? null : `${hour.padStart(2, '0')}:${minute}`;
}

function isDay(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return false;
  try {
    return Temporal.PlainDate.from(text).toString() === text;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

const DAY_NAMES = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

/** `Mon-Fri 09:00-18:00 Europe/Berlin`, `Mon,Wed 08:00-12:00` */
function parseHours(text: string): AskedPolicy {
  const [, dayWords, fromText, toText, zone = 'UTC'] = /^([A-Za-z,\-–]+) (\S+?)[-–](\S+)(?: (\S+))?$/.exec(text) ?? [];
  if (dayWords === undefined) return unclear('no_such_time');
  const days = readDays(dayWords);
  if (days === null) return unclear('no_such_day');
  const [from, to] = [readTime(fromText!), readTime(toText!)];
  if (from === null || to === null) return unclear('no_such_time');
  if (to <= from) return unclear('hours_end_first');
  return isZone(zone) ? { asked: 'hours', hours: { zone, days, from, to } } : unclear('no_such_zone');
}

function readDays(text: string): number[] | null {
  const parts = text
    .toLowerCase()
    .split(',')
    .map((part) => {
      const ends = part.split(/[-–]/).map((day) => DAY_NAMES.indexOf(day.slice(0, 3)) + 1);
      const [first = 0, last = first] = ends;
      return ends.length > 2 || first < 1 || last < first
        ? null
        : Array.from({ length: last - first + 1 }, (_, n) => first + n);
    });
  if (parts.some((part) => part === null)) return null;
  return [...new Set(parts.flatMap((part) => part ?? []))].sort((a, b) => a - b);
}

function parseSeverity(severity: Severity, setting: string, value: string): AskedPolicy {
  const change = readChange(setting, value);
  return typeof change === 'string' ? unclear(change) : { asked: 'severity', severity, change };
}

function readChange(setting: string, value: string): Partial<SeverityPolicy> | PolicyMistake {
  switch (setting) {
    case 'call':
      return readSteps(value);
    case 'rounds':
      return readRounds(value);
    case 'lapse': {
      const lapseMinutes = readMinutesOrNever(value);
      return lapseMinutes === undefined ? 'no_such_duration' : { lapseMinutes };
    }
    default: {
      const resolveMinutes = readMinutes(value);
      return resolveMinutes === null || resolveMinutes === 0 ? 'no_such_duration' : { resolveMinutes };
    }
  }
}

const STEPS_MAX = 10;
const LEVELS: Record<string, Level> = { '1': 1, 'on-call': 1, oncall: 1, '2': 2, '3': 3, everyone: 3, all: 3 };

/** `0m 1, 5m 1, 10m 2, 20m everyone` */
function readSteps(value: string): Partial<SeverityPolicy> | PolicyMistake {
  const steps: Step[] = [];
  for (const part of value.split(',')) {
    const [duration = '', word = ''] = part.trim().split(' ');
    const [afterMinutes, level] = [readMinutes(duration), LEVELS[word.toLowerCase()]];
    if (afterMinutes === null || level === undefined) return 'no_such_duration';
    if (steps.length > 0 && afterMinutes <= steps.at(-1)!.afterMinutes) return 'steps_out_of_order';
    steps.push({ afterMinutes, level });
  }
  const hasTimeToAcknowledge = steps.some((step) => step.afterMinutes > 0);
  return steps.length > STEPS_MAX || !hasTimeToAcknowledge ? 'steps_out_of_order' : { steps };
}

/** `3 then 30m`, `1 then never` */
function readRounds(value: string): Partial<SeverityPolicy> | PolicyMistake {
  const [, rounds, then] = /^([1-9]\d?) then (.+)$/i.exec(value) ?? [];
  const thenEveryMinutes = readMinutesOrNever(then ?? '');
  if (rounds === undefined || thenEveryMinutes === undefined || thenEveryMinutes === 0) return 'no_such_duration';
  return { rounds: Number(rounds), thenEveryMinutes };
}

const LONGEST_MINUTES = 60 * 24 * 60;

function readMinutes(text: string): number | null {
  const minutes = text === '0' ? 0 : (parseDuration(text) ?? Number.NaN) / 60_000;
  return minutes >= 0 && minutes <= LONGEST_MINUTES ? minutes : null;
}

/** Undefined: neither a duration nor `never`. */
function readMinutesOrNever(text: string): number | null | undefined {
  if (/^never$/i.test(text)) return null;
  return readMinutes(text) ?? undefined;
}
