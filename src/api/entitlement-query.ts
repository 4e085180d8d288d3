import { sql } from 'kysely';
import type { Fact, FactDetail } from '../entitlement/fold.ts';
import type { FactType } from '../platform/schema.ts';
import type { Reader } from './snapshot.ts';

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

type FactRow = Omit<StoredFact, 'type' | 'detail'> & { type: FactType; detail: FactDetail | null };

/** What is known of a user, or of a transaction whose user may not be known yet, or of both; earliest first. */
export async function listFacts(
  db: Reader,
  of: { userId: string | null; transaction?: { provider: string; transactionId: string } },
): Promise<StoredFact[]> {
  const { rows } = await sql<FactRow>`
    select provider, subject, effect, type, transaction_id as "transactionId", subscription_id as "subscriptionId",
           amount_minor as "amountMinor", plan, detail, event_id as "eventId", user_id as "userId",
           coalesce(at, min(received_at) over (partition by provider, subject)) as at
    from fact
    where user_id = ${of.userId}
       or (provider = ${of.transaction?.provider ?? null}::text and subject = ${of.transaction?.transactionId ?? null}::text)
    order by at, provider, subject, effect`.execute(db);
  return rows;
}
