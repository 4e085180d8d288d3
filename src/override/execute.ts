import type { Transaction } from 'kysely';
import { appendAudit } from '../audit/audit-store.ts';
import { grantByHand, takeBackGrant } from '../entitlement/grant-by-hand.ts';
import { resolveDoneTickets } from '../escalation/open-ticket.ts';
import { appendLog, markPicture } from '../escalation/ticket-store.ts';
import type { Actor } from '../people/person.ts';
import type { Schema } from '../platform/schema.ts';
import { isChanged } from './override-decision.ts';
import type { OverrideDeps } from './override-deps.ts';
import { markExecuted, markExpired, markSettled, overrideDeadEvents } from './override-mark-store.ts';
import { describeExecution, redrawApproval, tellRequester } from './override-notices.ts';
import { lockOverride, type Override, readNow } from './override-store.ts';
import { overrideName } from './override-words.ts';
import { tellIfKnown, tellTakenBack } from './tell-customer.ts';

type Trx = Transaction<Schema>;

const HOUR_MS = 60 * 60 * 1000;
/** A debt is spoken of daily; a broken glass sooner, while it can still be reviewed in time. */
export const REMIND_DEBT_MS = 24 * HOUR_MS;
export const REMIND_GLASS_MS = 12 * HOUR_MS;

export type ExecutionResult = {
  /** `not_approved`: carried out before, or never approved. `expired`: its end has come before it was carried out. */
  outcome: 'executed' | 'not_approved' | 'expired' | 'changed';
  override: Override | null;
};

/**
 * Carries out what was approved, once over all replicas: the override's row is locked, and only an approved one goes on. The customer has
 * the access, and their payment's dead webhooks are settled, in the same transaction.
 */
export async function executeOverride(
  deps: OverrideDeps,
  request: { overrideId: number; now?: Date },
): Promise<ExecutionResult> {
  const result = await deps.db.transaction().execute((trx) => executeOnce(trx, deps, request));
  if (result.outcome === 'executed') for (const topic of ['notice', 'card', 'event'] as const) deps.wake(topic);
  return result;
}

async function executeOnce(
  trx: Trx,
  deps: OverrideDeps,
  request: { overrideId: number; now?: Date },
): Promise<ExecutionResult> {
  const override = await lockOverride(trx, request.overrideId);
  if (override?.state !== 'approved') return { outcome: 'not_approved', override };
  const at = await readNow(trx, request.now);
  const why = override.until <= at ? 'expired' : isChanged(override, override.paramsHash) ? 'changed' : null;
  if (why !== null) {
    await markExpired(trx, override.id, at);
    await redrawApproval(trx, override.id);
    await audit(trx, override, { allowed: false, because: why });
    return { outcome: why, override: await lockOverride(trx, override.id) };
  }
  await carryOut(trx, deps, override, at);
  return { outcome: 'executed', override: await lockOverride(trx, override.id) };
}

async function carryOut(trx: Trx, deps: OverrideDeps, override: Override, at: Date): Promise<void> {
  const { id, userId, feature, until, payment } = override;
  await grantByHand(trx, { overrideId: id, userId, feature, at, until }, deps.plans);
  const settled = payment === null ? [] : await overrideDeadEvents(trx, payment, userId);
  const remindAt = new Date(at.getTime() + (override.breakGlass ? REMIND_GLASS_MS : REMIND_DEBT_MS));
  await markExecuted(trx, id, { at, until, eventsSettled: settled.length, remindAt });
  await tellTickets(
    trx,
    override,
    settled.map((event) => event.ticketId),
  );
  const isTold = await tellIfKnown(trx, deps, override, { news: 'given', answerable: override.requestedBy });
  await tellRequester(trx, override, 'executed', describeExecution(override, isTold));
  await redrawApproval(trx, id);
  await audit(trx, override, { allowed: true });
}

/** A line on the ticket it was asked for by, and the end of tickets on which nothing waits any more. */
async function tellTickets(trx: Trx, override: Override, ofEvents: (number | null)[]): Promise<void> {
  const ticketIds = [...new Set([override.ticketId, ...ofEvents])].filter((id) => id !== null).sort((a, b) => a - b);
  for (const ticketId of ticketIds) {
    await markPicture(trx, ticketId, { by: 'person' });
    await appendLog(trx, { ticketId, kind: 'override', actor: null, text: storyOf(override), now: null });
  }
  const waitedFor = [...new Set(ofEvents)].filter((id) => id !== null);
  await resolveDoneTickets(trx, waitedFor, 'person');
}

function storyOf({ id, requestedName, decidedName, breakGlass }: Override): string {
  const by = breakGlass ? `${requestedName} alone` : `${requestedName}, approved by ${decidedName}`;
  return `override ${overrideName(id)} by ${by}`;
}

async function audit(
  trx: Trx,
  { id, paramsHash }: Override,
  execution: { allowed: boolean; because?: string },
): Promise<void> {
  const { allowed, ...because } = execution;
  const entry = { actor: 'override', action: 'override:execute', target: overrideName(id), allowed };
  const change = allowed ? { before: { state: 'approved' }, after: { state: 'executed' } } : {};
  await appendAudit(trx, { ...entry, ...change, detail: { paramsHash, ...because } });
}

export type Settlement = {
  overrideId: number;
  as: 'reconciled' | 'reverted';
  /** Null: by itself, because a verified webhook confirms the payment. */
  actor: Actor | null;
  reason: string;
  now?: Date;
};

/** Ends a debt: the provider has the payment, or the access is taken back. False when it was no debt any more. */
export async function settleDebt(deps: OverrideDeps, settlement: Settlement): Promise<boolean> {
  const isSettled = await deps.db.transaction().execute(async (trx) => {
    const override = await lockOverride(trx, settlement.overrideId);
    if (override?.state !== 'executed') return false;
    const at = await readNow(trx, settlement.now);
    const { as: state, reason, actor } = settlement;
    if (state === 'reverted')
      await takeBackGrant(trx, { overrideId: override.id, userId: override.userId, at }, deps.plans);
    if (state === 'reverted') await tellTakenBack(trx, deps, override, { at, actor });
    await markSettled(trx, override.id, { state, by: actor?.name ?? 'itself', reason, at });
    await redrawApproval(trx, override.id);
    await appendAudit(trx, {
      actor: actor === null ? 'override' : `telegram:${actor.personId}`,
      action: `override:${state}`,
      target: overrideName(override.id),
      allowed: true,
      detail: { reason },
      before: { state: 'executed' },
      after: { state },
    });
    return true;
  });
  if (isSettled) for (const topic of ['notice', 'event'] as const) deps.wake(topic);
  return isSettled;
}
