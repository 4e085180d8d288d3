import type { Transaction } from 'kysely';
import { countPeopleBehind, countWaiting } from '../ledger/waiting-query.ts';
import { putNotice } from '../notice/notice-store.ts';
import type { Db } from '../platform/database.ts';
import type { Logger } from '../platform/log.ts';
import { createLoop } from '../platform/loop.ts';
import type { Schema } from '../platform/schema.ts';
import type { WakeTopic } from '../platform/wake.ts';
import {
  type CurrentBreaker,
  findBreakerTicketId,
  getBreaker,
  listBreakersToTell,
  listDeliveryTickets,
  listTransitions,
  lockCauses,
  lockEventsOn,
  lockTold,
  saveTold,
  type Told,
} from './breaker-ticket-store.ts';
import {
  type BreakerTransition,
  isByPerson,
  isKeepingWaiting,
  isOpening,
  remindersDue,
  reminderWords,
  transitionWords,
} from './breaker-words.ts';
import { breakerCause, isOutage } from './fingerprint.ts';
import { mergeTicket } from './merge-ticket.ts';
import { resolvedTooEarly } from './open-ticket.ts';
import { graver, severityOf } from './severity.ts';
import { listDoneTickets } from './ticket-event-store.ts';
import { type LockedTicket, lockOpenTickets, lockTicket } from './ticket-lock-store.ts';
import {
  appendLog,
  insertTicket,
  markOpen,
  markPicture,
  markResolved,
  markSeverity,
  type StateChange,
} from './ticket-store.ts';
import { ticketName } from './ticket-view.ts';

type Trx = Transaction<Schema>;
type Now = Date | null;

export type BreakerTicketsDeps = {
  db: Db;
  /** A product is told of entitlements: then all events that wait do so for `activation`. */
  tellsProduct: boolean;
};

/** Transitions told, and breakers behind which was counted without one. */
export type ToldCounts = { transitions: number; counted: number; reminded: number };

/**
 * Turns what the breakers have written down into tickets, one per dependency: an opening opens it or raises it, every transition is a
 * line of its story, closing resolves it once nothing dead is left on it. Any replica may run this at any time; each transition is
 * told once. `now` is given by tests only.
 */
export async function tellBreakersOnce(deps: BreakerTicketsDeps, now: Now = null): Promise<ToldCounts> {
  const counts: ToldCounts = { transitions: 0, counted: 0, reminded: 0 };
  for (const name of await listBreakersToTell(deps.db, now)) {
    const told = await deps.db.transaction().execute((trx) => tellBreaker(trx, deps, name, now));
    counts.transitions += told.transitions;
    counts.counted += told.counted;
    counts.reminded += told.reminded;
  }
  return counts;
}

const NOTHING: ToldCounts = { transitions: 0, counted: 0, reminded: 0 };

async function tellBreaker(trx: Trx, deps: BreakerTicketsDeps, name: string, now: Now): Promise<ToldCounts> {
  const told = await lockTold(trx, name);
  if (!told) return NOTHING;
  const breaker = await getBreaker(trx, name, now);
  const transitions = await listTransitions(trx, name, { after: told.epoch, upTo: breaker.epoch });
  const failing = await lockFailures(trx, breaker);
  const impact = await countImpact(trx, deps, name, failing);
  const story: Story = { breaker, transitions, failing, impact, now };
  const ticket = await tellTicket(trx, story);
  if (ticket && impact.waiting + impact.people !== told.waiting + told.people)
    await markPicture(trx, ticket.id, { by: 'itself' });
  const reminders = await remind(trx, { ...story, ticket, told });
  await saveTold(trx, name, { ...impact, epoch: breaker.epoch, reminders }, now);
  const reminded = reminders > 0 && reminders !== told.reminders ? 1 : 0;
  return { transitions: transitions.length, counted: transitions.length === 0 ? 1 : 0, reminded };
}

