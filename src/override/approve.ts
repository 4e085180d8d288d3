import type { Transaction } from 'kysely';
import { appendAudit } from '../audit/audit-store.ts';
import { findTicket } from '../escalation/ticket-query.ts';
import type { Actor } from '../people/person.ts';
import { listActivePeople } from '../people/person-store.ts';
import type { Schema } from '../platform/schema.ts';
import { executeOverride } from './execute.ts';
import {
  type DecisionRefusal,
  type Emergency,
  findApprovalRefusal,
  findGlassRefusal,
  findRefusingRefusal,
  type GlassRefusal,
  REVIEW_WITHIN_MS,
} from './override-decision.ts';
import type { OverrideDeps } from './override-deps.ts';
import { markApproved, markRefused, markReviewed } from './override-mark-store.ts';
import { redrawApproval, tellPerson, tellRequester, tellTeam } from './override-notices.ts';
import { lockOverride, type Override, readNow } from './override-store.ts';
import { overrideName, utcTime } from './override-words.ts';

type Trx = Transaction<Schema>;

export type Decision = {
  overrideId: number;
  actor: Actor;
  /** Of the parameters that the person was shown. */
  seenHash: string;
  /** A right code was typed for this very act. */
  isProven: boolean;
  now?: Date;
};

/** What gives nothing needs neither. */
type PlainDecision = Omit<Decision, 'seenHash' | 'isProven'>;

export type DecisionResult<Why = DecisionRefusal> =
  | { outcome: 'done'; override: Override }
  | { outcome: 'refused'; why: Why; override: Override | null };

/** A second person says yes to exactly what they were shown; it is carried out at once. Whether their role allows it is asked before. */
export async function approveOverride(deps: OverrideDeps, decision: Decision): Promise<DecisionResult> {
  const result = await decide<DecisionRefusal>(deps, decision, 'approve', async (trx, override, now) => {
    const why = findApprovalRefusal(override, { personId: decision.actor.personId, seenHash: decision.seenHash, now });
    if (why !== null) return why;
    if (!decision.isProven) return 'factor_missing';
    await markApproved(trx, override, { by: decision.actor, at: now, glass: null });
    return null;
  });
  return carryOut(deps, result, decision.now);
}

/** A no gives nothing, so it needs no second factor; the requester withdraws by it. */
export function refuseOverride(deps: OverrideDeps, decision: PlainDecision): Promise<DecisionResult> {
  return decide<DecisionRefusal>(deps, decision, 'refuse', async (trx, override, now) => {
    const why = findRefusingRefusal(override, now);
    if (why !== null) return why;
    await markRefused(trx, override.id, decision.actor, now);
    await tellRequester(trx, override, 'refused', refusedWords(override, decision.actor));
    return null;
  });
}

function refusedWords({ id, requestedBy }: Override, by: Actor): string {
  const who = requestedBy === by.personId ? 'You have withdrawn' : `${by.name} has refused`;
  return `❌ ${who} ${overrideName(id)}. Nothing was changed.`;
}

/** One person alone goes on in an emergency: everybody is told at once, and somebody else looks at it within a day. */
export async function breakGlass(deps: OverrideDeps, decision: Decision): Promise<DecisionResult<GlassRefusal>> {
  const { actor, seenHash } = decision;
  const isOnCall = await deps.isOnCall(actor.personId);
  const people = await listActivePeople(deps.db);
  const result = await decide<GlassRefusal>(deps, decision, 'break_glass', async (trx, override, now) => {
    const emergency = { ticket: await findEmergencyTicket(trx, override, actor), isOnCall };
    const why = findGlassRefusal(override, { personId: actor.personId, seenHash, now, ...emergency });
    if (why !== null) return why;
    if (!decision.isProven) return 'factor_missing';
    const reviewUntil = new Date(now.getTime() + REVIEW_WITHIN_MS);
    await markApproved(trx, override, { by: actor, at: now, glass: { reviewUntil } });
    const text = `🚨 ${actor.name} has broken the glass: ${overrideName(override.id)} is carried out without a second person. Somebody else must review it before ${utcTime(reviewUntil)}: /approvals in my private chat.`;
    await tellTeam(trx, override, 'glass', text);
    const others = people.filter((one) => one.privateChat && one.telegramId !== actor.personId);
    for (const { telegramId } of others) await tellPerson(trx, override, 'glass', { personId: telegramId, text });
    return null;
  });
  return carryOut(deps, result, decision.now);
}

async function findEmergencyTicket(trx: Trx, override: Override, actor: Actor): Promise<Emergency['ticket']> {
  const ticket = override.ticketId === null ? null : await findTicket(trx, override.ticketId);
  if (!ticket) return null;
  const isOwnedByAnother = ticket.ownerId !== null && ticket.ownerId !== actor.personId;
  return { severity: ticket.severity, state: ticket.state, isOwnedByAnother };
}

export type ReviewRefusal = 'unknown' | 'no_glass' | 'reviewed' | 'requester';

/** Somebody else has looked at a broken glass. */
export function reviewOverride(deps: OverrideDeps, decision: PlainDecision): Promise<DecisionResult<ReviewRefusal>> {
  return decide<ReviewRefusal>(deps, decision, 'review', async (trx, override, now) => {
    if (!override.breakGlass) return 'no_glass';
    if (override.reviewedBy !== null) return 'reviewed';
    if (override.requestedBy === decision.actor.personId) return 'requester';
    await markReviewed(trx, override.id, decision.actor, now);
    return null;
  });
}

/** Locks, decides, puts it on record and has the message drawn anew; `change` answers why not. */
async function decide<Why extends string>(
  deps: OverrideDeps,
  decision: PlainDecision,
  action: string,
  change: (trx: Trx, override: Override, now: Date) => Promise<Why | null>,
): Promise<DecisionResult<Why | 'unknown'>> {
  const result = await deps.db.transaction().execute(async (trx): Promise<DecisionResult<Why | 'unknown'>> => {
    const override = await lockOverride(trx, decision.overrideId);
    const why = override ? await change(trx, override, await readNow(trx, decision.now)) : 'unknown';
    if (override && why === null) await redrawApproval(trx, override.id);
    const after = override && (await lockOverride(trx, override.id));
    await audit(trx, decision, action, why, { before: override, after });
    return why === null ? { outcome: 'done', override: after! } : { outcome: 'refused', why, override: after };
  });
  if (result.outcome === 'done') deps.wake('notice');
  return result;
}

async function audit(
  trx: Trx,
  { actor, overrideId }: Pick<Decision, 'actor' | 'overrideId'>,
  action: string,
  why: string | null,
  { before, after }: Record<'before' | 'after', Override | null>,
): Promise<void> {
  await appendAudit(trx, {
    actor: `telegram:${actor.personId}`,
    action: `override:${action}`,
    target: overrideName(overrideId),
    allowed: why === null,
    detail: why === null ? {} : { because: why },
    ...(why === null ? { before: standingOf(before!), after: standingOf(after!) } : {}),
  });
}

const standingOf = ({ state, paramsHash, reviewedName }: Override) => ({ state, paramsHash, reviewedName });

/** A process that ends between the two is no harm: what is approved is carried out by whoever looks next. */
async function carryOut<Result extends DecisionResult<string>>(
  deps: OverrideDeps,
  result: Result,
  now: Date | undefined,
): Promise<Result> {
  if (result.outcome !== 'done') return result;
  const { override } = await executeOverride(deps, { overrideId: result.override.id, ...(now ? { now } : {}) });
  return { ...result, override: override ?? result.override };
}
