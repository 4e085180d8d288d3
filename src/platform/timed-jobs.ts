import { createTask, schedule } from 'node-cron';
import type { Db } from './database.ts';
import { claimRun, findLastDue, finishRun } from './job-run-store.ts';
import type { Logger } from './log.ts';
import { scrubText } from './scrub.ts';

export type Job = {
  name: string;
  /** Five fields, or six with seconds first; always in UTC. */
  expression: string;
  /** Does the work of one due time and answers counts: a run that found nothing to look at says so. */
  runOnce: () => Promise<object>;
};

export type RunOutcome = 'ran' | 'failed' | 'another replica runs it';

type Deps = { db: Db; holder: string; log: Logger };

/**
 * Runs every job at its times on exactly one replica: whoever inserts the row of a due time runs it. The row tells how it went; a
 * row without an end is a run that was cut off, and due times that nobody ran are counted by the next run as `missed`.
 */
export function startSchedule(options: Deps & { jobs: Job[] }): { stop: () => Promise<void> } {
  const underWay = new Set<Promise<unknown>>();
  const tasks = options.jobs.map((job) =>
    schedule(job.expression, ({ date }) => keepTrack(underWay, runUnlessFailing(options, job, date)), {
      name: job.name,
      timezone: UTC,
      noOverlap: true,
      suppressMissedWarning: true,
    }),
  );
  return {
    stop: async () => {
      for (const task of tasks) await task.destroy();
      await Promise.all(underWay);
    },
  };
}

const UTC = 'Etc/UTC';

function keepTrack(underWay: Set<Promise<unknown>>, run: Promise<unknown>): Promise<unknown> {
  underWay.add(run);
  return run.finally(() => underWay.delete(run));
}

/** A database that is down is no reason to stop planning. */
async function runUnlessFailing(deps: Deps, job: Job, dueAt: Date): Promise<void> {
  try {
    await runDue(deps, job, dueAt);
  } catch (err) {
    deps.log.error({ err, job: job.name }, 'a timed job could not be recorded');
  }
}

/** Runs `job` for its due time unless another replica does, and records how it went. */
export async function runDue({ db, holder, log }: Deps, job: Job, dueAt: Date): Promise<RunOutcome> {
  const due = wholeSecond(dueAt);
  const before = await findLastDue(db, job.name, due);
  if (!(await claimRun(db, job.name, due, holder))) return 'another replica runs it';
  const missed = before ? countDueBetween(job.expression, before, due) : 0;
  if (missed > 0) log.warn({ job: job.name, missed }, 'a timed job was not run at all its times');
  try {
    const counts = await job.runOnce();
    await finishRun(db, job.name, due, { outcome: JSON.stringify({ ...counts, missed }), error: null });
    return 'ran';
  } catch (err) {
    log.error({ err, job: job.name }, 'a timed job failed');
    await finishRun(db, job.name, due, { outcome: JSON.stringify({ missed }), error: scrubText(String(err)) });
    return 'failed';
  }
}

/** Replicas' timers differ by milliseconds and must mean the same row. */
function wholeSecond(time: Date): Date {
  return new Date(Math.floor(time.getTime() / 1_000) * 1_000);
}

/** A day of minutes. */
const STEPS_MAX = 1_440;

/** How many due times lie strictly between two; of a gap longer than a day (24 min for seconds) only its end is looked at. */
export function countDueBetween(expression: string, after: Date, before: Date): number {
  const task = createTask(expression, () => {}, { timezone: UTC });
  const stepMs = expression.trim().split(/\s+/).length > 5 ? 1_000 : 60_000;
  const last = Math.ceil(before.getTime() / stepMs) * stepMs - stepMs;
  let due = 0;
  for (let at = last, steps = 0; at > after.getTime() && steps < STEPS_MAX; at -= stepMs, steps += 1) {
    if (task.match(new Date(at))) due += 1;
  }
  void task.destroy();
  return due;
}
