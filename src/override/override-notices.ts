import type { Transaction } from 'kysely';
import { bumpNotice, putNotice } from '../notice/notice-store.ts';
import type { Schema } from '../platform/schema.ts';
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

/** The customer, when they are known to the bot; answers whether they are. */
export async function tellCustomer(trx: Trx, override: Override, chatId: number | null): Promise<boolean> {
  if (chatId === null) return false;
  const text = `✅ ${override.feature} is unlocked for you until ${utcTime(override.until)}, while we look into your payment. There is nothing you need to do.`;
  await putNotice(trx, { ...textNotice(override, 'customer', text), personId: chatId });
  return true;
}

function textNotice(override: Override, about: string, text: string) {
  return { key: `${approvalKey(override.id)}:${about}`, kind: 'text', body: { text } } as const;
}

export function describeExecution(override: Override, wasTold: boolean): string {
  const told = wasTold ? 'The customer has been told.' : 'I know no chat of this customer: please tell them yourself.';
  return `🛠 ${overrideName(override.id)} is carried out: ${override.userId} has ${override.feature} until ${utcTime(override.until)}. ${told} It stands as a debt until the payment is confirmed.`;
}
