import { appendAudit } from '../audit/audit-store.ts';
import type { BotDeps, Request } from './bot-context.ts';
import { auditName } from './identify.ts';

/** Every attempt, before anything comes of it: nothing is ever done that is not on record. */
export async function auditAttempt(
  deps: Pick<BotDeps, 'db'>,
  request: Pick<Request, 'sender' | 'updateId'>,
  attempt: { action: string; target: string; allowed: boolean; because?: string },
): Promise<void> {
  const { action, target, allowed, because } = attempt;
  const detail = { updateId: request.updateId, ...(because ? { because } : {}) };
  await deps.db
    .transaction()
    .execute((trx) => appendAudit(trx, { actor: auditName(request.sender), action, target, allowed, detail }));
}
