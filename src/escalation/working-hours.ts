/** When people work: from one time of day to a later one (`09:00`, `18:00`) on some days (1 is Monday), by the clock of a time zone. */
export type WorkingHours = { zone: string; days: number[]; from: string; to: string };

const MINUTE_MS = 60_000;
/** Far more than any policy asks for; with no working day at all it is where the search ends. */
const DAYS_MAX = 400;

/**
 * When so many minutes of working hours have passed; of none, the time itself or the next beginning of working hours. A day on which
 * the clock changes is as long as it is.
 */
export function addWorkingMinutes(start: Date, minutes: number, hours: WorkingHours): Date {
  let restMs = minutes * MINUTE_MS;
  for (const { from, to } of workingTimes(start, hours)) {
    const begin = Math.max(from, start.getTime());
    if (begin >= to) continue;
    if (restMs <= to - begin) return new Date(begin + restMs);
    restMs -= to - begin;
  }
  return new Date(start.getTime() + minutes * MINUTE_MS);
}

/** The time itself during working hours, else their next beginning. */
export function nextWorkingTime(at: Date, hours: WorkingHours): Date {
  return addWorkingMinutes(at, 0, hours);
}

function* workingTimes(start: Date, hours: WorkingHours): Iterable<{ from: number; to: number }> {
  const today = Temporal.Instant.fromEpochMilliseconds(start.getTime()).toZonedDateTimeISO(hours.zone).toPlainDate();
  for (let passed = 0; passed < DAYS_MAX; passed += 1) {
    const day = today.add({ days: passed });
    if (hours.days.includes(day.dayOfWeek))
      yield { from: instantOf(day, hours.from, hours.zone), to: instantOf(day, hours.to, hours.zone) };
  }
}

/** A time that the clock skips is taken as if it had not skipped; of one that comes twice, the first. */
function instantOf(day: Temporal.PlainDate, time: string, zone: string): number {
  return day.toZonedDateTime({ timeZone: zone, plainTime: Temporal.PlainTime.from(time) }).epochMilliseconds;
}