type Impact = { waiting: number; people: number };
type Story = { breaker: CurrentBreaker; transitions: BreakerTransition[]; failing: number[]; impact: Impact; now: Now };

/**
 * Locks, in the order that holds everywhere (events, causes, tickets), what fails by this dependency and belongs on the breaker's
 * ticket, and answers those tickets. After the breaker has closed, failures are causes of their own again.
 */
async function lockFailures(trx: Trx, { name, state }: CurrentBreaker): Promise<number[]> {
  const open = state === 'closed' ? [] : await listDeliveryTickets(trx, name);
  const merging = open.filter(({ errorFamily }) => isOutage({ stage: 'delivery', dependency: name, errorFamily }));
  const ids = merging.map((ticket) => ticket.id);
  if (ids.length > 0) await lockEventsOn(trx, ids);
  await lockCauses(trx, name, merging);
  const own = await findBreakerTicketId(trx, name);
  const locked = await lockOpenTickets(trx, own === null ? ids : [...ids, own]);
  return locked.filter((id) => id !== own);
}

async function countImpact(
  trx: Trx,
  { tellsProduct }: BreakerTicketsDeps,
  name: string,
  failing: number[],
): Promise<Impact> {
  const own = await findBreakerTicketId(trx, name);
  const onTickets = own === null ? failing : [...failing, own];
  return {
    waiting: await countWaiting(trx, name, tellsProduct),
    people: await countPeopleBehind(trx, name, tellsProduct, onTickets),
  };
}

/** Answers the breaker's ticket when it is open afterwards. */
async function tellTicket(trx: Trx, story: Story): Promise<LockedTicket | null> {
  const { breaker, transitions, failing, now } = story;
  for (const transition of transitions) await tellTransition(trx, story, transition);
  const ticket = await findLatest(trx, breaker.name, now);
  if (!ticket || isDone(ticket)) return null;
  for (const id of failing) await mergeTicket(trx, { from: id, into: ticket.id }, { by: 'itself' }, now);
  await raise(trx, ticket, story);
  if (transitions.length > 0 && (await resolveIfDone(trx, ticket, story))) return null;
  return ticket;
}

async function tellTransition(trx: Trx, story: Story, transition: BreakerTransition): Promise<void> {
  const latest = await findLatest(trx, story.breaker.name, story.now);
  const ticketId = isOpening(transition.to) ? await openOrReopen(trx, story, latest) : (latest?.id ?? null);
  if (ticketId === null || (latest && isForgotten(latest) && ticketId === latest.id)) return;
  const text = transitionWords(transition, endOf(story.breaker, transition));
  const actor = isByPerson(transition) ? transition.actor : null;
  await appendLog(trx, { ticketId, kind: 'breaker', actor, text, now: transition.at });
  await markPicture(trx, ticketId, causedBy(transition));
}

/** Somebody waits to see what they ordered. */
function causedBy(transition: BreakerTransition): StateChange {
  return { by: isByPerson(transition) ? 'person' : 'itself' };
}

/** Only the latest transition's end is in the row; that of an earlier one is over. */
function endOf(breaker: CurrentBreaker, transition: BreakerTransition): Date | null {
  return breaker.epoch === transition.epoch ? breaker.forcedUntil : null;
}

async function openOrReopen(trx: Trx, story: Story, latest: LockedTicket | null): Promise<number> {
  if (!latest || isForgotten(latest)) return open(trx, story);
  if (latest.state === 'resolved') await reopen(trx, story, latest);
  return latest.id;
}

async function open(trx: Trx, { breaker, impact, now }: Story): Promise<number> {
  const severity = severityOf({ peopleWaiting: impact.people, breakerOpen: true, needsLook: impact.people === 0 });
  const cause = breakerCause(breaker.name);
  return insertTicket(trx, { cause, severity, failures: 0, countries: {}, sampleTransaction: null, now });
}

