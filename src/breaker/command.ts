import type { Transaction } from 'kysely';
import type { Db } from '../platform/database.ts';
import type { BreakerState, Schema } from '../platform/schema.ts';
import { type CommandRequest, findRefusal, type Refusal, stateAfter } from './command-decision.ts';
import {
  getAnswer,
  insertCommandOnce,
  type LockedBreaker,
  lockBreaker,
  moveBreaker,
  saveAnswer,
} from './command-store.ts';

export type BreakerCommand = CommandRequest & {
  /** Unique per press or message: the same one, delivered twice, acts once and gets the same answer. */
  commandId: string;
  dependency: string;
  actor: string;
  /** The epoch the button was drawn with; null when the person named the breaker and saw no button. */
  seenEpoch?: number | null;
  /** In the same transaction, when the breaker moved: whoever keeps the record writes it down. */
  onChanged?: (trx: Transaction<Schema>, answer: Extract<CommandAnswer, { outcome: 'changed' }>) => Promise<void>;
};

/**
 * `changed`: the breaker moved. `unchanged`: it was there already. `stale`: it changed since the person looked, so nothing was done;
 * `changedBy` and `changedBecause` say who was quicker. `refused`: the command makes no sense, and left no trace.
 */
export type CommandAnswer =
  | { outcome: 'changed'; from: BreakerState; to: BreakerState; epoch: number; forcedUntil: string | null }
  | { outcome: 'unchanged'; state: BreakerState; epoch: number }
  | {
      outcome: 'stale';
      state: BreakerState;
      epoch: number;
      changedBy: string | null;
      changedBecause: string | null;
    }
  | { outcome: 'refused'; why: Refusal };

/** Carries out a person's command, once per `commandId`. Whether the person may is asked before. `now` is given by tests only. */
export async function commandBreaker(
  db: Db,
  command: BreakerCommand,
  now?: Date | null,
): Promise<CommandAnswer & { replayed: boolean }> {
  const refusal = findRefusal(command);
  if (refusal) return { outcome: 'refused', why: refusal, replayed: false };
  return db.transaction().execute((trx) => commandOnce(trx, command, now));
}

async function commandOnce(trx: Transaction<Schema>, command: BreakerCommand, now?: Date | null) {
  const breaker = await lockBreaker(trx, command.dependency);
  if (!breaker) return { outcome: 'refused', why: 'unknown_breaker', replayed: false } as const;
  if (!(await insertCommandOnce(trx, command))) return { ...(await getAnswer(trx, command.commandId)), replayed: true };
  const answer = await carryOut(trx, breaker, command, now);
  await saveAnswer(trx, command.commandId, answer);
  if (answer.outcome === 'changed') await command.onChanged?.(trx, answer);
  return { ...answer, replayed: false };
}

async function carryOut(
  trx: Transaction<Schema>,
  breaker: LockedBreaker,
  command: BreakerCommand,
  now?: Date | null,
): Promise<CommandAnswer> {
  const { state, epoch } = breaker;
  if ((command.seenEpoch ?? epoch) !== epoch)
    return { outcome: 'stale', state, epoch, changedBy: breaker.actor, changedBecause: breaker.note ?? breaker.reason };
  const to = stateAfter(command.verb, state);
  if (!to) return { outcome: 'unchanged', state, epoch };
  const { verb, actor, ttlMs = null } = command;
  const move = { name: breaker.name, to, verb, actor, note: command.reason.trim(), ttlMs };
  const { forcedUntil } = await moveBreaker(trx, move, now);
  return { outcome: 'changed', from: state, to, epoch: epoch + 1, forcedUntil: forcedUntil?.toISOString() ?? null };
}
