import { setTimeout as wait } from 'node:timers/promises';
import { query } from './place.ts';

/** What an event had used up and when it was due, by its id. */
export type Waiting = Map<number, { tries: number; attempts: number; dueAtMs: number }>;

export type LedgerWatch = ReturnType<typeof watchLedger>;

const LOOK_EVERY_MS = 100;
const LEFT_EVERY_MS = 1_000;
const SAY_EVERY_MS = 30_000;

/** The ledger and the breaker as their rows tell, for the measurement of an outage. */
export function watchLedger(databaseUrl: string) {
  const ask = <Row extends Record<string, unknown>>(text: string, values: unknown[] = []) =>
    query<Row>(databaseUrl, text, values);

  /** The moment of the breaker's `nth` transition to `state`. */
  async function untilTransition(state: string, nth: number): Promise<Date> {
    for (;;) {
      const rows = await ask<{ at: Date }>('select at from breaker_transition where to_state = $1 order by id', [
        state,
      ]);
      if (rows.length >= nth) return rows[nth - 1]!.at;
      await wait(LOOK_EVERY_MS);
    }
  }

  /** Rows of events written again since the database began; a second late at most. */
  async function countWrites(): Promise<number> {
    const [row] = await ask<{ writes: number }>(
      `select n_tup_upd::int as writes from pg_stat_user_tables where relname = 'event'`,
    );
    return row!.writes;
  }

  async function readWaiting(): Promise<Waiting> {
    const rows = await ask<{ id: number; tries: number; attempts: number; due_at: Date }>(
      `select id, tries, attempts, due_at from event where state in ('pending', 'retrying')`,
    );
    return new Map(rows.map(({ id, tries, attempts, due_at }) => [id, { tries, attempts, dueAtMs: due_at.getTime() }]));
  }

  /** What happened since: tries and attempts, also of those that came meanwhile, and due times moved of those that waited before. */
  async function readChanges(before: Waiting): Promise<{ tries: number; attempts: number; moved: number }> {
    const after = await readWaiting();
    const gone = [...before.keys()].filter((id) => !after.has(id));
    if (gone.length > 0) throw new Error(`${gone.length} events no longer wait, though nobody may be told of them`);
    const changes = { tries: 0, attempts: 0, moved: 0 };
    for (const [id, is] of after) {
      const was = before.get(id);
      changes.tries += is.tries - (was?.tries ?? 0);
      changes.attempts += is.attempts - (was?.attempts ?? 0);
      changes.moved += Number(was !== undefined && is.dueAtMs !== was.dueAtMs);
    }
    return changes;
  }

  async function countReceivedBefore(at: Date): Promise<number> {
    const [row] = await ask<{ events: number }>(WAITING_BEFORE, [at]);
    return row!.events;
  }

  /** When the last of what was received before `at` was finished. Counting those that are left would take a third of a processor. */
  async function untilDrained(at: Date, say: (left: number) => void): Promise<Date> {
    const [last] = await ask<{ id: number }>('select max(id)::int as id from event where received_at < $1', [at]);
    for (let saidAt = performance.now(); await isOneLeft(last!.id); await wait(LEFT_EVERY_MS)) {
      if (performance.now() - saidAt < SAY_EVERY_MS) continue;
      say(await countWaiting());
      saidAt = performance.now();
    }
    const [row] = await ask<{ at: Date }>('select max(finished_at) as at from event where received_at < $1', [at]);
    return row!.at;
  }

  async function isOneLeft(lastId: number): Promise<boolean> {
    const [row] = await ask<{ isLeft: boolean }>(
      `select exists (select from event where state = 'pending' and id <= $1)
        or exists (select from event where state = 'retrying' and id <= $1) as "isLeft"`,
      [lastId],
    );
    return row!.isLeft;
  }

  async function countWaiting(): Promise<number> {
    const [row] = await ask<{ waiting: number }>('select sum(waiting)::int as waiting from counter');
    return row!.waiting;
  }

  async function untilNothingWaits(): Promise<void> {
    while ((await countWaiting()) > 0) await wait(LOOK_EVERY_MS);
  }

  async function countOpeningsAfter(at: Date): Promise<number> {
    const [row] = await ask<{ openings: number }>(
      `select count(*)::int as openings from breaker_transition where to_state = 'open' and at > $1`,
      [at],
    );
    return row!.openings;
  }

  /** Of events received between two moments. */
  async function readAppliedMs(from: Date, to: Date): Promise<number[]> {
    const rows = await ask<{ ms: number }>(
      `select (extract(epoch from finished_at - received_at) * 1000)::float8 as ms from event where received_at between $1 and $2`,
      [from, to],
    );
    return rows.map((row) => row.ms);
  }

  return {
    untilTransition,
    countWrites,
    readWaiting,
    readChanges,
    countReceivedBefore,
    untilDrained,
    untilNothingWaits,
    countOpeningsAfter,
    readAppliedMs,
  };
}

const WAITING_BEFORE = `select count(*)::int as events from event where state in ('pending', 'retrying') and received_at < $1`;
