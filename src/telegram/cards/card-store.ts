import { sql } from 'kysely';
import type { Db } from '../../platform/database.ts';
import type { Severity, TicketState } from '../../platform/schema.ts';

/** A ticket whose picture in the chat is missing or out of date. */
export type StaleCard = {
  ticketId: number;
  severity: Severity;
  state: TicketState;
  openedAt: Date;
  wantedRevision: number;
  urgentRevision: number;
  shownRevision: number;
  /** Null: no message of ours is known in this chat. */
  messageId: number | null;
  textHash: string | null;
  /** What that message says; null when it is not known. */
  shownSeverity: Severity | null;
  firstShownAt: Date | null;
  lastDrawnAt: Date | null;
  inDigest: number | null;
  /** The ticket of an outage whose card stands for this one too, at present. */
  silencedBy: number | null;
  /** The one that was made to say so. */
  countedBy: number | null;
  sendsInDoubt: number;
  failures: number;
  notBefore: Date | null;
};

/**
 * Open tickets that are not shown as they are, and resolved ones whose last picture is old. A message in another chat (the group
 * has migrated) counts as none.
 */
export async function listStaleCards(db: Db, chatId: number): Promise<StaleCard[]> {
  const columns = sql`
    t.id as "ticketId", t.severity, t.state, t.opened_at as "openedAt", t.wanted_revision as "wantedRevision",
    t.urgent_revision as "urgentRevision", c.first_shown_at as "firstShownAt", c.last_drawn_at as "lastDrawnAt",
    c.in_digest as "inDigest", c.silenced_by as "countedBy", coalesce(c.failures, 0) as failures, c.not_before as "notBefore",
    case when c.chat_id = ${chatId} then c.message_id end as "messageId",
    case when c.chat_id = ${chatId} then c.shown_revision else 0 end as "shownRevision",
    case when c.chat_id = ${chatId} then c.shown_text_hash end as "textHash",
    case when c.chat_id = ${chatId} then c.shown_severity end as "shownSeverity",
    case when c.chat_id = ${chatId} then c.sends_in_doubt else 0 end as "sendsInDoubt"`;
  const { rows } = await sql<StaleCard>`
    select ${columns}, s.parent_id as "silencedBy"
      from ticket t left join card c on c.ticket_id = t.id left join silenced_ticket s on s.ticket_id = t.id
      where t.state not in ('resolved', 'merged')
        and (c.message_id is null or c.chat_id <> ${chatId} or t.wanted_revision > c.shown_revision)
    union all
    select ${columns}, null from card c join ticket t on t.id = c.ticket_id
      where c.done_revision > c.shown_revision and t.state in ('resolved', 'merged')`.execute(db);
  return rows;
}

/**
 * Written before a send, so that whoever looks after a crash knows of a message that may be there. The ticket is locked for the
 * moment: resolving it at the same time either is seen here, or sees the card.
 */
export async function markSending(db: Db, ticketId: number, chatId: number): Promise<void> {
  await sql`
    with locked as (select id, state, wanted_revision from ticket where id = ${ticketId} for share)
    insert into card (ticket_id, chat_id, sends_in_doubt, done_revision)
      select id, ${chatId}::bigint, 1, case when state in ('resolved', 'merged') then wanted_revision else 0 end from locked
    on conflict (ticket_id) do update set
      sends_in_doubt = case when card.chat_id = ${chatId} then card.sends_in_doubt else 0 end + 1,
      shown_revision = case when card.chat_id = ${chatId} then card.shown_revision else 0 end,
      message_id = case when card.chat_id = ${chatId} then card.message_id end,
      chat_id = ${chatId}`.execute(db);
}

/** The send certainly put nothing into the chat. */
export async function markNotSent(db: Db, ticketId: number): Promise<void> {
  await db
    .updateTable('card')
    .set({ sends_in_doubt: sql`greatest(sends_in_doubt - 1, 0)` })
    .where('ticket_id', '=', ticketId)
    .execute();
}

export type ShownCard = {
  ticketId: number;
  messageId: number;
  /** What was rendered; more may be wanted already, and then the card stays stale. */
  revision: number;
  textHash: string;
  severity: Severity;
  at: Date;
};

export async function markShown(db: Db, card: ShownCard): Promise<void> {
  await sql`
    update card set message_id = ${card.messageId}, shown_revision = greatest(shown_revision, ${card.revision}),
      shown_text_hash = ${card.textHash}, shown_severity = ${card.severity}, first_shown_at = coalesce(first_shown_at, ${card.at}), last_drawn_at = ${card.at},
      sends_in_doubt = 0, failures = 0, not_before = null, error = null
    where ticket_id = ${card.ticketId}`.execute(db);
}

/** As of `revision` the message looks as it should, or none is needed. */
export async function markUnchanged(db: Db, ticketId: number, revision: number): Promise<void> {
  await sql`
    update card set shown_revision = greatest(shown_revision, ${revision}) where ticket_id = ${ticketId}`.execute(db);
}

/** The message is gone, or not ours to edit: the next draw sends another. */
export async function forgetMessage(db: Db, ticketId: number, error: string): Promise<void> {
  await db
    .updateTable('card')
    .set({ message_id: null, shown_text_hash: null, error })
    .where('ticket_id', '=', ticketId)
    .execute();
}

/** A refusal that the card itself provoked; `failures` is how many there were in a row. */
export async function deferCard(
  db: Db,
  ticketId: number,
  deferral: { failures: number; notBefore: Date; error: string },
): Promise<void> {
  await db
    .updateTable('card')
    .set({ failures: deferral.failures, not_before: deferral.notBefore, error: deferral.error })
    .where('ticket_id', '=', ticketId)
    .execute();
}

/**
 * A person has pressed a button of a card whose id we never learned (its answer was lost): from now on this is the ticket's message.
 * Changes nothing when the ticket has a known message.
 */
export async function adoptMessage(db: Db, ticketId: number, chatId: number, messageId: number): Promise<void> {
  await sql`
    update card set message_id = ${messageId}, shown_revision = 0, shown_text_hash = null, sends_in_doubt = 0
    where ticket_id = ${ticketId} and chat_id = ${chatId} and message_id is null and sends_in_doubt > 0`.execute(db);
}

/** The message that shows the ticket in this chat; null while there is none. */
export async function findCardMessage(db: Db, ticketId: number, chatId: number): Promise<number | null> {
  const row = await db
    .selectFrom('card')
    .select('message_id')
    .where('ticket_id', '=', ticketId)
    .where('chat_id', '=', chatId)
    .executeTakeFirst();
  return row?.message_id ?? null;
}
