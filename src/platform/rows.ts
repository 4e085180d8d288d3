import { type RawBuilder, sql } from 'kysely';

/**
 * Rows as a table that a statement can read: `from ${rowsOf(events, { provider: 'text', id: 'bigint' })} as e(provider, id)`. They
 * travel as one array per column, in the order of `types`; taking thousands of values out of JSON costs the server several times as much.
 */
export function rowsOf<T extends object>(rows: T[], types: { [K in keyof T]?: string }): RawBuilder<unknown> {
  const columns = Object.entries(types) as [keyof T, string][];
  const arrays = columns.map(([name, type]) => sql`${rows.map((row) => toValue(row[name], type))}::${sql.raw(type)}[]`);
  return sql`unnest(${sql.join(arrays)})`;
}

function toValue(value: unknown, type: string): unknown {
  return type === 'jsonb' && value !== null && value !== undefined ? JSON.stringify(value) : value;
}
