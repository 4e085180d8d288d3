import type { Kysely } from 'kysely';
import type { Schema } from './schema.ts';

/** Both a database and a transaction can be read. */
export type Reader = Kysely<Schema>;

/** Several queries, one moment: an answer never shows an event applied beside the entitlement from before. */
export function readInOneSnapshot<T>(db: Reader, read: (reader: Reader) => Promise<T>): Promise<T> {
  if (db.isTransaction) return read(db);
  return db.transaction().setIsolationLevel('repeatable read').setAccessMode('read only').execute(read);
}
