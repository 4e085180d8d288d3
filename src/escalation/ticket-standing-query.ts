import type { Transaction } from '../platform/database.ts';
import type { Schema, TicketState } from '../platform/schema.ts';

/** What people can change of a ticket. */
export type TicketStanding = { state: TicketState; owner: string | null; revision: number };

export function findStanding(trx: Transaction<Schema>, ticketId: number): Promise<TicketStanding> {
  return trx
    .selectFrom('ticket')
    .select(['state', 'owner_name as owner', 'state_revision as revision'])
    .where('id', '=', ticketId)
    .executeTakeFirstOrThrow();
}
