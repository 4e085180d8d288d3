import { type RawBuilder, sql } from 'kysely';
import { type ArrayType, encodeArray, encodeValue } from './binary-array.ts';

/**
 * Rows as a table that a statement can read: `from ${rowsOf(events, { provider: 'text', id: 'bigint' })} as e(provider, id)`. They
 * travel as one array per column, in the order of `types`; taking thousands of values out of JSON costs the server several times as much.
 * A column that says the same in every row travels once: the server takes each array apart into a table of its own before it joins them.
 */
export function rowsOf<T extends object>(rows: T[], types: { [K in keyof T]?: ArrayType }): RawBuilder<unknown> {
  const columns = Object.entries(types).map(([name, type], i) => toColumn(rows, name as keyof T, type as ArrayType, i));
  const varying = columns.filter((column) => column.isVarying);
  const selected = sql.join(columns.map((column) => column.selected));
  if (varying.length === 0) return sql`(select ${selected} from generate_series(1, ${rows.length}::int))`;
  const arrays = sql.join(varying.map((column) => column.array));
  const names = sql.raw(varying.map((column) => column.name).join(', '));
  return sql`(select ${selected} from unnest(${arrays}) as sent(${names}))`;
}

/** Values as one parameter that is an array. */
export function arrayOf(values: unknown[], type: ArrayType): RawBuilder<unknown> {
  return sql`${encodeArray(values, type)}::${sql.raw(type)}[]`;
}

function toColumn<T extends object>(rows: T[], key: keyof T, type: ArrayType, i: number) {
  const values = rows.map((row) => row[key]);
  const isVarying = variesIn(values);
  const name = `c${i}`;
  if (!isVarying) return { name, isVarying, selected: sql`${encodeValue(values[0], type)}::${sql.raw(type)}` };
  return { name, isVarying, selected: sql.raw(`sent.${name}`), array: arrayOf(values, type) };
}

/** Whether two of the values differ; values of their own kind, such as what goes into JSON, differ from any but themselves. */
export function variesIn(values: unknown[]): boolean {
  return values.some((value) => differs(value, values[0]));
}

function differs(a: unknown, b: unknown): boolean {
  if (a instanceof Date && b instanceof Date) return a.getTime() !== b.getTime();
  return (a ?? null) !== (b ?? null);
}
