import { sql } from 'kysely';
import type { Fact } from '../entitlement/fold.ts';
import type { Reader } from '../platform/snapshot.ts';

export type EntitlementRow = { feature: string; since: Date; until: Date | null; revoked: boolean; revision: number };

export async function listEntitlements(db: Reader, userId: string): Promise<EntitlementRow[]> {
  return db
    .selectFrom('entitlement')
    .select(['feature', 'since', 'until', 'revoked', 'revision'])
    .where('user_id', '=', userId)
    .orderBy('feature')
    .execute();
}

/** A fact with the event it came from. */
export type StoredFact = Fact & { eventId: number; userId: string | null };

/**
 * What is known of a user, or of a transaction whose user may not be known yet, or of both; earliest first. A fact without a
 * time of its own takes the earliest receipt of its transaction, as it does in the fold that wrote the entitlement.
 */
export async function listFacts(
  db: Reader,
  of: { userId: string | null; transaction?: { provider: string; transactionId: string } },
): Promise<StoredFact[]> {
  const { rows } = await sql<StoredFact>`
    select f.provider, f.subject, f.effect, f.type, f.transaction_id as "transactionId",
           f.subscription_id as "subscriptionId", f.amount_minor as "amountMinor", f.plan, f.detail,
           f.event_id as "eventId", f.user_id as "userId", coalesce(f.at, p.first_received_at, f.received_at) as at
    from fact f
    left join payment p on p.provider = f.provider and p.transaction_id = f.transaction_id and f.at is null
    where f.user_id = ${of.userId}
       or (f.provider = ${of.transaction?.provider ?? null}::text and f.subject = ${of.transaction?.transactionId ?? null}::text)
    order by at, f.provider, f.subject, f.effect`.execute(db);
  return rows;
}
