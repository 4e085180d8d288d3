import { expect, onTestFinished, test } from 'vitest';
import { createLog } from '../../src/platform/log.ts';
import { countDueBetween, type Job, runDue, startSchedule } from '../../src/platform/timed-jobs.ts';
import { createTestDatabase } from '../database.ts';

const { db, pool } = await createTestDatabase();
const log = createLog({ level: 'silent' });
const at = (time: string) => new Date(`2026-03-01T${time}Z`);

function hourly(name: string, runOnce: Job['runOnce'] = async () => ({ checked: 3 })): Job {
  return { name, expression: '0 * * * *', runOnce };
}

async function rowsOf(name: string) {
  const { rows } = await pool.query(
    `select due_at, holder, finished_at is not null as finished, outcome, error from job_run where name = $1 order by due_at`,
    [name],
  );
  return rows;
}

test('of replicas that reach a due time together exactly one runs the job, and the row says who and how it went', async () => {
  let runs = 0;
  const job = hourly('together', async () => ({ run: ++runs }));
  const replicas = ['a', 'b', 'c', 'd'].map((holder, i) => runDue({ db, holder, log }, job, at(`10:00:00.${i}00`)));
  const outcomes = await Promise.all(replicas);
  expect(outcomes.filter((outcome) => outcome === 'ran')).toHaveLength(1);
  expect(runs).toBe(1);
  expect(await rowsOf('together')).toEqual([
    { due_at: at('10:00:00'), holder: expect.any(String), finished: true, outcome: { run: 1, missed: 0 }, error: null },
  ]);
});

test('the next due time is another run', async () => {
  await runDue({ db, holder: 'a', log }, hourly('again'), at('10:00:00'));
  expect(await runDue({ db, holder: 'b', log }, hourly('again'), at('11:00:00'))).toBe('ran');
  expect((await rowsOf('again')).map((row) => row.holder)).toEqual(['a', 'b']);
});

test('a run that fails is recorded with its error, scrubbed, and does not keep the next from running', async () => {
  const failing = hourly('failing', () => Promise.reject(new Error('no mail to anna@example.com')));
  expect(await runDue({ db, holder: 'a', log }, failing, at('10:00:00'))).toBe('failed');
  expect(await rowsOf('failing')).toMatchObject([{ finished: true, error: 'Error: no mail to [masked]' }]);
  expect(await runDue({ db, holder: 'a', log }, hourly('failing'), at('11:00:00'))).toBe('ran');
});

test('due times that nobody ran are counted by the next run', async () => {
  await runDue({ db, holder: 'a', log }, hourly('missed'), at('10:00:00'));
  await runDue({ db, holder: 'a', log }, hourly('missed'), at('14:00:00'));
  expect((await rowsOf('missed')).map((row) => row.outcome.missed)).toEqual([0, 3]);
});

test('a run that is cut off leaves a row without an end', async () => {
  const hanging = hourly('cut off', () => new Promise(() => {}));
  void runDue({ db, holder: 'a', log }, hanging, at('10:00:00'));
  await expect.poll(() => rowsOf('cut off')).toMatchObject([{ finished: false, outcome: null }]);
});

test('a started schedule runs its jobs at their times, and stopping waits for the run under way', async () => {
  let begin = () => {};
  let release = () => {};
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const job: Job = {
    name: 'every second',
    expression: '* * * * * *',
    runOnce: () => {
      begin();
      return new Promise((resolve) => (release = () => resolve({ checked: 1 })));
    },
  };
  const schedule = startSchedule({ db, jobs: [job], holder: 'a', log });
  onTestFinished(() => schedule.stop());
  await begun;
  const steps: string[] = [];
  const stopped = schedule.stop().then(() => steps.push('stopped'));
  expect(await rowsOf('every second')).toMatchObject([{ finished: false }]);
  expect(steps).toEqual([]);
  release();
  await stopped;
  expect((await rowsOf('every second'))[0]).toMatchObject({ finished: true, outcome: { checked: 1 } });
});

test.each([
  ['0 * * * *', '10:00:00', '11:00:00', 0],
  ['0 * * * *', '10:00:00', '13:00:00', 2],
  ['*/5 * * * *', '10:00:00', '10:30:00', 5],
  ['30 3 * * *', '04:00:00', '23:00:00', 0],
  ['*/10 * * * * *', '10:00:00', '10:01:00', 5],
])('%s is due strictly between %s and %s %i times', (expression, after, before, due) => {
  expect(countDueBetween(expression, at(after), at(before))).toBe(due);
});
