import { expect, test } from 'vitest';
import { nextInTurn, type Rotation, turnAt, turnsBetween } from '../../src/duty/rotation.ts';

const ANN = 1;
const BEN = 2;
const CARA = 3;
const everybody = () => true;

const daily: Rotation = {
  people: [ANN, BEN, CARA],
  zone: 'Europe/Berlin',
  handOver: '09:00',
  everyDays: 1,
  startsOn: '2026-11-23',
};

const at = (time: string) => new Date(time);
const who = (rotation: Rotation, time: string, mayBeCalled: (id: number) => boolean = everybody) =>
  turnAt(rotation, at(time), mayBeCalled)?.personId ?? null;

test.each([
  ['at the hand-over of the first day', '2026-11-23T08:00:00Z', ANN],
  ['a moment before it, the last of the list', '2026-11-23T07:59:59.999Z', CARA],
  ['in the night after it', '2026-11-24T07:59:59Z', ANN],
  ['a day later', '2026-11-24T08:00:00Z', BEN],
  ['after the whole list, the first again', '2026-11-26T08:00:00Z', ANN],
  ['long before the first day', '2026-11-20T12:00:00Z', ANN],
])('the turn changes at the hand-over: %s', (_, time, person) => {
  expect(who(daily, time)).toBe(person);
});

test('a weekly turn lasts seven days', () => {
  const weekly = { ...daily, everyDays: 7 };
  expect(who(weekly, '2026-11-30T07:59:00Z')).toBe(ANN);
  expect(who(weekly, '2026-11-30T08:00:00Z')).toBe(BEN);
});

// Clocks in Berlin go forward on 2027-03-28 at 02:00 and back on 2026-10-25 at 03:00.
test('the night in which the clock goes forward is an hour shorter, and the hand-over is still at nine', () => {
  const turn = turnAt(daily, at('2027-03-27T20:00:00Z'), everybody)!;
  expect(turn.from).toEqual(at('2027-03-27T08:00:00Z'));
  expect(turn.until).toEqual(at('2027-03-28T07:00:00Z'));
  expect(who(daily, '2027-03-28T06:59:59Z')).toBe(turn.personId);
  expect(who(daily, '2027-03-28T07:00:00Z')).not.toBe(turn.personId);
});

test('the night in which the clock goes back is an hour longer', () => {
  const turn = turnAt(daily, at('2026-10-24T20:00:00Z'), everybody)!;
  expect(turn.until.getTime() - turn.from.getTime()).toBe(25 * 3_600_000);
  expect(turn.until).toEqual(at('2026-10-25T08:00:00Z'));
});

test('a hand-over in the hour that is skipped is an hour later, and nobody is left out', () => {
  const early = { ...daily, handOver: '02:30' };
  const before = turnAt(early, at('2027-03-28T00:59:00Z'), everybody)!;
  const after = turnAt(early, at('2027-03-28T01:30:00Z'), everybody)!;
  expect(before.until).toEqual(at('2027-03-28T01:30:00Z'));
  expect(after).toMatchObject({ from: before.until, personId: (before.personId % 3) + 1 });
});

test('a hand-over in the hour that comes twice happens once, the first time', () => {
  const early = { ...daily, handOver: '02:30' };
  const before = turnAt(early, at('2026-10-25T00:29:00Z'), everybody)!;
  expect(before.until).toEqual(at('2026-10-25T00:30:00Z'));
  expect(who(early, '2026-10-25T00:30:00Z')).toBe(who(early, '2026-10-25T01:30:00Z'));
});

test('turns follow each other without a gap over a whole year of both changes of the clock', () => {
  const turns = turnsBetween(daily, at('2026-06-01T00:00:00Z'), at('2027-06-01T00:00:00Z'), everybody);
  expect(turns).toHaveLength(366);
  turns.slice(1).forEach((turn, index) => {
    expect(turn.from).toEqual(turns[index]!.until);
    expect(turn.personId).toBe((turns[index]!.personId % 3) + 1);
  });
});

test('the turn of somebody who may not be called falls to the next, and moves nobody else’s', () => {
  const withoutBen = (id: number) => id !== BEN;
  expect(who(daily, '2026-11-24T12:00:00Z', withoutBen)).toBe(CARA);
  expect(who(daily, '2026-11-25T12:00:00Z', withoutBen)).toBe(CARA);
  expect(who(daily, '2026-11-26T12:00:00Z', withoutBen)).toBe(ANN);
});

test('a rotation in which nobody may be called has no turns, and ends no search', () => {
  expect(who(daily, '2026-11-24T12:00:00Z', () => false)).toBeNull();
  expect(who({ ...daily, people: [] }, '2026-11-24T12:00:00Z')).toBeNull();
  expect(
    turnsBetween({ ...daily, people: [] }, at('2026-11-24T12:00:00Z'), at('2026-12-24T12:00:00Z'), everybody),
  ).toEqual([]);
});

test('who comes next is somebody else, and of one alone nobody', () => {
  const time = at('2026-11-23T12:00:00Z');
  expect(nextInTurn(daily, time, everybody)).toBe(BEN);
  expect(nextInTurn(daily, time, (id) => id !== BEN)).toBe(CARA);
  expect(nextInTurn({ ...daily, people: [ANN] }, time, everybody)).toBeNull();
});
