import { expect, test } from 'vitest';
import { addWorkingMinutes, nextWorkingTime, type WorkingHours } from '../../src/escalation/working-hours.ts';

const utc: WorkingHours = { zone: 'UTC', days: [1, 2, 3, 4, 5], from: '09:00', to: '18:00' };
const at = (time: string) => new Date(`${time}Z`);

// 2026-11-23 is a Monday.
test.each([
  ['during them it is now', '2026-11-23T10:00', '2026-11-23T10:00'],
  ['before them it is their beginning', '2026-11-23T03:00', '2026-11-23T09:00'],
  ['at their end it is the next day', '2026-11-23T18:00', '2026-11-24T09:00'],
  ['on Friday evening it is Monday', '2026-11-27T20:00', '2026-11-30T09:00'],
  ['on Sunday it is Monday', '2026-11-29T12:00', '2026-11-30T09:00'],
])('the next working time: %s', (_, from, to) => {
  expect(nextWorkingTime(at(from), utc)).toEqual(at(to));
});

test.each([
  ['within a day', '2026-11-23T10:00', 240, '2026-11-23T14:00'],
  ['over a night', '2026-11-23T16:00', 240, '2026-11-24T11:00'],
  ['over a weekend', '2026-11-27T17:00', 120, '2026-11-30T10:00'],
  ['a whole working day from a Saturday ends on Monday', '2026-11-28T12:00', 540, '2026-11-30T18:00'],
])('working minutes pass in working hours only: %s', (_, from, minutes, to) => {
  expect(addWorkingMinutes(at(from), minutes, utc)).toEqual(at(to));
});

test('the hours are those of the zone’s clock, before and after it changes', () => {
  const berlin = { ...utc, zone: 'Europe/Berlin' };
  expect(nextWorkingTime(at('2026-10-23T23:00'), berlin)).toEqual(at('2026-10-26T08:00'));
  expect(nextWorkingTime(at('2026-10-22T23:00'), berlin)).toEqual(at('2026-10-23T07:00'));
});

test('without a working day the search ends, and time passes as it does', () => {
  expect(addWorkingMinutes(at('2026-11-23T10:00'), 60, { ...utc, days: [] })).toEqual(at('2026-11-23T11:00'));
});
