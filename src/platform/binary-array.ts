/**
 * Columns of values as PostgreSQL's binary form of arrays (array_recv in its arrayfuncs.c): neither side escapes or parses anything, and
 * times and numbers go as they are. For a batch of many rows that is half of what their text costs.
 */

/** What has no binary form of its own here is not to be sent this way: the types are those the ledger has. */
const TYPES = {
  text: { oid: 25, write: writeText },
  jsonb: { oid: 3802, write: writeJson },
  bigint: { oid: 20, write: writeBigint },
  int: { oid: 23, write: writeInt },
  boolean: { oid: 16, write: writeBoolean },
  float8: { oid: 701, write: writeFloat },
  timestamptz: { oid: 1184, write: writeTime },
  uuid: { oid: 2950, write: writeUuid },
  bytea: { oid: 17, write: writeBytes },
} as const;

export type ArrayType = keyof typeof TYPES;

/**
 * The server would refuse it, or store something else. `code` is the SQLSTATE it would answer with, so whoever tells errors of the data
 * from errors of the server needs to know one kind only.
 */
export class UnstorableError extends Error {
  override name = 'UnstorableError';
  readonly code: '22003' | '22007' | '22021';
  constructor(code: UnstorableError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** One-dimensional, from 1 on; null and undefined are NULL. */
export function encodeArray(values: unknown[], type: ArrayType): Buffer {
  const { oid, write } = TYPES[type] as { oid: number; write: (value: never) => void };
  at = 0;
  writeInt32(1);
  const nullsAt = at;
  writeInt32(0);
  writeInt32(oid);
  writeInt32(values.length);
  writeInt32(1);
  let nulls = 0;
  for (const value of values) {
    if (value === null || value === undefined) {
      nulls = 1;
      writeInt32(-1);
    } else write(value as never);
  }
  space.writeInt32BE(nulls, nullsAt);
  return Buffer.from(space.subarray(0, at));
}

/** One value as a parameter; null is NULL. */
export function encodeValue(value: unknown, type: ArrayType): Buffer | null {
  if (value === null || value === undefined) return null;
  return encodeArray([value], type).subarray(ELEMENT_AT);
}

/** Five numbers say what the array is like, and one how long its first element is. */
const ELEMENT_AT = 6 * 4;

/** Filled by one call at a time, since none of this waits. */
let space = Buffer.allocUnsafeSlow(64 * 1024);
let at = 0;

function makeRoom(bytes: number): void {
  if (at + bytes <= space.length) return;
  const larger = Buffer.allocUnsafeSlow(Math.max(space.length * 2, at + bytes));
  space.copy(larger, 0, 0, at);
  space = larger;
}

function writeInt32(value: number): void {
  makeRoom(4);
  at = space.writeInt32BE(value, at);
}

function writeText(value: string): void {
  if (!value.isWellFormed()) throw new UnstorableError('22021', 'a text with half a character');
  writeUtf8(value, 0);
}

/** A version goes before the text. What JSON can say and a jsonb cannot, the server refuses itself. */
function writeJson(value: unknown): void {
  writeUtf8(JSON.stringify(value), 1);
}

/** A UTF-16 unit is three bytes of UTF-8 at most. */
function writeUtf8(text: string, version: 0 | 1): void {
  makeRoom(4 + version + text.length * 3);
  const lengthAt = at;
  if (version === 1) space[lengthAt + 4] = version;
  const length = version + space.write(text, lengthAt + 4 + version);
  space.writeInt32BE(length, lengthAt);
  at = lengthAt + 4 + length;
}

function writeBigint(value: number): void {
  if (!Number.isSafeInteger(value)) throw new UnstorableError('22003', 'not a whole number below 2^53');
  writeInt64(BigInt(value));
}

function writeInt64(value: bigint): void {
  makeRoom(12);
  space.writeInt32BE(8, at);
  at = space.writeBigInt64BE(value, at + 4);
}

function writeInt(value: number): void {
  if (value !== (value | 0)) throw new UnstorableError('22003', 'not a whole number below 2^31');
  makeRoom(8);
  space.writeInt32BE(4, at);
  at = space.writeInt32BE(value, at + 4);
}

function writeBoolean(value: boolean): void {
  makeRoom(5);
  space.writeInt32BE(1, at);
  space[at + 4] = value ? 1 : 0;
  at += 5;
}

function writeFloat(value: number): void {
  makeRoom(12);
  space.writeInt32BE(8, at);
  at = space.writeDoubleBE(value, at + 4);
}

/** PostgreSQL counts microseconds from 2000 on. A time out of a JSON column is text still. */
function writeTime(value: Date | string): void {
  const ms = new Date(value).getTime();
  if (Number.isNaN(ms)) throw new UnstorableError('22007', 'not a time');
  writeInt64(BigInt(ms - YEAR_2000_MS) * 1000n);
}

const YEAR_2000_MS = Date.UTC(2000);

function writeUuid(value: Buffer | string): void {
  writeBytes(typeof value === 'string' ? Buffer.from(value.replaceAll('-', ''), 'hex') : value);
}

function writeBytes(value: Buffer): void {
  makeRoom(4 + value.length);
  space.writeInt32BE(value.length, at);
  at += 4;
  at += value.copy(space, at);
}
