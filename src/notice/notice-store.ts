import { type Kysely, sql } from 'kysely';
import { rowsOf } from '../platform/rows.ts';
import type { Schema } from '../platform/schema.ts';

/** Both a database and a transaction can be written to: a notice belongs into the transaction of what it tells. */
type Writer = Kysely<Schema>;

/**
 * `redrive`: the outcome of a retry, drawn from the redrive when it is sent and edited while it changes (`{ redriveId, by, what }`).
 * `ticket`: a word under a ticket's card, silent and only when the chat has room (`{ text }`). `text`: as it stands
 * (`{ text, entities?, silent?, topic?, unreached? }`; the topic is one of the chat's, else the one of tickets; `unreached: { personId, text }` is told
 * to somebody else when this can never be delivered). `alarm`: the same, and before all that waits for its
 * reader. `digest`: the sender's own list of tickets that have no card yet. `page`: calls a person to the tickets of its pages, drawn from them;
 * `page_fallback`: the same in the group, of people who could not be written to. `approval`: an override that waits for a second person, drawn from
 * its row (`{ overrideId }`). `staged`: the progress of a retry in stages (`{ stagedId }`).
 */
type NoticeKind = 'redrive' | 'ticket' | 'text' | 'digest' | 'alarm' | 'page' | 'page_fallback' | 'approval' | 'staged';

export type NoticeDraft = {
  /** Says the thing once: the same key again replaces the words of the message that is there. */
  key: string;
  kind: NoticeKind;
  /** The chat as configured; where it has moved since is the sender's affair. Neither chat nor person: the engineering chat. */
  chatId?: number;
  personId?: number;
  /** The ticket whose card it answers. */
  ticketId?: number | null;
  body: Record<string, unknown>;
};

/** Whom to tell, and what, when a notice can never be delivered. */
export type Unreached = { personId: number; text: string };

export type PendingNotice = {
  id: number;
  key: string;
  kind: NoticeKind;
  personId: number | null;
  ticketId: number | null;
  body: Record<string, unknown>;
  wantedRevision: number;
  messageId: number | null;
  failures: number;
  notBefore: Date | null;
  sentAt: Date | null;
};

/** Puts a message down to be sent, or to be corrected when it was sent already. Wake 'notice' after the commit. */
export async function putNotice(trx: Writer, draft: NoticeDraft): Promise<void> {
  await putNotices(trx, [draft]);
}

const NOTICE = {
  key: 'text',
  kind: 'text',
  chatId: 'bigint',
  personId: 'bigint',
  ticketId: 'bigint',
  body: 'jsonb',
} as const;

/** The same of several, each with a key of its own: one statement, in one order, so that two transactions never wait for each other. */
export async function putNotices(trx: Writer, drafts: NoticeDraft[]): Promise<void> {
  if (drafts.length === 0) return;
  await sql`
    insert into notice (key, kind, chat_id, person_id, ticket_id, body)
    select * from ${rowsOf(drafts, NOTICE)} as n(key) order by key
    on conflict (key) do update set
      body = excluded.body, wanted_revision = notice.wanted_revision + 1, state = 'pending',
      failures = 0, not_before = null, error = null`.execute(trx);
}

