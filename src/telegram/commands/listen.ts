import { putNotice } from '../../notice/notice-store.ts';
import { type ChatMoved, openCustomerLink } from '../../people/customer-link.ts';
import type { Db } from '../../platform/database.ts';
import type { Answer, BotDeps, Request } from '../bot-context.ts';
import { FACELESS_TEXT } from '../words/help-text.ts';
import { say } from './command.ts';

/** Somebody opens the link that the product gave them: from now on the bot can tell them what becomes of their payments. */
export async function listenAsCustomer(
  { db, clock, wake }: BotDeps,
  { sender, updateId }: Request,
  tokenHash: Buffer,
): Promise<Answer> {
  if (sender.kind !== 'human') return say(FACELESS_TEXT);
  const opening = { tokenHash, telegramId: sender.id, updateId, now: clock.now() };
  const opened = await openCustomerLink(db, opening, tellEarlierChat);
  wake('notice');
  return say(WORDS[opened]);
}

const WORDS = {
  tied: '🔔 From now on I can tell you here what becomes of your payments. /forget ends it.',
  // The same whether it was used, is too old or never was one.
  invalid:
    '🔒 This link does not work: each works once, for 24 hours. The product where you paid can give you a new one.',
};

/** Whoever is told no more learns of it; where to, and by whom, is not theirs to know. */
async function tellEarlierChat(trx: Db, { linkId, from }: ChatMoved): Promise<void> {
  const text =
    '🔕 Another chat is now told about the payments that I told you about here. If that was not you, please write to the support of the product where you paid.';
  await putNotice(trx, { key: `customer-moved:${linkId}`, kind: 'text', personId: from, body: { text } });
}
