import { type Kysely, sql, type Transaction } from 'kysely';
import { arrayOf, rowsOf } from '../platform/rows.ts';
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
  if (userIds.length === 0) return [];
  const { rows } = await sql<Entitlement>`
    select e.user_id as "userId", e.feature, e.since, e.until, e.revoked, e.revision, e.sent_revision as "sentRevision"
    from unnest(${arrayOf(userIds, 'text')}) as wanted(user_id)
    cross join lateral (
      select * from entitlement where entitlement.user_id = wanted.user_id offset 0
    ) e`.execute(db);
  return rows;
}

export type ChangedEntitlement = Omit<Entitlement, 'revision' | 'sentRevision'> & { isNew: boolean };

const CHANGED = {
  userId: 'text',
  feature: 'text',
  since: 'timestamptz',
  until: 'timestamptz',
  revoked: 'boolean',
} as const;

/** The caller holds the locks of the users, has read what they have, and left out what did not change. */
export async function writeEntitlements(trx: Trx, changed: ChangedEntitlement[]): Promise<void> {
  await insertEntitlements(
    trx,
    changed.filter((one) => one.isNew),
  );
  await updateEntitlements(
    trx,
    changed.filter((one) => !one.isNew),
  );
}

async function insertEntitlements(trx: Trx, added: ChangedEntitlement[]): Promise<void> {
  if (added.length === 0) return;
  const names = [...new Set(added.map((one) => one.feature))].sort();
  await sql`
    with named as (
      insert into feature (name) select unnest(${names}::text[]) on conflict do nothing
    )
    insert into entitlement (user_id, feature, since, until, revoked, revision)
    select *, 1 from ${rowsOf(added, CHANGED)} as added`.execute(trx);
}

async function updateEntitlements(trx: Trx, changed: ChangedEntitlement[]): Promise<void> {
  if (changed.length === 0) return;
  await sql`
    update entitlement e set since = c.since, until = c.until, revoked = c.revoked, revision = e.revision + 1,
      changed_at = clock_timestamp()
    from ${rowsOf(changed, CHANGED)} as c(user_id, feature, since, until, revoked)
    where e.user_id = c.user_id and e.feature = c.feature`.execute(trx);
}

/** What the product accepted; an answer to an older revision changes nothing. */
export async function markSent(trx: Trx, sent: { userId: string; feature: string; revision: number }[]): Promise<void> {
  if (sent.length === 0) return;
  await sql`
    update entitlement e set sent_revision = greatest(e.sent_revision, s.revision)
    from ${rowsOf(sent, { userId: 'text', feature: 'text', revision: 'bigint' })} as s(user_id, feature, revision)
    where e.user_id = s.user_id and e.feature = s.feature`.execute(trx);
}
