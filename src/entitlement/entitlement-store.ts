import { type Kysely, sql, type Transaction } from 'kysely';
import type { Schema } from '../platform/schema.ts';

type Trx = Transaction<Schema>;

export type Entitlement = {
  userId: string;
  feature: string;
  since: Date;
  until: Date | null;
  revoked: boolean;
  /** Rises with every change; the product ignores what is not above the one it knows. */
  revision: number;
  /** The last revision the product accepted. */
  sentRevision: number;
};

/** Looked up user by user: see `listFactsOfUsers`. */
export async function listEntitlements(db: Kysely<Schema>, userIds: string[]): Promise<Entitlement[]> {
  const { rows } = await sql<Entitlement>`
    select e.user_id as "userId", e.feature, e.since, e.until, e.revoked, e.revision, e.sent_revision as "sentRevision"
    from unnest(${userIds}::text[]) as wanted(user_id)
    cross join lateral (
      select * from entitlement where entitlement.user_id = wanted.user_id order by feature offset 0
    ) e`.execute(db);
  return rows;
}

export type ChangedEntitlement = Omit<Entitlement, 'revision' | 'sentRevision'>;

/** The caller holds the locks of the users, and has left out what did not change. */
export async function writeEntitlements(trx: Trx, changed: ChangedEntitlement[]): Promise<void> {
  if (changed.length === 0) return;
  await sql`
    insert into entitlement (user_id, feature, since, until, revoked, revision)
    select "userId", feature, since, until, revoked, 1
    from json_to_recordset(${JSON.stringify(changed)}::json)
      as c("userId" text, feature text, since timestamptz, until timestamptz, revoked boolean)
    on conflict (user_id, feature) do update set since = excluded.since, until = excluded.until, revoked = excluded.revoked,
      revision = entitlement.revision + 1, changed_at = clock_timestamp()`.execute(trx);
}

/** What the product accepted; an answer to an older revision changes nothing. */
export async function markSent(trx: Trx, sent: { userId: string; feature: string; revision: number }[]): Promise<void> {
  if (sent.length === 0) return;
  await sql`
    update entitlement e set sent_revision = greatest(e.sent_revision, s.revision)
    from json_to_recordset(${JSON.stringify(sent)}::json) as s("userId" text, feature text, revision bigint)
    where e.user_id = s."userId" and e.feature = s.feature`.execute(trx);
}
