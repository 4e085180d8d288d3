/** Who takes turns, in this order: the turn changes every `everyDays` at `handOver`, by the clock of `zone`. */
export type Rotation = {
  people: number[];
  zone: string;
  /** `09:00` */
  handOver: string;
  everyDays: number;
  /** On this day the first of the list begins: `2026-11-23`. */
  startsOn: string;
};

export type Turn = { personId: number; from: Date; until: Date };

/**
 * Whose turn it is at an instant. People who cannot be called (`mayBeCalled`) are passed over without moving the turns of the others:
 * theirs falls to the next in the list. Null when nobody of the rotation can be called. A turn on the night in which the clock changes is an
 * hour longer or shorter; a hand-over in the hour that is skipped is an hour later, in the hour that comes twice it is the first.
 */
export function turnAt(rotation: Rotation, at: Date, mayBeCalled: (personId: number) => boolean): Turn | null {
  const number = turnNumber(rotation, at);
  const personId = personOf(rotation, number, mayBeCalled);
  if (personId === null) return null;
  return { personId, from: handOverOf(rotation, number), until: handOverOf(rotation, number + 1) };
}

/** The turns from an instant on, as many as begin before the end. */
export function turnsBetween(
  rotation: Rotation,
  from: Date,
  to: Date,
  mayBeCalled: (personId: number) => boolean,
): Turn[] {
  const turns: Turn[] = [];
  for (let at = from; at < to; ) {
    const turn = turnAt(rotation, at, mayBeCalled);
    if (!turn) return turns;
    turns.push(turn);
    at = turn.until;
  }
  return turns;
}

/** Who comes after them in the list; of one alone, nobody. */
export function nextInTurn(rotation: Rotation, at: Date, mayBeCalled: (personId: number) => boolean): number | null {
  const now = turnAt(rotation, at, mayBeCalled)?.personId ?? null;
  const next = personOf(rotation, turnNumber(rotation, at) + 1, (id) => id !== now && mayBeCalled(id));
  return next;
}

/** Counted from the first turn, which is 0; those before it are negative. */
function turnNumber(rotation: Rotation, at: Date): number {
  const local = Temporal.Instant.fromEpochMilliseconds(at.getTime()).toZonedDateTimeISO(rotation.zone);
  const day = local.toPlainDate();
  const number = Math.floor(firstDayOf(rotation).until(day).days / rotation.everyDays);
  return at < handOverOf(rotation, number) ? number - 1 : number;
}

function handOverOf(rotation: Rotation, number: number): Date {
  const day = firstDayOf(rotation).add({ days: number * rotation.everyDays });
  const plainTime = Temporal.PlainTime.from(rotation.handOver);
  return new Date(day.toZonedDateTime({ timeZone: rotation.zone, plainTime }).epochMilliseconds);
}

function firstDayOf({ startsOn }: Rotation): Temporal.PlainDate {
  return Temporal.PlainDate.from(startsOn);
}

function personOf({ people }: Rotation, number: number, mayBeCalled: (personId: number) => boolean): number | null {
  for (let passed = 0; passed < people.length; passed += 1) {
    const index = (((number + passed) % people.length) + people.length) % people.length;
    if (mayBeCalled(people[index]!)) return people[index]!;
  }
  return null;
}
