import type { Level } from '../escalation/policy.ts';
import { nextInTurn, type Rotation, turnAt, turnsBetween } from './rotation.ts';

export type Cover = { id: number; level: number; personId: number; startsAt: Date; endsAt: Date; givenBy: string };

/** All that who is on call depends on. */
export type Roster = {
  /** Those who may act now, by their ids in order. */
  people: number[];
  rotations: Map<number, Rotation>;
  covers: Cover[];
};

/** Why it is they who are called. */
export type OnCall = { people: number[]; because: 'cover' | 'turn' | 'next in turn' | 'no rotation' | 'everyone' };

/**
 * Who is called on a level at an instant: a cover before the rotation; on the second level without a rotation of its own the next in
 * turn of the first; and whenever nobody can be found that way, everyone who may act, so that a page reaches somebody. Nobody only when nobody may act.
 */
export function onCallAt(roster: Roster, level: Level, at: Date): OnCall {
  if (level === 3) return { people: roster.people, because: 'everyone' };
  const mayBeCalled = (id: number) => roster.people.includes(id);
  const cover = roster.covers.find(
    (one) => one.level === level && one.startsAt <= at && at < one.endsAt && mayBeCalled(one.personId),
  );
  if (cover) return { people: [cover.personId], because: 'cover' };
  const rotation = roster.rotations.get(level);
  const turn = rotation ? turnAt(rotation, at, mayBeCalled) : null;
  if (turn) return { people: [turn.personId], because: 'turn' };
  const first = level === 2 && !rotation ? roster.rotations.get(1) : undefined;
  const next = first ? nextInTurn(first, at, mayBeCalled) : null;
  return next === null
    ? { people: roster.people, because: 'no rotation' }
    : { people: [next], because: 'next in turn' };
}

export type Watch = { from: Date; until: Date; onCall: OnCall };

/** Who is on call on a level over a time: one watch after the other, each of the same people for the same reason. */
export function watchesBetween(roster: Roster, level: 1 | 2, from: Date, to: Date): Watch[] {
  const edges = [from, ...edgesBetween(roster, level, from, to)];
  const watches: Watch[] = [];
  edges.forEach((edge, index) => {
    const onCall = onCallAt(roster, level, edge);
    const until = edges[index + 1] ?? to;
    const last = watches.at(-1);
    if (last && isSame(last.onCall, onCall)) last.until = until;
    else watches.push({ from: edge, until, onCall });
  });
  return watches;
}

function edgesBetween({ rotations, covers }: Roster, level: number, from: Date, to: Date): Date[] {
  const rotation = rotations.get(level) ?? rotations.get(1);
  const turns = rotation ? turnsBetween(rotation, from, to, () => true).map((turn) => turn.until) : [];
  const ofCovers = covers.filter((cover) => cover.level === level).flatMap((cover) => [cover.startsAt, cover.endsAt]);
  const times = [...turns, ...ofCovers]
    .map((at) => at.getTime())
    .filter((at) => at > from.getTime() && at < to.getTime());
  return [...new Set(times)].sort((a, b) => a - b).map((at) => new Date(at));
}

function isSame(a: OnCall, b: OnCall): boolean {
  return a.because === b.because && a.people.join() === b.people.join();
}
