import { sql } from 'kysely';
import { sweepOnce } from '../src/duty/sweep.ts';
import { createDb, createPool, type Db } from '../src/platform/database.ts';
import type { Bench, Measured } from './bench.ts';
import { distributionOf } from './statistics.ts';

const TICKETS = 1_000;
const SWEEPS = 200;
/** In a busy minute: of a thousand tickets, a few have a deadline in the same second. */
const DUE_AT_ONCE = 20;

/** How long a sweep takes over a thousand open tickets: when nothing is due, when some are, and when all are. */
export async function measureSweep({ place, quick, say }: Bench): Promise<Measured> {
  const url = await place.createDatabase();
  const db = createDb(createPool(url, { max: 2, name: 'bench-sweep' }));
  try {
    await seed(db, quick ? 50 : TICKETS);
    const idle = await measure(db, quick ? 5 : SWEEPS, async () => {});
    say(`sweep: nothing due, p99 ${idle.p99.toFixed(1)} ms`);
    const some = await measure(db, quick ? 5 : SWEEPS, () => makeDue(db, DUE_AT_ONCE));
    say(`sweep: ${DUE_AT_ONCE} due, p99 ${some.p99.toFixed(1)} ms`);
    const all = await measure(db, quick ? 2 : 20, () => makeDue(db, TICKETS));
    return {
      findings: [
        {
          what: `a sweep over ${TICKETS} open tickets, nothing due, p99`,
          measured: idle.p99,
          unit: 'ms',
          required: { atMost: 50 },
        },
        { what: `… ${DUE_AT_ONCE} due at once, p50`, measured: some.p50, unit: 'ms' },
        { what: '… p99', measured: some.p99, unit: 'ms', required: { atMost: 50 } },
        { what: '… all due at once, one sweep of 200, p50', measured: all.p50, unit: 'ms', required: { atMost: 50 } },
      ],
      raw: { idle, some, all },
    };
  } finally {
    await db.destroy();
    await place.dropDatabase(url);
  }
}

/** People who take turns, and tickets that nobody has. */
async function seed(db: Db, tickets: number): Promise<void> {
  await sql`insert into person (telegram_id, role, private_chat) select n, 'engineer', true from generate_series(1, 5) as n`.execute(
    db,
  );
  await sql`
    insert into rotation (level, people, zone, hand_over, every_days, starts_on, changed_by)
    values (1, '[1, 2, 3, 4, 5]', 'Europe/Berlin', '09:00', 1, '2026-01-01', 'bench')`.execute(db);
  await sql`
    insert into ticket (fingerprint, stage, source, dependency, error_family, severity, countries, first_failure_at, last_failure_at,
      clock_at, steps_taken, called_level, escalate_at, resolve_by, warn_at, overdue_at)
    select 'cause ' || n, 'delivery', 'acme', 'activation', 'HTTP 503', 'P2', '{}', now(), now(),
      now(), 1, 1, now() + interval '15 minutes', now() + interval '4 hours', now() + interval '3 hours', now() + interval '4 hours'
    from generate_series(1, ${tickets}) as n`.execute(db);
  await sql`analyze ticket`.execute(db);
}

async function makeDue(db: Db, count: number): Promise<void> {
  await sql`
    update ticket set escalate_at = now(), clock_at = now() - interval '15 minutes', steps_taken = 1
    where id in (select id from ticket order by random() limit ${count})`.execute(db);
}

async function measure(db: Db, sweeps: number, before: () => Promise<void>) {
  const tookMs: number[] = [];
  for (let n = 0; n < sweeps; n += 1) {
    await before();
    const startedAt = performance.now();
    await sweepOnce({ db });
    tookMs.push(performance.now() - startedAt);
  }
  return distributionOf(tookMs);
}
