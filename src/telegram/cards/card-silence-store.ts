import { sql } from 'kysely';
import type { Db } from '../../platform/database.ts';

/** Tickets whose news another one's card tells: they have no card while that outage lasts, and get one when it is over. */
export async function markSilenced(
  db: Db,
  chatId: number,
  { parentId, ticketIds }: { parentId: number; ticketIds: number[] },
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await sql`
      select 1 from ticket where id = any(${[parentId, ...ticketIds]}::bigint[]) order by id for no key update`.execute(
      trx,
    );
    await sql`
      insert into card (ticket_id, chat_id, silenced_by)
        select id, ${chatId}::bigint, ${parentId}::bigint from ticket
        where id = any(${ticketIds}::bigint[]) and state not in ('resolved', 'merged')
      on conflict (ticket_id) do update set silenced_by = excluded.silenced_by`.execute(trx);
    await sql`update ticket set wanted_revision = wanted_revision + 1 where id = ${parentId}`.execute(trx);
  });
}

/** One of its tickets is done: its card counts one less. */
export async function markParentStale(db: Db, parentId: number): Promise<void> {
  await sql`
    update ticket set wanted_revision = wanted_revision + 1
    where id = ${parentId} and state not in ('resolved', 'merged')`.execute(db);
}