/** The word under the card is one message, corrected each time: a breaker that flaps must not fill the chat. */
async function reopen(trx: Trx, { breaker, now }: Story, ticket: LockedTicket): Promise<void> {
  await markOpen(trx, ticket.id, { by: 'itself', now });
  const text = `↩️ breaker ${breaker.name} is open again, and so is ${ticketName(ticket.id)}`;
  await putNotice(trx, {
    key: `breaker-reopened:${ticket.id}`,
    kind: 'ticket',
    ticketId: ticket.id,
    body: { text },
  });
}

async function findLatest(trx: Trx, name: string, now: Now): Promise<LockedTicket | null> {
  const id = await findBreakerTicketId(trx, name);
  return id === null ? null : lockTicket(trx, id, now);
}

function isDone({ state }: LockedTicket): boolean {
  return state === 'resolved' || state === 'merged';
}

/** What happens to the breaker now is no part of that ticket's story any more. */
function isForgotten(ticket: LockedTicket): boolean {
  return isDone(ticket) && !resolvedTooEarly(ticket);
}

async function raise(trx: Trx, ticket: LockedTicket, { breaker, impact, now: at }: Story): Promise<void> {
  const { people } = impact;
  const breakerOpen = isKeepingWaiting(breaker.state);
  const now = severityOf({ peopleWaiting: people, breakerOpen, needsLook: people === 0 });
  const severity = graver(ticket.severity, now);
  if (severity !== ticket.severity) await markSeverity(trx, ticket.id, severity, at);
}

/** Whether it was. What is dead on it keeps it open until it is redriven or settled; then it resolves as every ticket does. */
async function resolveIfDone(trx: Trx, ticket: LockedTicket, { transitions, now }: Story): Promise<boolean> {
  const done = await listDoneTickets(trx, [ticket.id]);
  if (done.length === 0) return false;
  const by = causedBy(transitions.at(-1)!);
  await markResolved(trx, ticket.id, by, { by: 'itself', reason: 'the breaker has closed', now });
  const text = 'nothing is left on it, resolved by itself';
  await appendLog(trx, { ticketId: ticket.id, kind: 'resolved', actor: null, text, now });
  return true;
}

/** Answers how many reminders were given since the last transition; those that nobody was there to give are left out. */
async function remind(trx: Trx, story: Story & { ticket: LockedTicket | null; told: Told }): Promise<number> {
  const { breaker, transitions, ticket, told, impact } = story;
  const due = remindersDue(breaker);
  const given = transitions.length > 0 ? 0 : told.reminders;
  if (due <= given) return given;
  const { name, epoch, since } = breaker;
  const [opening] = await listTransitions(trx, name, { after: epoch - 1, upTo: epoch });
  if (!opening) return given;
  const text = reminderWords({ name, since, opening, waiting: impact.waiting });
  const key = `breaker-reminder:${name}:${epoch}:${due}`;
  await putNotice(trx, { key, kind: 'text', ticketId: ticket?.id ?? null, body: { text } });
  return due;
}

const POLL_MS = 1_000;

/** Tells the breakers' transitions until stopped. */
export function startBreakerTickets(
  deps: BreakerTicketsDeps & {
    /** Of the breakers: called whenever this replica learns of a transition. Answers how to stop listening. */
    onChange: (listener: () => void) => () => void;
    wake: (topic: WakeTopic) => void;
    log: Logger;
  },
): { stop: () => Promise<void> } {
  const loop = createLoop({
    work: async () => {
      const { transitions, counted, reminded } = await tellBreakersOnce(deps);
      if (transitions + counted > 0) deps.wake('card');
      if (transitions + reminded > 0) deps.wake('notice');
      return transitions;
    },
    pollMs: POLL_MS,
    onError: (err) => deps.log.warn({ err }, 'the breakers’ transitions could not be told; it is tried again'),
  });
  const stopListening = deps.onChange(loop.wake);
  loop.start();
  return {
    stop: async () => {
      stopListening();
      await loop.stop();
    },
  };
}
