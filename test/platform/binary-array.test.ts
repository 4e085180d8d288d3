import { sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import { type ArrayType, encodeArray, UnstorableError } from '../../src/platform/binary-array.ts';
import { arrayOf, rowsOf } from '../../src/platform/rows.ts';
import { createTestDatabase } from '../database.ts';

const { db } = await createTestDatabase();

async function sent(values: unknown[], type: ArrayType): Promise<unknown> {
  const { rows } = await sql<{ got: unknown }>`select to_jsonb(${arrayOf(values, type)}) as got`.execute(db);
  return rows[0]!.got;
}

describe('an array sent in binary arrives as it was', () => {
  test.each<[ArrayType, unknown[], unknown[]]>([
    ['text', ['plain', '', 'a,"{}\\ b', 'ключ 💳', null, undefined], ['plain', '', 'a,"{}\\ b', 'ключ 💳', null, null]],
    ['jsonb', [{ a: [1, null] }, [], null, 'x'], [{ a: [1, null] }, [], null, 'x']],
    ['bigint', [0, -1, Number.MAX_SAFE_INTEGER, null], [0, -1, Number.MAX_SAFE_INTEGER, null]],
    ['int', [0, -(2 ** 31), 2 ** 31 - 1], [0, -(2 ** 31), 2 ** 31 - 1]],
    ['boolean', [true, false, null], [true, false, null]],
    ['float8', [0.1, -2.5e10], [0.1, -2.5e10]],
    ['uuid', ['0f8fad5b-d9cb-469f-a165-70867728950e'], ['0f8fad5b-d9cb-469f-a165-70867728950e']],
    ['bytea', [Buffer.from('00ff', 'hex'), Buffer.alloc(0)], ['\\x00ff', '\\x']],
    ['text', [], []],
  ])('%s %j', async (type, values, expected) => {
    expect(await sent(values, type)).toEqual(expected);
  });

  test('times to the millisecond, before 2000 and out of JSON too', async () => {
    const times = [
      new Date('2026-01-02T03:04:05.678Z'),
      new Date('1969-12-31T23:59:59.999Z'),
      '2026-05-01T00:00:00+02:00',
    ];
    const { rows } = await sql<{ at: Date }>`select unnest(${arrayOf(times, 'timestamptz')}) as at`.execute(db);
    expect(rows.map((row) => row.at)).toEqual(times.map((time) => new Date(time)));
  });

  test('more than the room there was at first', async () => {
    const texts = Array.from({ length: 300 }, (_, i) => `${i} ${'ж'.repeat(1_000)}`);
    expect(await sent(texts, 'text')).toEqual(texts);
  });

  test('and two that are made one after the other do not share their bytes', () => {
    const first = encodeArray(['a'], 'text');
    const copy = Buffer.from(first);
    encodeArray(['b'], 'text');
    expect(first).toEqual(copy);
  });
});

describe('rows become a table', () => {
  const types = { name: 'text', at: 'timestamptz', amount: 'bigint', detail: 'jsonb' } as const;
  const anna = { name: 'anna', at: new Date(0), amount: 5, detail: { a: 1 } };
  const bert = { name: 'bert', at: new Date(1), amount: null, detail: null };

  type Row = { name: string; at: Date; amount: number | null; detail: unknown };

  test.each<[string, Row[]]>([
    ['none', []],
    ['one', [anna]],
    ['two that differ', [anna, bert]],
    ['some that say the same in a column', [anna, { ...bert, name: 'anna', at: new Date(0) }, anna]],
    ['three that are the same', [bert, { ...bert, at: new Date(1) }, bert]],
    ['where only the last one says something', [bert, bert, { ...bert, amount: 7 }]],
  ])('%s', async (_, rows) => {
    const { rows: got } = await sql`select * from ${rowsOf(rows, types)} as r(name, at, amount, detail)`.execute(db);
    expect(got).toEqual(rows);
  });

  test('in the order in which they were given', async () => {
    const rows = [3, 1, 2].map((amount) => ({ ...anna, amount }));
    const { rows: got } = await sql`select amount from ${rowsOf(rows, types)} as r(name, at, amount)`.execute(db);
    expect(got).toEqual([{ amount: 3 }, { amount: 1 }, { amount: 2 }]);
  });
});

describe('what the server would refuse, or store as something else, is an error of the data', () => {
  test.each<[ArrayType, unknown, string]>([
    ['text', 'half a \ud83d', '22021'],
    ['bigint', 1.5, '22003'],
    ['bigint', 2 ** 53, '22003'],
    ['int', 2 ** 31, '22003'],
    ['int', 0.5, '22003'],
    ['timestamptz', new Date(Number.NaN), '22007'],
  ])('%s %s', (type, value, code) => {
    expect(() => encodeArray([value], type)).toThrow(UnstorableError);
    expect(() => encodeArray([value], type)).toThrow(expect.objectContaining({ code }));
  });

  test('what the server refuses itself has such a code as well', async () => {
    await expect(sent(['a\0b'], 'text')).rejects.toMatchObject({ code: '22021' });
    await expect(sent([{ a: 'half \ud83d' }], 'jsonb')).rejects.toMatchObject({ code: '22P02' });
    await expect(sent([{ a: 'a\0b' }], 'jsonb')).rejects.toMatchObject({ code: '22P05' });
  });
});
