import { sql, type Transaction } from 'kysely';
import type { BreakerState, Schema } from '../platform/schema.ts';
import type { CommandAnswer } from './command.ts';
import type { Verb } from './command-decision.ts';

type Trx = Transaction<Schema>;

export type LockedBreaker = {
  name: string;
  state: BreakerState;
  epoch: number;
  reason: string | null;
  note: string | null;
  actor: string | null;
};

export async function lockBreaker(trx: Trx, name: string): Promise<LockedBreaker | null> {
  const row = await trx
    .selectFrom('breaker')
    .select(['name', 'state', 'epoch', 'reason', 'note', 'actor'])
    .where('name', '=', name)
    .forUpdate()
    .executeTakeFirst();
  return row ?? null;
}

/** False when this command was given before; one that is being carried out at this moment is waited for. */
export async function insertCommandOnce(
  trx: Trx,
  command: { commandId: string; dependency: string; verb: Verb; actor: string },
): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await trx
    .insertInto('breaker_command')
    .values({
      command_id: command.commandId,
      name: command.dependency,
      verb: command.verb,
      actor: command.actor,
    })
    .onConflict((conflict) => conflict.column('command_id').doNothing())
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n;
}

export async function getAnswer(trx: Trx, commandId: string): Promise<CommandAnswer> {
  const { answer } = await trx
    .selectFrom('breaker_command')
    .select('answer')
    .where('command_id', '=', commandId)
    .executeTakeFirstOrThrow();
  return answer as CommandAnswer;
}

export async function saveAnswer(trx: Trx, commandId: string, answer: CommandAnswer): Promise<void> {
  await trx
    .updateTable('breaker_command')
    .set({ answer: JSON.stringify(answer) })
    .where('command_id', '=', commandId)
    .execute();
}

/** Moves a breaker that this transaction has locked, and answers when the new state ends by itself. */
export async function moveBreaker(
  trx: Trx,
  move: { name: string; to: BreakerState; verb: Verb; actor: string; note: string; ttlMs: number | null },
  now?: Date | null,
): Promise<{ forcedUntil: Date | null }> {
  const isReset = move.verb === 'reset';
  const isForced = move.to === 'forced_open' || move.to === 'forced_closed';
  const { rows } = await sql<{ forcedUntil: Date | null }>`
    update breaker b set
      state = ${move.to}, epoch = b.epoch + 1, entered_at = now, open_until = null,
      leases = '{}', probes_ok = 0, probes_lost = 0, failures_in_row = 0,
      open_streak = case when ${isReset} then 0 else b.open_streak end,
      not_before = case when ${isReset} then null else b.not_before end,
      forced_until = now + make_interval(secs => ${isForced && move.ttlMs !== null ? move.ttlMs / 1000 : null}::float8),
      reason = ${move.verb}, note = ${move.note}, actor = ${move.actor}, evidence = null
    from (select coalesce(${now ?? null}::timestamptz, clock_timestamp()) as now) as clock
    where b.name = ${move.name}
    returning b.forced_until as "forcedUntil"`.execute(trx);
  return rows[0]!;
}
