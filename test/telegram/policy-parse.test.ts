import { expect, test } from 'vitest';
import { parsePolicy } from '../../src/telegram/commands/policy-parse.ts';
import { durationWords } from '../../src/telegram/words/policy-text.ts';

test.each([
  ['', { asked: 'show' }],
  ['defaults', { asked: 'defaults' }],
  ['rotation 2 off', { asked: 'rotation_off', level: 2 }],
  [
    'rotation 1 Ann, Ben daily 09:00 Europe/Berlin',
    {
      asked: 'rotation',
      level: 1,
      names: ['Ann', 'Ben'],
      rotation: { zone: 'Europe/Berlin', handOver: '09:00', everyDays: 1, startsOn: null },
    },
  ],
  [
    'rotation 2 @cara_x, Anna Maria weekly 8:30 UTC from 2026-11-23',
    {
      asked: 'rotation',
      level: 2,
      names: ['@cara_x', 'Anna Maria'],
      rotation: { zone: 'UTC', handOver: '08:30', everyDays: 7, startsOn: '2026-11-23' },
    },
  ],
  [
    'rotation 1 Ann every 3 days at 09:00 from 2026-11-23',
    {
      asked: 'rotation',
      level: 1,
      names: ['Ann'],
      rotation: { zone: 'UTC', handOver: '09:00', everyDays: 3, startsOn: '2026-11-23' },
    },
  ],
  [
    'hours Mon-Fri 09:00-18:00 Europe/Berlin',
    { asked: 'hours', hours: { zone: 'Europe/Berlin', days: [1, 2, 3, 4, 5], from: '09:00', to: '18:00' } },
  ],
  [
    'hours mon,wed,sat 8:00-12:00',
    { asked: 'hours', hours: { zone: 'UTC', days: [1, 3, 6], from: '08:00', to: '12:00' } },
  ],
  [
    'P1 call 0m 1, 5m on-call, 10m 2, 20m everyone',
    {
      asked: 'severity',
      severity: 'P1',
      change: {
        steps: [
          { afterMinutes: 0, level: 1 },
          { afterMinutes: 5, level: 1 },
          { afterMinutes: 10, level: 2 },
          { afterMinutes: 20, level: 3 },
        ],
      },
    },
  ],
  ['p2 rounds 2 then 1h', { asked: 'severity', severity: 'P2', change: { rounds: 2, thenEveryMinutes: 60 } }],
  ['P2 rounds 1 then never', { asked: 'severity', severity: 'P2', change: { rounds: 1, thenEveryMinutes: null } }],
  ['P3 lapse never', { asked: 'severity', severity: 'P3', change: { lapseMinutes: null } }],
  ['P4 resolve 3d', { asked: 'severity', severity: 'P4', change: { resolveMinutes: 4320 } }],
])('“%s” is understood', (args, asked) => {
  expect(parsePolicy(args)).toEqual(asked);
});

test.each([
  ['rotation 1 daily 09:00', 'nobody_named'],
  ['rotation 1 , , daily 09:00', 'nobody_named'],
  ['rotation 1', 'no_turn'],
  ['rotation 1 Ann sometimes', 'no_turn'],
  ['rotation 1 Ann every 0 days 09:00', 'no_turn'],
  ['rotation 1 Ann daily 24:00', 'no_such_time'],
  ['rotation 1 Ann daily 09:00 Europe/Atlantis', 'no_such_zone'],
  ['rotation 1 Ann daily 09:00 UTC from 2026-02-30', 'no_such_day'],
  ['rotation 3 Ann daily 09:00', 'no_such_setting'],
  ['hours Mon-Fri 18:00-09:00', 'hours_end_first'],
  ['hours Fri-Mon 09:00-18:00', 'no_such_day'],
  ['hours Someday 09:00-18:00', 'no_such_day'],
  ['P1 call 5m 1, 5m 2', 'steps_out_of_order'],
  ['P1 call 0m 1', 'steps_out_of_order'],
  ['P1 call soon 1', 'no_such_duration'],
  ['P1 call 5m 4', 'no_such_duration'],
  ['P1 rounds 0 then 30m', 'no_such_duration'],
  ['P1 rounds 3 then 0m', 'no_such_duration'],
  ['P1 resolve 0m', 'no_such_duration'],
  ['P1 resolve 9999d', 'no_such_duration'],
  ['P5 resolve 1h', 'no_such_setting'],
  ['; drop table person', 'no_such_setting'],
])('“%s” changes nothing: %s', (args, wrong) => {
  expect(parsePolicy(args)).toEqual({ asked: 'unclear', wrong });
});

test.each([
  [0.1, '6 s'],
  [5, '5 min'],
  [60, '1 h'],
  [90, '90 min'],
  [120, '2 h'],
  [1440, '1 d'],
])('%d minutes are “%s”', (minutes, words) => {
  expect(durationWords(minutes)).toBe(words);
});
