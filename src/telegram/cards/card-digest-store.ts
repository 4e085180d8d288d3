import { sql } from 'kysely';
import type { Db } from '../../platform/database.ts';
import type { DigestLine } from './storm-text.ts';

/** A storm goes on under one digest for this long; after that an edit far up in the chat would reach nobody. */
const DIGEST_OPEN_MS = 10 * 60_000;

/** Puts tickets that cannot have their own card yet on the chat's digest; begins one when there is none open with room. */
export async function listOnDigest(
  db: Db,
  chat: { configuredId: number; chatId: number },
  ticketIds: number[],
  options: { ticketsMax: number; now: Date },
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const digestId =
      (await findOpenDigest(trx, chat.configuredId, options)) ??
      (await insertDigest(trx, chat.configuredId, options.now));
    await sql`
      with locked as (select id, state, wanted_revision from ticket where id = any(${ticketIds}::bigint[]) order by id for share)
      insert into card (ticket_id, chat_id, in_digest, done_revision)
        select id, ${chat.chatId}::bigint, ${digestId}::bigint, case when state in ('resolved', 'merged') then wanted_revision else 0 end
        from locked
      on conflict (ticket_id) do update set in_digest = excluded.in_digest`.execute(trx);
    await sql`
      update notice set wanted_revision = wanted_revision + 1, state = 'pending' where id = ${digestId}`.execute(trx);
  });
}

async function findOpenDigest(
  db: Db,
  configuredId: number,
  { ticketsMax, now }: { ticketsMax: number; now: Date },
): Promise<number | null> {
  const { rows } = await sql<{ id: number }>`
    select n.id from notice n
    where n.kind = 'digest' and n.key like ${`digest:${configuredId}:%`} and n.state <> 'failed'
      and n.created_at > ${new Date(now.getTime() - DIGEST_OPEN_MS)}
      and (select count(*) from card c where c.in_digest = n.id) < ${ticketsMax}
    order by n.id desc limit 1`.execute(db);
  return rows[0]?.id ?? null;
}

async function insertDigest(db: Db, configuredId: number, now: Date): Promise<number> {
  const { id } = await db
    .insertInto('notice')
    .values({
      key: `digest:${configuredId}:${now.toISOString()}`,
      kind: 'digest',
      chat_id: configuredId,
      body: '{}',
      wanted_revision: 0,
      created_at: now,
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  return id;
}

/** The digest's tickets, the gravest first. */
export async function listDigestLines(db: Db, digestId: number): Promise<DigestLine[]> {
  return db
    .selectFrom('card')
    .innerJoin('ticket', 'ticket.id', 'card.ticket_id')
    .select([
      'ticket.id as ticketId',
      'ticket.severity',
      'ticket.source',
      'ticket.dependency',
      'ticket.error_family as errorFamily',
    ])
    .where('card.in_digest', '=', digestId)
    .orderBy('ticket.severity')
    .orderBy('ticket.id')
    .execute();
}

/** These tickets stand in the chat now; answers when those were opened that nobody had seen before. */
export async function markDigestShown(db: Db, digestId: number, ticketIds: number[], at: Date): Promise<Date[]> {
  const { rows } = await sql<{ openedAt: Date }>`
    update card set first_shown_at = ${at} from ticket t
    where t.id = card.ticket_id and card.in_digest = ${digestId} and card.first_shown_at is null
      and card.ticket_id = any(${ticketIds}::bigint[])
    returning t.opened_at as "openedAt"`.execute(db);
  return rows.map((row) => row.openedAt);
}
