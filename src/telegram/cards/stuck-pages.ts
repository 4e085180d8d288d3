import { appendLog, markPicture } from '../../escalation/ticket-store.ts';
import { ticketName } from '../../escalation/ticket-view.ts';
import { putNotice } from '../../notice/notice-store.ts';
import { nameOf, type Person } from '../../people/person.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Db } from '../../platform/database.ts';
import type { Logger } from '../../platform/log.ts';
import { clockTime } from '../words/line-words.ts';
import { causeWords } from './card-text.ts';
import { listStuckPages, markToldPrivately, type StuckPage } from './stuck-page-store.ts';

export type StuckPagesDeps = {
  db: Db;
  clock: Clock;
  log: Logger;
  /** The engineering chat. */
  configuredChatId: number;
  /** Whom to tell what cannot wait. */
  listOnCall: (db: Db, now: Date) => Promise<Person[]>;
};

/** As long as a grave card may wait for the chat before it goes another way. */
const STUCK_AFTER_MS = 60_000;

/** Tells the on-call in private of grave tickets that the chat has not taken for a minute; each once. Answers how many. */
export async function tellStuckPages(deps: StuckPagesDeps): Promise<number> {
  const now = deps.clock.now();
  const pages = await listStuckPages(deps.db, new Date(now.getTime() - STUCK_AFTER_MS));
  if (pages.length === 0) return 0;
  const people = (await deps.listOnCall(deps.db, now)).filter((person) => person.privateChat);
  if (people.length === 0) return 0;
  let told = 0;
  for (const page of pages) told += (await tellPage(deps, page, people, now)) ? 1 : 0;
  return told;
}

/** The card says so when it comes at last. */
async function tellPage(deps: StuckPagesDeps, page: StuckPage, people: Person[], now: Date): Promise<boolean> {
  return deps.db.transaction().execute(async (trx) => {
    const isFirst = await markToldPrivately(trx, { ticketId: page.id, chatId: deps.configuredChatId, at: now });
    if (!isFirst) return false;
    for (const { telegramId } of people) {
      const key = `stuck:${page.id}:${telegramId}`;
      await putNotice(trx, {
        key,
        kind: 'alarm',
        personId: telegramId,
        ticketId: page.id,
        body: { text: pageText(page, now) },
      });
    }
    const text = `the chat took no card for a minute; told ${people.map(nameOf).join(', ')} in private`;
    await appendLog(trx, { ticketId: page.id, kind: 'told', actor: null, text, now });
    await markPicture(trx, page.id, { by: 'itself' });
    deps.log.warn({ ticketId: page.id, people: people.length }, 'a grave card waits; the on-call was told in private');
    return true;
  });
}

function pageText(page: StuckPage, now: Date): string {
  const name = ticketName(page.id);
  return [
    `🔴 P1 · ${name}: ${causeWords(page)}`,
    `open since ${clockTime(page.openedAt, now)} UTC. The engineering chat has taken no card of it, so this comes to you.`,
    `/ticket ${name} shows it here, with its buttons.`,
  ].join('\n');
}
