import type { Transaction } from 'kysely';
import type { Level } from '../escalation/policy.ts';
import { ticketName } from '../escalation/ticket-view.ts';
import { type NoticeDraft, putNotices } from '../notice/notice-store.ts';
import { nameOf, type Person } from '../people/person.ts';
import { listActivePeople } from '../people/person-store.ts';
import type { Db } from '../platform/database.ts';
import type { Logger } from '../platform/log.ts';
import { createLoop } from '../platform/loop.ts';
import type { Schema } from '../platform/schema.ts';
import type { WakeTopic } from '../platform/wake.ts';
import { insertPages, type Page } from './page-store.ts';
import { onCallAt, type Roster } from './roster.ts';
import { readRoster } from './roster-store.ts';
import { type Call, serveDeadlines } from './serve-deadlines.ts';
import { appendStory, claimDueTickets, type ServedTicket, type StoryLine, saveServed } from './sweep-store.ts';
import { pagedWords } from './sweep-words.ts';

export type SweepDeps = { db: Db };
export type SweepCounts = { served: number; paged: number };

/** So many tickets are served in one transaction: a thousand are five sweeps of a few hundredths of a second, and nobody who acts on one waits longer. */
const TICKETS_MAX = 200;

/**
 * Serves the deadlines that have passed, each once, whichever replica does it: a ticket is locked while it is served, and what another holds is
 * left to it. `now` is given by tests only.
 */
export async function sweepOnce({ db }: SweepDeps, now: Date | null = null): Promise<SweepCounts> {
  return db.transaction().execute(async (trx) => {
    const { at, tickets } = await claimDueTickets(trx, TICKETS_MAX, now);
    if (tickets.length === 0) return { served: 0, paged: 0 };
    const served = tickets.map((ticket) => ({ ticket, served: serveDeadlines(ticket, at) }));
    const calls = served.some((one) => one.served.calls.length > 0) ? await answerCalls(trx, served, at) : [];
    await saveServed(trx, served);
    await appendStory(trx, [...served.flatMap((one) => storyOf(one, at)), ...calls.map((call) => lineOf(call, at))]);
    await insertPages(trx, calls.flatMap(pagesOf), at);
    await putNotices(trx, served.flatMap(wordOf));
    return { served: tickets.length, paged: calls.length };
  });
}

/** A call, and who answers it. */
type Answered = { ticket: ServedTicket['ticket']; call: Call; people: Person[] };

async function answerCalls(trx: Transaction<Schema>, tickets: ServedTicket[], at: Date): Promise<Answered[]> {
  const roster = await readRoster(trx, at);
  const people = new Map((await listActivePeople(trx)).map((person) => [person.telegramId, person]));
  return tickets.flatMap(({ ticket, served }) =>
    served.calls.flatMap((call) => answerCall({ ticket, call, roster, people, at })),
  );
}

type Called = { ticket: ServedTicket['ticket']; call: Call; roster: Roster; people: Map<number, Person>; at: Date };

/**
 * The card that has just come calls everyone while there is no rotation: who can be written to is called in private as well, and the
 * group is not told twice.
 */
function answerCall({ ticket, call, roster, people, at }: Called): Answered[] {
  const called = calledIds(roster, ticket, call, at).flatMap((id) => people.get(id) ?? []);
  if (roster.rotations.size > 0 || call.reason !== 'opened' || called.length === 0)
    return [{ ticket, call, people: called }];
  const reachable = called.filter((person) => person.privateChat);
  return reachable.length === 0 ? [] : [{ ticket, call, people: reachable }];
}

function calledIds(roster: Roster, ticket: ServedTicket['ticket'], { to }: Call, at: Date): number[] {
  return to === 'owner' ? [ticket.ownerId!] : onCallAt(roster, to, at).people;
}

function pagesOf({ ticket, call, people }: Answered): Page[] {
  const level: Level | null = call.to === 'owner' ? null : call.to;
  const page = { ticketId: ticket.ticketId, severity: ticket.severity, level, reason: call.reason };
  return people.length === 0 ? [{ ...page, person: null }] : people.map((person) => ({ ...page, person }));
}

function storyOf({ ticket, served }: ServedTicket, at: Date): StoryLine[] {
  return served.story.map((line) => ({ ticket_id: ticket.ticketId, at, ...line }));
}

function lineOf({ ticket, call, people }: Answered, at: Date): StoryLine {
  return { ticket_id: ticket.ticketId, at, kind: 'paged', text: pagedWords(call, people.map(nameOf)) };
}

function wordOf({ ticket, served }: ServedTicket): NoticeDraft[] {
  if (served.told === null) return [];
  const { ticketId } = ticket;
  const [emoji, ...words] = served.told.split(' ');
  const text = `${emoji} ${ticketName(ticketId)}: ${words.join(' ')}`;
  const key = `told:${ticketId}:${served.deadlines.clockAt?.toISOString() ?? ''}:${served.deadlines.stepsTaken}`;
  return [{ key, kind: 'ticket', ticketId, body: { text } }];
}

const POLL_MS = 1_000;

/** Sweeps until stopped. */
export function startSweep(deps: SweepDeps & { wake: (topic: WakeTopic) => void; log: Logger }): {
  stop: () => Promise<void>;
} {
  const loop = createLoop({
    work: async () => {
      const { served, paged } = await sweepOnce(deps);
      if (served > 0) deps.wake('card');
      if (paged > 0) deps.wake('notice');
      return served;
    },
    pollMs: POLL_MS,
    onError: (err) => deps.log.warn({ err }, 'deadlines could not be served; it is tried again'),
  });
  loop.start();
  return { stop: loop.stop };
}
