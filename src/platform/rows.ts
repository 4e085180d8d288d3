import { type RawBuilder, sql } from 'kysely';
import { type ArrayType, encodeArray } from './binary-array.ts';

/**
 * Rows as a table that a statement can read: `from ${rowsOf(events, { provider: 'text', id: 'bigint' })} as e(provider, id)`. They
 * travel as one array per column, in the order of `types`; taking thousands of values out of JSON costs the server several times as much.
 */
export function rowsOf<T extends object>(rows: T[], types: { [K in keyof T]?: ArrayType }): RawBuilder<unknown> {
  const columns = Object.entries(types) as [keyof T, ArrayType][];
  const arrays = columns.map(([name, type]) =>
    arrayOf(
      rows.map((row) => row[name]),
      type,
    ),
  );
  return sql`unnest(${sql.join(arrays)})`;
}

/** Values as one parameter that is an array. */
export function arrayOf(values: unknown[], type: ArrayType): RawBuilder<unknown> {
  return sql`${encodeArray(values, type)}::${sql.raw(type)}[]`;
}
