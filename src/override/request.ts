import type { Transaction } from 'kysely';
import { appendAudit } from '../audit/audit-store.ts';
import { knownFeatures } from '../entitlement/plans.ts';
import type { Actor } from '../people/person.ts';
import type { Schema } from '../platform/schema.ts';
import {
  APPROVE_WITHIN_MS,
  findExceededLimit,
  findWrongCustomer,
  findWrongParams,
  hashParams,
  type OverrideParams,
  type RequestRefusal,
} from './override-decision.ts';
import type { OverrideDeps } from './override-deps.ts';
import { askForApproval } from './override-notices.ts';
import {
  countRequests,
  findByCommand,
  findStanding,
  hasTicket,
  insertOverride,
  isPaymentOfAnother,
  listFeatures,
  lockEngineer,
  type Reader,
  readNow,
} from './override-store.ts';
import { overrideName } from './override-words.ts';

type Trx = Transaction<Schema>;

export type OverrideRequest = {
  /** Made when the form was begun: sent twice, it is asked once. */
  commandId: string;
  actor: Actor;
  params: OverrideParams;
  /** The id of a customer nobody has heard of was typed twice. */
  isConfirmed: boolean;
  /** A right code was typed for this very request. */
  isProven: boolean;
  now?: Date;
};

export type RequestResult =
  | { outcome: 'requested' | 'already'; overrideId: number; paramsHash: string; approveUntil: Date }
  | { outcome: 'refused'; why: RequestRefusal };

/** Asks for an override; whether the person's role allows it is asked before. Every attempt is on record, the refused ones too. */
export async function requestOverride(deps: OverrideDeps, request: OverrideRequest): Promise<RequestResult> {
  const result = await deps.db.transaction().execute((trx) => requestOnce(trx, deps, request));
  if (result.outcome === 'requested') deps.wake('notice');
  return result;
}

async function requestOnce(trx: Trx, deps: OverrideDeps, request: OverrideRequest): Promise<RequestResult> {
  await lockEngineer(trx, request.actor.personId);
  const before = await findByCommand(trx, request.commandId);
  if (before) return { outcome: 'already', overrideId: before.id, ...pick(before) };
  const now = await readNow(trx, request.now);
  const why = request.isProven ? await findRefusal(trx, deps, request, now) : 'factor_missing';
  const result = why === null ? await insert(trx, request, now) : ({ outcome: 'refused', why } as const);
  await audit(trx, request, result);
  if (result.outcome === 'requested') await askForApproval(trx, result.overrideId);
  return result;
}

function pick({ paramsHash, approveUntil }: { paramsHash: string; approveUntil: Date }) {
  return { paramsHash, approveUntil };
}

async function findRefusal(
  trx: Trx,
  deps: OverrideDeps,
  { params, actor, isConfirmed }: OverrideRequest,
  now: Date,
): Promise<RequestRefusal | null> {
  const wrong = findWrongParams(params, await listGrantable(trx, deps), now);
  if (wrong) return wrong;
  if (params.ticketId !== null && !(await hasTicket(trx, params.ticketId))) return 'ticket_unknown';
  if (params.payment !== null && (await isPaymentOfAnother(trx, params.payment, params.userId)))
    return 'payment_of_another';
  const standing = await findStanding(trx, { ...params, now });
  return findWrongCustomer(standing, isConfirmed) ?? findExceededLimit(await countRequests(trx, actor.personId, now));
}

/** What can be given by hand: a slip of the finger would unlock what nobody ever asks for. */
export async function listGrantable(db: Reader, { plans }: Pick<OverrideDeps, 'plans'>): Promise<string[]> {
  return [...new Set([...knownFeatures(plans), ...(await listFeatures(db))])].sort();
}

async function insert(trx: Trx, { commandId, params, actor }: OverrideRequest, now: Date): Promise<RequestResult> {
  const paramsHash = hashParams(params);
  const approveUntil = new Date(now.getTime() + APPROVE_WITHIN_MS);
  const asked = { ...params, commandId, paramsHash, requester: actor, requestedAt: now, approveUntil };
  const overrideId = await insertOverride(trx, asked);
  if (overrideId === null) return { outcome: 'refused', why: 'already_open' };
  return { outcome: 'requested', overrideId, paramsHash, approveUntil };
}

async function audit(trx: Trx, request: OverrideRequest, result: RequestResult): Promise<void> {
  const { actor, params } = request;
  const isAllowed = result.outcome !== 'refused';
  await appendAudit(trx, {
    actor: `telegram:${actor.personId}`,
    action: 'override:request',
    target: isAllowed ? overrideName(result.overrideId) : params.userId,
    allowed: isAllowed,
    detail: isAllowed ? { paramsHash: result.paramsHash } : { because: result.why },
  });
}
