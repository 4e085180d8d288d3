import { appendAudit } from '../../audit/audit-store.ts';
import { putNotice } from '../../notice/notice-store.ts';
import type { CodeVerdict } from '../../people/code-decision.ts';
import { nameOf } from '../../people/person.ts';
import { findPerson } from '../../people/person-store.ts';
import { takeCode } from '../../people/take-code.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Transaction } from '../../platform/database.ts';
import type { Schema } from '../../platform/schema.ts';
import type { SealKeys } from '../../platform/seal.ts';
import { oneLine } from '../words/line-words.ts';
import type { CodeTaker } from './inbox-store.ts';

export type TypedCodeDeps = { clock: Clock; secretKeys: SealKeys };

/** Looks at codes as they come in, in the transaction that stores their updates: the code itself is never written down. */
export function createCodeTaker({ clock, secretKeys }: TypedCodeDeps): CodeTaker {
  return async (trx, { updateId, personId, code }) => {
    const person = await findPerson(trx, personId);
    if (!person?.active) return null;
    const verdict = await takeCode(trx, secretKeys, { personId, code, now: clock.now() });
    if (verdict === 'locked_now') await tellTeam(trx, updateId, nameOf(person));
    await putOnRecord(trx, { updateId, personId, verdict });
    return verdict;
  };
}

const RIGHT: ReadonlySet<CodeVerdict> = new Set<CodeVerdict>(['right', 'enrolled']);

async function putOnRecord(
  trx: Transaction<Schema>,
  { updateId, personId, verdict }: { updateId: number; personId: number; verdict: CodeVerdict },
): Promise<void> {
  await appendAudit(trx, {
    actor: `telegram:${personId}`,
    action: 'code',
    target: 'second factor',
    allowed: RIGHT.has(verdict),
    place: 'private',
    detail: { updateId, verdict },
  });
}

async function tellTeam(trx: Transaction<Schema>, updateId: number, name: string): Promise<void> {
  const text = `🔐 Five wrong codes by ${oneLine(name, 64)}: their second factor is locked for 15 minutes. If it was not them, an admin can remove them with /roles.`;
  await putNotice(trx, { key: `locked:${updateId}`, kind: 'text', body: { text } });
}
