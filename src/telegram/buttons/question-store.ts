import { sql } from 'kysely';
import type { Verb } from '../../breaker/command-decision.ts';
import type { Db } from '../../platform/database.ts';

/** What the chat is being asked: about a retry of so many, or for the reason of an order to a breaker. */
export type Question = { chatId: number; ticketId: number; about: string };

/** After that the question has scrolled away, and may be asked again. */
const ASKED_FOR_MINUTES = 10;

/**
 * Notes that the chat is being asked this; false when it was asked a while ago. What it is about says all that makes it another
 * question: when something has changed since, it is. The note is a notice already sent: the sender of notices leaves it alone.
 */
export async function askOnce(db: Db, question: Question): Promise<boolean> {
  const { rows } = await sql`
    insert into notice (key, chat_id, ticket_id, kind, body, state)
    values (${keyOf(question)}, ${question.chatId}, ${question.ticketId}, 'text', '{}', 'sent')
    on conflict (key) do update set created_at = clock_timestamp()
      where notice.created_at < clock_timestamp() - make_interval(mins => ${ASKED_FOR_MINUTES})
    returning id`.execute(db);
  return rows.length > 0;
}

/** The question never reached the chat. */
export async function forgetQuestion(db: Db, question: Question): Promise<void> {
  await db.deleteFrom('notice').where('key', '=', keyOf(question)).execute();
}

function keyOf({ ticketId, about, chatId }: Question): string {
  return `ask-${about}:${ticketId}:${chatId}`;
}

/** An order that waits for its reason. */
export type ReasonQuestion = {
  /** Whose answer is the reason; what others say under the question is talk. */
  personId: number;
  verb: Verb;
  dependency: string;
  ttlMs: number | null;
  /** What the asked person saw of the breaker: with another epoch the order is stale. */
  seenEpoch: number;
};

/** Notes which message asks for the reason of which order. */
export async function keepReasonQuestion(
  db: Db,
  message: { chatId: number; messageId: number },
  question: ReasonQuestion,
): Promise<void> {
  await db
    .insertInto('notice')
    .values({
      key: reasonKey(message),
      chat_id: message.chatId,
      message_id: message.messageId,
      kind: 'text',
      body: JSON.stringify(question),
      state: 'sent',
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** The order that a message asks about; `isOver` when it was asked too long ago. Null for any other message. */
export async function findReasonQuestion(
  db: Db,
  message: { chatId: number; messageId: number },
): Promise<(ReasonQuestion & { isOver: boolean }) | null> {
  const row = await db
    .selectFrom('notice')
    .select((eb) => [
      eb.ref('body').$castTo<ReasonQuestion>().as('question'),
      sql<boolean>`created_at < clock_timestamp() - make_interval(mins => ${ASKED_FOR_MINUTES})`.as('isOver'),
    ])
    .where('key', '=', reasonKey(message))
    .executeTakeFirst();
  return row ? { ...row.question, isOver: row.isOver } : null;
}

function reasonKey({ chatId, messageId }: { chatId: number; messageId: number }): string {
  return `reason:${chatId}:${messageId}`;
}

/** The same press delivered twice is the same command, whatever has happened to the ticket in between. */
export async function wasRedriven(db: Db, commandId: string): Promise<boolean> {
  const row = await db.selectFrom('redrive').select('id').where('command_id', '=', commandId).executeTakeFirst();
  return row !== undefined;
}
