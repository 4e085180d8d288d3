import type { Reader } from '../platform/snapshot.ts';

/** Whether anybody has, or once had, this feature: plans change, and by hand more can be granted than any plan holds. */
export async function isFeatureOfAnybody(db: Reader, feature: string): Promise<boolean> {
  const row = await db.selectFrom('feature').select('name').where('name', '=', feature).executeTakeFirst();
  return row !== undefined;
}

export async function listFeaturesOfAnybody(db: Reader): Promise<string[]> {
  const rows = await db.selectFrom('feature').select('name').orderBy('name').execute();
  return rows.map((row) => row.name);
}