/** What the notice tells has changed: draw it again. False when there is no such notice, or nobody to tell it to. */
export async function bumpNotice(trx: Writer, key: string): Promise<boolean> {
  const result = await trx
    .updateTable('notice')
    .set((eb) => ({ wanted_revision: eb('wanted_revision', '+', 1), state: 'pending' }))
    .where('key', '=', key)
    .where('state', '<>', 'failed')
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

const PENDING_MAX = 200;

/** Pages, then the oldest. Only the holder of the chat's sender lease asks, so no row needs to be claimed. */
export function listPendingNotices(db: Writer, chatIds: number[]): Promise<PendingNotice[]> {
  return pendingNotices(db)
    .where('person_id', 'is', null)
    .where((eb) => eb.or([eb('chat_id', 'in', chatIds), eb('chat_id', 'is', null)]))
    .execute();
}

/** What waits to be told to people in private: pages, then the oldest. */
export function listPendingPrivateNotices(db: Writer): Promise<PendingNotice[]> {
  return pendingNotices(db).where('person_id', 'is not', null).execute();
}

function pendingNotices(db: Writer) {
  return db
    .selectFrom('notice')
    .select((eb) => [
      'id',
      'key',
      eb.ref('kind').$castTo<NoticeKind>().as('kind'),
      'person_id as personId',
      'ticket_id as ticketId',
      'body',
      'wanted_revision as wantedRevision',
      'message_id as messageId',
      'failures',
      'not_before as notBefore',
      'sent_at as sentAt',
    ])
    .where('state', '=', 'pending')
    .orderBy(sql`kind in ('page', 'alarm')`, 'desc')
    .orderBy('id')
    .limit(PENDING_MAX);
}

/** Shown as of `revision`; when more was wanted meanwhile it stays pending. */
export async function markNoticeSent(
  db: Writer,
  notice: { id: number; revision: number; messageId: number | null; at: Date },
): Promise<void> {
  await sql`
    update notice set
      shown_revision = greatest(shown_revision, ${notice.revision}),
      message_id = ${notice.messageId}, sent_at = ${notice.at}, not_before = null, error = null,
      state = case when wanted_revision > ${notice.revision} then 'pending' else 'sent' end
    where id = ${notice.id}`.execute(db);
}

/** Somebody relies on its being read: they are told that it will not be. */
export async function tellUnreached(trx: Writer, { key, body }: Pick<PendingNotice, 'key' | 'body'>): Promise<void> {
  const unreached = body.unreached as Unreached | undefined;
  if (unreached === undefined) return;
  const { personId, text } = unreached;
  await putNotice(trx, { key: `${key}:unreached`, kind: 'text', personId, body: { text } });
}

/** Nobody will read it: the reason stays on the row. */
export async function markNoticeFailed(db: Writer, id: number, reason: string): Promise<void> {
  await db.updateTable('notice').set({ state: 'failed', error: reason }).where('id', '=', id).execute();
}

/** One more refusal that the notice itself provoked. */
export async function deferNotice(db: Writer, id: number, notBefore: Date, error: string): Promise<void> {
  await db
    .updateTable('notice')
    .set((eb) => ({ failures: eb('failures', '+', 1), not_before: notBefore, error }))
    .where('id', '=', id)
    .execute();
}

/** Its message is gone from the chat; it is said anew. */
export async function forgetNoticeMessage(db: Writer, id: number): Promise<void> {
  await db.updateTable('notice').set({ message_id: null }).where('id', '=', id).execute();
}

/** Flood control of one person's chat: not the notices' fault. */
export async function pausePrivateNotices(db: Writer, personId: number, until: Date): Promise<void> {
  await db
    .updateTable('notice')
    .set({ not_before: until })
    .where('state', '=', 'pending')
    .where('person_id', '=', personId)
    .execute();
}

/** The last of a kind that says something once each time, by the beginning of their keys. */
export async function findLatestNoticeKey(db: Writer, prefix: string): Promise<string | null> {
  const row = await db
    .selectFrom('notice')
    .select('key')
    .where('key', 'like', `${prefix}%`)
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.key ?? null;
}

/**
 * Forgets what was said a month ago and is about no ticket, or calls people to tickets that are over; answers how many. What stands under a card stays with
 * it; and so does the last of the audit log's ends, which the log is held against.
 */
export async function purgeNotices(db: Writer, now: Date): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from notice n
    where n.state <> 'pending' and n.created_at < ${now}::timestamptz - interval '30 days'
      and n.kind in ('text', 'alarm', 'page', 'page_fallback') and (n.ticket_id is null or n.key like 'ask-%')
      and (n.key not like 'audit-head:%'
        or exists (select from notice later where later.key like 'audit-head:%' and later.id > n.id))
      and not exists (select from page p join ticket t on t.id = p.ticket_id
        where t.state not in ('resolved', 'merged') and n.key in (p.notice_key, p.fallback_key))`.execute(db);
  return Number(numAffectedRows);
}
