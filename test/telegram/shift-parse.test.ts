import { expect, test } from 'vitest';
import { parseShift } from '../../src/telegram/commands/shift-parse.ts';

const NOW = new Date('2026-11-22T12:00:00Z');
const at = (time: string) => new Date(`2026-11-${time}:00Z`);
const parse = (args: string, zone = 'UTC') => parseShift(args, NOW, zone);

test.each([
  ['me until 18:00', 'me', '22T12:00', '22T18:00'],
  ['me 2h', 'me', '22T12:00', '22T14:00'],
  ['me for 90m', 'me', '22T12:00', '22T13:30'],
  ['me until 9:00', 'me', '22T12:00', '23T09:00'],
  ['Ben 2026-11-23 09:00 2h', 'Ben', '23T09:00', '23T11:00'],
  ['Ben from 2026-11-23 09:00 until 18:00', 'Ben', '23T09:00', '23T18:00'],
  ['Anna Maria 20:00 until 2026-11-24 08:00', 'Anna Maria', '22T20:00', '24T08:00'],
  ['@ben_engineer 2026-11-23 22:00 until 06:00', '@ben_engineer', '23T22:00', '24T06:00'],
])('“%s” is a cover', (args, name, from, to) => {
  expect(parse(args)).toEqual({ asked: 'cover', name, level: 1, startsAt: at(from), endsAt: at(to) });
});

test('times are of the rotation’s zone, also on the day its clock changes', () => {
  expect(parse('me until 18:00', 'Europe/Berlin')).toMatchObject({ endsAt: at('22T17:00') });
  const spring = parseShift('me 2027-03-28 01:00 until 04:00', NOW, 'Europe/Berlin');
  expect(spring).toMatchObject({
    startsAt: new Date('2027-03-28T00:00:00Z'),
    endsAt: new Date('2027-03-28T02:00:00Z'),
  });
});

test('the second level is named at the end', () => {
  expect(parse('Ben 2h level 2')).toMatchObject({ asked: 'cover', name: 'Ben', level: 2 });
});

test.each([
  ['', { asked: 'list' }],
  ['cancel 3', { asked: 'cancel', coverId: 3 }],
  ['until 18:00', { asked: 'unclear', wrong: 'no_name' }],
  ['me', { asked: 'unclear', wrong: 'no_time' }],
  ['me until 25:00', { asked: 'unclear', wrong: 'no_such_time' }],
  ['me 2026-02-30 09:00 2h', { asked: 'unclear', wrong: 'no_such_time' }],
  ['me 2026-11-23', { asked: 'unclear', wrong: 'no_such_time' }],
  ['me 2026-11-23 09:00', { asked: 'unclear', wrong: 'no_end' }],
  ['me until tomorrow', { asked: 'unclear', wrong: 'no_end' }],
  ['me 2h and more', { asked: 'unclear', wrong: 'no_end' }],
  ['me 2026-11-23 09:00 until 2026-11-23 08:00', { asked: 'unclear', wrong: 'ends_first' }],
  ['me 0m', { asked: 'unclear', wrong: 'ends_first' }],
  ['me 2026-11-21 09:00 2h', { asked: 'unclear', wrong: 'past' }],
  ['me 400d', { asked: 'unclear', wrong: 'too_long' }],
])('“%s” is %j', (args, asked) => {
  expect(parse(args)).toEqual(asked);
});
