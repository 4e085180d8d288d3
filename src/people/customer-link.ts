import { appendAudit } from '../audit/audit-store.ts';
import type { Db, Transaction } from '../platform/database.ts';
import type { Schema } from '../platform/schema.ts';
import { moveCustomerChat } from './customer-chat-store.ts';
import { type CustomerLink, lockCustomerLink, markCustomerLinkUsed } from './customer-link-store.ts';

export type OpenedLink = 'tied' | 'invalid';

/** The chat that was told until now, when it is another's. */
export type ChatMoved = { linkId: number; from: number };

/** Whoever opens the link first is told what becomes of that user's payments. Why another opening is refused is not told. */
export function openCustomerLink(
  db: Db,
  opening: { tokenHash: Buffer; telegramId: number; updateId: number; now: Date },
  onMoved: (trx: Transaction<Schema>, moved: ChatMoved) => Promise<void>,
): Promise<OpenedLink> {
  const { tokenHash, telegramId, updateId, now } = opening;
  return db.transaction().execute(async (trx) => {
    const link = await lockCustomerLink(trx, tokenHash);
    if (link?.usedByUpdate === updateId) return 'tied';
    if (link === null || !canBeOpened(link, now)) return 'invalid';
    await markCustomerLinkUsed(trx, { id: link.id, updateId, now });
    const from = await moveCustomerChat(trx, { userId: link.userId, telegramId, now });
    if (from !== null && from !== telegramId) await onMoved(trx, { linkId: link.id, from });
    await putOnRecord(trx, link.id, telegramId);
    return 'tied';
  });
}

function canBeOpened({ usedByUpdate, expiresAt }: CustomerLink, now: Date): boolean {
  return usedByUpdate === null && now < expiresAt;
}

/** By the number of the link: the user's id is nobody's business in the log. */
async function putOnRecord(trx: Transaction<Schema>, linkId: number, telegramId: number): Promise<void> {
  const target = `customer link ${linkId}`;
  await appendAudit(trx, { actor: `telegram:${telegramId}`, action: 'customer:link', target, allowed: true });
}
