import { sql } from 'kysely';
import type { Reader } from '../platform/snapshot.ts';

/** Whether anybody has, or once had, this feature: plans change, and by hand more can be granted than any plan holds. */
export async function isFeatureOfAnybody(db: Reader, feature: string): Promise<boolean> {
  const { rows } = await sql<{ known: boolean }>`
    select exists (select 1 from entitlement where feature = ${feature}) as known`.execute(db);
  return rows[0]!.known;
}

/** The few features among many rows, found by hopping from one to the next in their index. */
export async function listFeaturesOfAnybody(db: Reader): Promise<string[]> {
  const { rows } = await sql<{ feature: string }>`
    with recursive known as (
      select min(feature) as feature from entitlement
      union all
      select (select min(entitlement.feature) from entitlement where entitlement.feature > known.feature) from known
      where known.feature is not null
    )
    select feature from known where feature is not null`.execute(db);
  return rows.map((row) => row.feature);
}
