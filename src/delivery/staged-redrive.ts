import type { Transaction } from 'kysely';
import { bumpNotice, putNotice } from '../notice/notice-store.ts';
import type { Actor } from '../people/person.ts';
import type { Db } from '../platform/database.ts';
import type { Schema } from '../platform/schema.ts';
import { findRedriveReport, type RedriveReport, redriveWithin } from './redrive.ts';
import { nextStage } from './stage-decision.ts';
import {
  findStagedByCommand,
  insertStaged,
  listRunningStaged,
  lockDeadOfTicket,
  lockStaged,
  type StagedRedrive,
  saveStaged,
} from './staged-redrive-store.ts';

export { findStaged, type StagedRedrive } from './staged-redrive-store.ts';

type Trx = Transaction<Schema>;

export type StagedStart = {
  ticketId: number;
  commandId: string;
  actor: Actor;
  /** So many were shown: exactly those are tried, or none. */
  expected: number;
  /** Where its progress is told. */
  audience: { personId?: number; chatId?: number };
};

export type StagedResult =
  | { outcome: 'started' | 'already'; stagedId: number; events: number }
  /** There are more or fewer of them than were shown. */
  | { outcome: 'changed'; events: number };

/** Begins a retry of all that lies dead on a ticket, with one of them. */
export function startStagedRedrive(db: Db, start: StagedStart): Promise<StagedResult> {
  return db.transaction().execute(async (trx) => {
    const before = await findStagedByCommand(trx, start.commandId);
    if (before) return { outcome: 'already', stagedId: before.id, events: before.events.length };
    const events = await lockDeadOfTicket(trx, start.ticketId);
    if (events.length !== start.expected || events.length === 0) return { outcome: 'changed', events: events.length };
    const { personId, name: requestedBy } = start.actor;
    const { commandId, ticketId } = start;
    const staged = await insertStaged(trx, { commandId, ticketId, personId, requestedBy, events });
    const body = { stagedId: staged.id };
    await putNotice(trx, { key: noticeKey(staged.id), kind: 'staged', ticketId, ...start.audience, body });
    await goOn(trx, staged, null);
    return { outcome: 'started', stagedId: staged.id, events: events.length };
  });
}

function noticeKey(stagedId: number): string {
  return `staged:${stagedId}`;
}

/** Looks after the retries in stages: whose stage has ended goes on, or stops. Answers how many moved. */
export async function runStagedOnce(db: Db): Promise<{ moved: number }> {
  let moved = 0;
  for (const id of await listRunningStaged(db)) {
    moved += Number(await db.transaction().execute((trx) => moveOn(trx, id)));
  }
  return { moved };
}

async function moveOn(trx: Trx, id: number): Promise<boolean> {
  const staged = await lockStaged(trx, id);
  const report = staged?.redriveId == null ? null : await findRedriveReport(trx, staged.redriveId);
  if (!staged || (report && !report.finished)) return false;
  await goOn(trx, staged, report);
  await bumpNotice(trx, noticeKey(id));
  return true;
}

/** An event that somebody else has retried or settled meanwhile counts as begun, and as no failure. */
async function goOn(trx: Trx, before: StagedRedrive, report: RedriveReport | null): Promise<void> {
  const staged = addStage(before, report);
  const stage = { events: report?.events ?? 0, failed: report?.dead ?? 0 };
  const next = nextStage({ total: staged.events.length, begun: staged.begun, stage });
  if (next.step !== 'begin') {
    await saveStaged(trx, { ...staged, redriveId: null, state: next.step === 'done' ? 'done' : 'stopped' });
    return;
  }
  const eventIds = staged.events.slice(staged.begun, staged.begun + next.count);
  const begun = staged.begun + eventIds.length;
  const actor = { personId: staged.personId, name: staged.requestedBy };
  const command = { commandId: `staged:${staged.id}:${begun}`, actor };
  const result = await redriveWithin(trx, command, { of: 'stage', ticketId: staged.ticketId, eventIds });
  const redriveId = 'redriveId' in result ? result.redriveId : null;
  await saveStaged(trx, { ...staged, begun, redriveId });
}

function addStage(staged: StagedRedrive, report: RedriveReport | null): StagedRedrive {
  if (!report) return staged;
  const { applied, ignored, dead } = report;
  return { ...staged, applied: staged.applied + applied + ignored, failed: staged.failed + dead };
}
