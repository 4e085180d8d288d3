import { expect, test } from 'vitest';
import { onCallAt, type Roster, watchesBetween } from '../../src/duty/roster.ts';

const [ANN, BEN, CARA] = [1, 2, 3];
const at = (time: string) => new Date(`2026-11-${time}:00Z`);
const daily = { people: [ANN, BEN], zone: 'UTC', handOver: '09:00', everyDays: 1, startsOn: '2026-11-23' };
const plain: Roster = { people: [ANN, BEN, CARA], rotations: new Map([[1, daily]]), covers: [] };
const cover = (personId: number, from: string, to: string, level = 1) => ({
  id: 1,
  level,
  personId,
  startsAt: at(from),
  endsAt: at(to),
  givenBy: 'Ann',
});

test('who has the turn is on call, and the next in turn is the second level', () => {
  expect(onCallAt(plain, 1, at('23T12:00'))).toEqual({ people: [ANN], because: 'turn' });
  expect(onCallAt(plain, 2, at('23T12:00'))).toEqual({ people: [BEN], because: 'next in turn' });
  expect(onCallAt(plain, 3, at('23T12:00'))).toEqual({ people: [ANN, BEN, CARA], because: 'everyone' });
});

test('a cover goes before the turn, from its first moment until its last, on its own level', () => {
  const roster = { ...plain, covers: [cover(CARA, '23T12:00', '23T14:00')] };
  expect(onCallAt(roster, 1, at('23T11:59')).people).toEqual([ANN]);
  expect(onCallAt(roster, 1, at('23T12:00'))).toEqual({ people: [CARA], because: 'cover' });
  expect(onCallAt(roster, 1, at('23T14:00')).people).toEqual([ANN]);
  expect(onCallAt(roster, 2, at('23T12:00')).people).toEqual([BEN]);
});

test('a cover by somebody who may not act any more covers nothing', () => {
  const roster = { ...plain, people: [ANN, BEN], covers: [cover(CARA, '23T12:00', '23T14:00')] };
  expect(onCallAt(roster, 1, at('23T12:00')).people).toEqual([ANN]);
});

test('without a rotation, or with one in which nobody may act, everyone who may is called', () => {
  expect(onCallAt({ ...plain, rotations: new Map() }, 1, at('23T12:00'))).toEqual({
    people: [ANN, BEN, CARA],
    because: 'no rotation',
  });
  const gone = { ...plain, people: [CARA] };
  expect(onCallAt(gone, 1, at('23T12:00'))).toEqual({ people: [CARA], because: 'no rotation' });
});

test('when nobody may act nobody is called', () => {
  expect(onCallAt({ ...plain, people: [] }, 1, at('23T12:00')).people).toEqual([]);
});

test('watches follow each other, change at hand-overs and at both ends of a cover, and join when nothing changes', () => {
  const roster = { ...plain, covers: [cover(CARA, '23T12:00', '23T14:00')] };
  const watches = watchesBetween(roster, 1, at('23T10:00'), at('24T12:00'));
  expect(watches.map(({ from, until, onCall }) => [from, until, onCall.people])).toEqual([
    [at('23T10:00'), at('23T12:00'), [ANN]],
    [at('23T12:00'), at('23T14:00'), [CARA]],
    [at('23T14:00'), at('24T09:00'), [ANN]],
    [at('24T09:00'), at('24T12:00'), [BEN]],
  ]);
  const alone = { ...plain, rotations: new Map([[1, { ...daily, people: [ANN] }]]) };
  expect(watchesBetween(alone, 1, at('23T10:00'), at('25T12:00'))).toHaveLength(1);
});
