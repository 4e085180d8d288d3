import { createHash } from 'node:crypto';

/** What a row says. `detail` is plain JSON; `at` has whole milliseconds, so that it reads back exactly as it was hashed. */
export type AuditRecord = {
  id: number;
  at: Date;
  actor: string;
  action: string;
  target: string;
  allowed: boolean;
  detail: Record<string, unknown>;
  /** Null on rows that say nothing of it; such a row is hashed as if the column did not exist, as rows were before it did. */
  place: string | null;
  factor: string | null;
  before: Record<string, unknown> | null;
  after: Record<string, unknown> | null;
};

/** The hash of a row: sha256 over the hash of the row before it and everything this row says. */
export function hashAuditRecord(previousHash: Buffer, record: AuditRecord): Buffer {
  const { place, factor, before, after, ...always } = record;
  const sometimes = Object.entries({ place, factor, before, after }).filter(([, value]) => value !== null);
  const said = canonicalJson({ ...always, ...Object.fromEntries(sometimes), at: record.at.toISOString() });
  return createHash('sha256').update(previousHash).update(said).digest();
}

/** JSON with every object's keys in order: jsonb does not keep the order in which they were written. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`;
}
