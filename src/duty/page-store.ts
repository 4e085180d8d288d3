import { sql } from 'kysely';
import type { Level } from '../escalation/policy.ts';
import { type NoticeDraft, putNotices } from '../notice/notice-store.ts';
import { nameOf, type Person } from '../people/person.ts';
import { rowsOf } from '../platform/rows.ts';
import type { Severity, TicketState } from '../platform/schema.ts';
import type { Reader } from '../platform/snapshot.ts';
import type { PageReason } from './serve-deadlines.ts';

/** A person to be called to a ticket. Without a person there is nobody, and the group is told so. */
export type Page = {
  ticketId: number;
  severity: Severity;
  person: Person | null;
  level: Level | null;
  reason: PageReason;
};

/**
 * Calls people: each by one message in private for all that they are called to within a minute (the gravest by one of their own, since a correction
 * rings no phone); whoever the bot may not write to, by one message in the group that names them, and the gravest
 * by one of its own there too.
 */
export async function insertPages(trx: Reader, pages: Page[], at: Date): Promise<void> {
  if (pages.length === 0) return;
  const rows = pages.map(({ ticketId, severity, person, level, reason }) => {
    const isReachable = person?.privateChat === true;
    const noticeKey = isReachable ? privateKey(person.telegramId, severity, at) : null;
    return {
      ticket_id: ticketId,
      person_id: person?.telegramId ?? null,
      level,
      reason: reason as string,
      at,
      state: isReachable ? 'waiting' : 'fell_back',
      notice_key: noticeKey,
      fallback_key: isReachable ? null : groupKey(severity, at),
    };
  });
  await sql`
    insert into page (${sql.raw(Object.keys(TYPES).join(', '))})
    select * from ${rowsOf(rows, TYPES)} as p`.execute(trx);
  await announce(
    trx,
    rows.map(({ notice_key: key, person_id: personId }) => ({ key, personId })),
    rows.flatMap((row) => row.fallback_key ?? []),
  );
}

const TYPES = {
  ticket_id: 'bigint',
  person_id: 'bigint',
  level: 'int',
  reason: 'text',
  at: 'timestamptz',
  state: 'text',
  notice_key: 'text',
  fallback_key: 'text',
} as const;

async function announce(
  trx: Reader,
  inPrivate: { key: string | null; personId: number | null }[],
  inGroup: string[],
): Promise<void> {
  const people = new Map(inPrivate.flatMap(({ key, personId }) => (key === null ? [] : [[key, personId!] as const])));
  const calls = [...people].map(([key, personId]): NoticeDraft => ({ key, kind: 'page', personId, body: {} }));
  const inChat = [...new Set(inGroup)].map((key): NoticeDraft => ({ key, kind: 'page_fallback', body: {} }));
  await putNotices(trx, [...calls, ...inChat]);
}

function privateKey(personId: number, severity: Severity, at: Date): string {
  return `page:${personId}:${minuteOf(at)}${markOf(severity)}`;
}

function groupKey(severity: Severity, at: Date): string {
  return `page-group:${minuteOf(at)}${markOf(severity)}`;
}

const GRAVEST_MARK = ':P1';

function markOf(severity: Severity): string {
  return severity === 'P1' ? GRAVEST_MARK : '';
}

function minuteOf(at: Date): string {
  return at.toISOString().slice(0, 16);
}

/** The message was shown with the pages up to this one; what was put down since is shown by its next correction. */
export async function markPagesDelivered(db: Reader, noticeKey: string, upToPageId: number): Promise<void> {
  await db
    .updateTable('page')
    .set({ state: 'delivered' })
    .where('notice_key', '=', noticeKey)
    .where('id', '<=', upToPageId)
    .where('state', '=', 'waiting')
    .execute();
}

/** The message in private cannot be delivered: the group is told instead. Answers how many pages that were. */
export async function fallBackPages(db: Reader, noticeKey: string, at: Date): Promise<number> {
  const fallbackKey = groupKey(noticeKey.endsWith(GRAVEST_MARK) ? 'P1' : 'P2', at);
  return inTransaction(db, async (trx) => {
    const result = await trx
      .updateTable('page')
      .set({ state: 'fell_back', fallback_key: fallbackKey })
      .where('notice_key', '=', noticeKey)
      .where('state', '=', 'waiting')
      .executeTakeFirst();
    const count = Number(result.numUpdatedRows);
    if (count > 0) await announce(trx, [], [fallbackKey]);
    return count;
  });
}

function inTransaction<T>(db: Reader, work: (trx: Reader) => Promise<T>): Promise<T> {
  return db.isTransaction ? work(db) : db.transaction().execute(work);
}

/** What a message calls somebody to, as it is now. */
export type PageLine = {
  pageId: number;
  ticketId: number;
  severity: Severity;
  state: TicketState;
  stateRevision: number;
  source: string;
  dependency: string | null;
  errorFamily: string;
  reason: PageReason;
  level: number | null;
  personId: number | null;
  personName: string | null;
  ownerName: string | null;
};

/** The gravest first; of a ticket and a person the latest call. */
export async function listPageLines(db: Reader, key: string, where: 'private' | 'group'): Promise<PageLine[]> {
  const column = where === 'private' ? sql`p.notice_key` : sql`p.fallback_key`;
  const { rows } = await sql<PageLine & { firstName: string | null; username: string | null }>`
    select distinct on (t.severity, p.ticket_id, p.person_id) p.id as "pageId", p.ticket_id as "ticketId", t.severity, t.state,
      t.state_revision as "stateRevision", t.source, t.dependency, t.error_family as "errorFamily", p.reason, p.level,
      p.person_id as "personId", w.first_name as "firstName", w.username, t.owner_name as "ownerName"
    from page p join ticket t on t.id = p.ticket_id left join person w on w.telegram_id = p.person_id
    where ${column} = ${key}
    order by t.severity, p.ticket_id, p.person_id, p.id desc`.execute(db);
  return rows.map(({ firstName, username, ...line }) => ({
    ...line,
    personName: line.personId === null ? null : nameOf({ firstName, username, telegramId: line.personId }),
  }));
}

export type PageView = { at: Date; personName: string | null; reason: PageReason; state: string };

/** Everybody who was called to a ticket, the first first. */
export async function listPagesOf(db: Reader, ticketId: number): Promise<PageView[]> {
  const rows = await db
    .selectFrom('page')
    .leftJoin('person', 'person.telegram_id', 'page.person_id')
    .select(['page.at', 'page.person_id', 'first_name', 'username', 'page.state'])
    .select((eb) => eb.ref('page.reason').$castTo<PageReason>().as('reason'))
    .where('ticket_id', '=', ticketId)
    .orderBy('page.id')
    .execute();
  return rows.map((row) => ({
    at: row.at,
    reason: row.reason,
    state: row.state,
    personName:
      row.person_id === null
        ? null
        : nameOf({ firstName: row.first_name, username: row.username, telegramId: row.person_id }),
  }));
}
