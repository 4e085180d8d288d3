import type { Transaction } from 'kysely';
import type { Actor } from '../people/person.ts';
import type { Schema } from '../platform/schema.ts';
import type { OverrideDeps } from './override-deps.ts';
import { markEndTold } from './override-mark-store.ts';
import { type CustomerNews, tellCustomer, tellPerson } from './override-notices.ts';
import { findStanding, lockOverride, type Override } from './override-store.ts';
import { overrideName } from './override-words.ts';

type Trx = Transaction<Schema>;
type Deps = Pick<OverrideDeps, 'db' | 'findCustomerChat'>;

/** Answers whether there is a chat to tell it in. */
export async function tellIfKnown(
  trx: Trx,
  { findCustomerChat }: Deps,
  override: Override,
  { news, answerable }: { news: CustomerNews; answerable: number },
): Promise<boolean> {
  const chatId = await findCustomerChat(override.userId, trx);
  if (chatId === null) return false;
  await tellCustomer(trx, override, news, { chatId, answerable });
  return true;
}

/** The fold has run: only who has lost the feature by it has something to hear, and so has the engineer who must tell them. */
export async function tellTakenBack(
  trx: Trx,
  deps: Deps,
  override: Override,
  { at, actor }: { at: Date; actor: Actor | null },
): Promise<void> {
  if (override.until <= at || (await hasFeature(trx, override, at))) return;
  const answerable = actor?.personId ?? override.requestedBy;
  if (await tellIfKnown(trx, deps, override, { news: 'taken_back', answerable })) return;
  const text = `↩️ ${overrideName(override.id)} is taken back. I know no chat of this customer: please tell them yourself.`;
  await tellPerson(trx, override, 'untold', { personId: answerable, text });
}

/** The access has ended by itself. Once; nobody is told who has the feature by what they paid for. */
export function tellEnded(deps: Deps, overrideId: number, now: Date): Promise<boolean> {
  return deps.db.transaction().execute(async (trx) => {
    const override = await lockOverride(trx, overrideId);
    if (!override?.tellEndAt || override.tellEndAt > now) return false;
    await markEndTold(trx, overrideId);
    if (await hasFeature(trx, override, now)) return false;
    return tellIfKnown(trx, deps, override, { news: 'ended', answerable: override.requestedBy });
  });
}

async function hasFeature(trx: Trx, { userId, feature }: Override, now: Date): Promise<boolean> {
  return (await findStanding(trx, { userId, feature, now })).isActive;
}
