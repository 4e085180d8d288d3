import type { Transaction } from 'kysely';
import { lockTicket } from '../escalation/ticket-lock-store.ts';
import { appendLog, markResolved } from '../escalation/ticket-store.ts';
import { putNotice } from '../notice/notice-store.ts';
import type { Actor } from '../people/person.ts';
import type { Clock } from '../platform/clock.ts';
import type { Db } from '../platform/database.ts';
import type { Logger } from '../platform/log.ts';
import { createLoop } from '../platform/loop.ts';
import type { Schema } from '../platform/schema.ts';
import type { WakeTopic } from '../platform/wake.ts';
import {
  type Drill,
  type DrillProgress,
  findDrillOf,
  findRunningDrill,
  insertDrill,
  lockDrills,
  lockRunningDrill,
  markDrillEnded,
} from './drill-store.ts';
import { type DrillEnd, findEnd, reportText } from './words/drill-text.ts';

type Trx = Transaction<Schema>;
type Deps = { db: Db; clock: Clock };

export type StartedDrill = { outcome: 'started' | 'running'; drill: Drill };

/** Makes up a failure that goes the way of every other: ticket, card, page, timers. One at a time; the same command begins one. */
export async function startDrill(
  { db, clock }: Deps,
  { commandId, actor }: { commandId: string; actor: Actor },
): Promise<StartedDrill> {
  const before = await findDrillOf(db, commandId);
  if (before) return { outcome: 'started', drill: before };
  return db.transaction().execute(async (trx) => {
    await lockDrills(trx);
    const running = await findRunningDrill(trx);
    if (running) return { outcome: 'running', drill: running };
    const drill = { commandId, startedBy: actor.personId, by: actor.name, now: clock.now() };
    return { outcome: 'started', drill: await insertDrill(trx, drill) };
  });
}

/** Ends the running drill, whoever began it; null when none runs. */
export function stopDrill({ db, clock }: Deps): Promise<Drill | null> {
  return db.transaction().execute(async (trx) => {
    const drill = await lockRunningDrill(trx);
    if (drill) await endDrill(trx, drill, 'stopped', clock.now());
    return drill;
  });
}

/** Looks how far the running drill has come, and reports when it is over. Answers how many it ended. */
export function watchDrillOnce({ db, clock }: Deps): Promise<number> {
  return db.transaction().execute(async (trx) => {
    const drill = await lockRunningDrill(trx);
    const end = drill && findEnd(drill, clock.now());
    if (!end) return 0;
    await endDrill(trx, drill, end, clock.now());
    return 1;
  });
}

async function endDrill(trx: Trx, drill: DrillProgress, end: DrillEnd, now: Date): Promise<void> {
  await markDrillEnded(trx, drill, end, now);
  await resolveItsTicket(trx, drill, now);
  const body = { text: reportText(drill, end) };
  await putNotice(trx, { key: `drill:${drill.id}`, kind: 'text', personId: drill.startedBy, body });
}

async function resolveItsTicket(trx: Trx, { ticketId }: Drill, now: Date): Promise<void> {
  const ticket = await lockTicket(trx, ticketId);
  if (!ticket || ticket.state === 'resolved' || ticket.state === 'merged') return;
  await markResolved(trx, ticketId, { by: 'person' }, { by: 'itself', reason: 'drill', now });
  await appendLog(trx, { ticketId, kind: 'resolved', actor: null, text: 'the drill is over', now });
}

const POLL_MS = 500;

/** Looks after drills until stopped. */
export function startDrillWatch(deps: Deps & { wake: (topic: WakeTopic) => void; log: Logger }): {
  stop: () => Promise<void>;
} {
  const loop = createLoop({
    work: async () => {
      const ended = await watchDrillOnce(deps);
      if (ended > 0) deps.wake('card');
      if (ended > 0) deps.wake('notice');
      return ended;
    },
    pollMs: POLL_MS,
    onError: (err) => deps.log.warn({ err }, 'the drill could not be looked after; it is tried again'),
  });
  loop.start();
  return { stop: loop.stop };
}
