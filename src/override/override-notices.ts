import type { Transaction } from 'kysely';
import { bumpNotice, putNotice, type Unreached } from '../notice/notice-store.ts';
import type { Schema } from '../platform/schema.ts';
import { hasAddress, maskUserId } from '../platform/scrub.ts';
import type { Override } from './override-store.ts';
import { overrideName, utcTime } from './override-words.ts';

type Trx = Transaction<Schema>;

/** The message that asks for a second person, drawn from the row whenever that changes. */
export async function askForApproval(trx: Trx, overrideId: number): Promise<void> {
  await putNotice(trx, { key: approvalKey(overrideId), kind: 'approval', body: { overrideId, topic: 'approvals' } });
}

export async function redrawApproval(trx: Trx, overrideId: number): Promise<void> {
  await bumpNotice(trx, approvalKey(overrideId));
}

function approvalKey(overrideId: number): string {
  return `override:${overrideId}`;
}

/** In private to the engineer who asked. */
export async function tellRequester(trx: Trx, override: Override, about: string, text: string): Promise<void> {
  await putNotice(trx, { ...textNotice(override, about, text), personId: override.requestedBy });
}

/** In the engineering chat. */
export async function tellTeam(trx: Trx, override: Override, about: string, text: string): Promise<void> {
  await putNotice(trx, { ...textNotice(override, about, text), body: { text, topic: 'approvals' } });
}

export async function tellPerson(
  trx: Trx,
  override: Override,
  about: string,
  to: { personId: number; text: string },
): Promise<void> {
  const key = `${about}:${to.personId}`;
  await putNotice(trx, { ...textNotice(override, key, to.text), personId: to.personId });
}

export type CustomerNews = 'given' | 'taken_back' | 'ended';

/** What a customer reads: their own affair in plain words, and nothing of how it is handled here. */
const NEWS: Record<CustomerNews, (override: Override) => string> = {
  given: ({ feature, until }) =>
    `✅ ${feature} is active for you until ${utcTime(until)}: it was given by hand while your payment is looked into. There is nothing you need to do.`,
  taken_back: ({ feature }) =>
    `ℹ️ ${feature}, which was given to you by hand, has ended: no payment for it was found. If you have paid, please write to the support of the product.`,
  ended: ({ feature, until }) =>
    `ℹ️ ${feature}, which was given to you by hand until ${utcTime(until)}, has ended. If you have paid for longer, please write to the support of the product.`,
};

/**
 * Tells the customer in private. `answerable` is the engineer who hears of it when they cannot be reached after all: they have blocked the bot, or are gone.
 */
export async function tellCustomer(
  trx: Trx,
  override: Override,
  news: CustomerNews,
  { chatId, answerable }: { chatId: number; answerable: number },
): Promise<void> {
  const text = `📵 I could not tell the customer of ${overrideName(override.id)} in private that ${IN_SHORT[news]}: please tell them yourself.`;
  const unreached: Unreached = { personId: answerable, text };
  const notice = textNotice(override, `customer:${news}`, NEWS[news](override));
  await putNotice(trx, { ...notice, personId: chatId, body: { ...notice.body, unreached } });
}

const IN_SHORT: Record<CustomerNews, string> = {
  given: 'access was given',
  taken_back: 'it was taken back',
  ended: 'it has ended',
};

function textNotice(override: Override, about: string, text: string) {
  return { key: `${approvalKey(override.id)}:${about}`, kind: 'text', body: { text } } as const;
}

/** These words are kept; an id that is an address is not among them. */
function nameToKeep(userId: string): string {
  return hasAddress(userId) ? maskUserId(userId) : userId;
}

export function describeExecution(override: Override, isTold: boolean): string {
  const told = isTold
    ? 'The customer is told in private.'
    : 'I know no chat of this customer: please tell them yourself.';
  return `🛠 ${overrideName(override.id)} is carried out: ${nameToKeep(override.userId)} has ${override.feature} until ${utcTime(override.until)}. ${told} It stands as a debt until the payment is confirmed.`;
}
