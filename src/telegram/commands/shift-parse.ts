import { parseDuration } from './breaker-parse.ts';

/** What somebody typed after `/shift`. The name is as typed; `me` is a name too. */
export type AskedShift =
  | { asked: 'list' }
  | { asked: 'cancel'; coverId: number }
  | { asked: 'cover'; name: string; level: 1 | 2; startsAt: Date; endsAt: Date }
  | { asked: 'unclear'; wrong: ShiftMistake };

export type ShiftMistake = 'no_name' | 'no_time' | 'no_such_time' | 'no_end' | 'ends_first' | 'past' | 'too_long';

const LONGEST_MS = 31 * 86_400_000;

/**
 * `me until 18:00`, `Ben 2h`, `Ben 2026-11-23 09:00 2h`, `Ben 09:00 until 2026-11-24 18:00`, with `level 2` at the end for the second level;
 * `cancel 3`. Times are of the zone; one without a day is its next occurrence. It begins now when no beginning is named.
 */
export function parseShift(args: string, now: Date, zone: string): AskedShift {
  const { words, level } = splitLevel(args.split(/\s+/).filter((word) => word !== ''));
  if (words.length === 0) return { asked: 'list' };
  const cancel = /^(?:cancel|end) #?(\d{1,15})$/i.exec(words.join(' '));
  if (cancel) return { asked: 'cancel', coverId: Number(cancel[1]) };
  const begin = words.findIndex(isAboutTime);
  if (begin === 0) return unclear('no_name');
  if (begin < 0) return unclear('no_time');
  const time = readTimes(words.slice(begin), now, zone);
  if ('wrong' in time) return unclear(time.wrong);
  return { asked: 'cover', name: words.slice(0, begin).join(' '), level, ...time };
}

function unclear(wrong: ShiftMistake): AskedShift {
  return { asked: 'unclear', wrong };
}

function splitLevel(words: string[]): { words: string[]; level: 1 | 2 } {
  const [, level] = /^level ([12])$/i.exec(words.slice(-2).join(' ')) ?? [];
  return level === undefined ? { words, level: 1 } : { words: words.slice(0, -2), level: level === '2' ? 2 : 1 };
}

const DAY = /^\d{4}-\d{1,2}-\d{1,2}$/;
const TIME = /^\d{1,2}:\d{2}$/;

function isAboutTime(word: string): boolean {
  return DAY.test(word) || TIME.test(word) || /^(?:until|till|for|from)$/i.test(word) || parseDuration(word) !== null;
}

type Times = { startsAt: Date; endsAt: Date } | { wrong: ShiftMistake };

function readTimes(words: string[], now: Date, zone: string): Times {
  const rest = /^from$/i.test(words[0]!) ? words.slice(1) : words;
  const start = readMoment(rest, now, zone);
  if (start === 'no_such_time') return { wrong: start };
  const startsAt = start?.at ?? now;
  const end = readEnd(rest.slice(start?.words ?? 0), startsAt, zone);
  if (typeof end === 'string') return { wrong: end };
  return judge(startsAt, end, now);
}

function judge(startsAt: Date, endsAt: Date, now: Date): Times {
  if (endsAt <= startsAt) return { wrong: 'ends_first' };
  if (startsAt < now) return { wrong: 'past' };
  return endsAt.getTime() - startsAt.getTime() > LONGEST_MS ? { wrong: 'too_long' } : { startsAt, endsAt };
}

function readEnd(words: string[], startsAt: Date, zone: string): Date | ShiftMistake {
  const [first = '', ...others] = words;
  const rest = /^(?:until|till|for)$/i.test(first) ? others : words;
  const [duration = ''] = rest;
  const durationMs = parseDuration(duration);
  if (rest.length === 1 && durationMs !== null) return new Date(startsAt.getTime() + durationMs);
  const end = readMoment(rest, startsAt, zone);
  if (end === 'no_such_time') return end;
  return end && end.words === rest.length ? end.at : 'no_end';
}

/** A day and a time, or a time alone: then it is the next one. */
function readMoment(words: string[], after: Date, zone: string): { at: Date; words: number } | 'no_such_time' | null {
  const [first = '', second = ''] = words;
  try {
    if (DAY.test(first) && TIME.test(second)) return { at: momentOf(padded(first), second, zone), words: 2 };
    if (TIME.test(first)) return { at: nextMoment(first, after, zone), words: 1 };
  } catch (error) {
    if (error instanceof RangeError) return 'no_such_time';
    throw error;
  }
  return DAY.test(first) ? 'no_such_time' : null;
}

function nextMoment(time: string, after: Date, zone: string): Date {
  const today = Temporal.Instant.fromEpochMilliseconds(after.getTime()).toZonedDateTimeISO(zone).toPlainDate();
  const at = momentOf(today.toString(), time, zone);
  return at > after ? at : momentOf(today.add({ days: 1 }).toString(), time, zone);
}

function momentOf(day: string, time: string, zone: string): Date {
  const plainTime = Temporal.PlainTime.from(time.padStart(5, '0'));
  return new Date(Temporal.PlainDate.from(day).toZonedDateTime({ timeZone: zone, plainTime }).epochMilliseconds);
}

function padded(day: string): string {
  return day
    .split('-')
    .map((part) => part.padStart(2, '0'))
    .join('-');
}
