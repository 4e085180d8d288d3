import { isUtf8 } from 'node:buffer';
import { inflateBody } from '../inflate.ts';
import type { RefusalCause } from '../signature/verdict.ts';
import { jsonLayouts } from './json-layouts.ts';

export type BodyVariant = { cause: RefusalCause; detail: string; body: Buffer };

/**
 * What the sender may have signed, if something on the way turned it into what we received. In the order of how little
 * each one assumes: the first that verifies is the diagnosis.
 */
export function* bodyVariants(body: Buffer, contentEncoding: string | undefined): Generator<BodyVariant> {
  yield* inflatedVariants(body, contentEncoding);
  yield* byteOrderMarkVariants(body);
  yield* base64Variants(body);
  yield* whitespaceVariants(body);
  yield* reserializedVariants(body);
  yield* charsetVariants(body);
}

function* inflatedVariants(body: Buffer, contentEncoding: string | undefined): Generator<BodyVariant> {
  const encodings = contentEncoding ? [contentEncoding] : isGzip(body) ? ['gzip'] : [];
  for (const encoding of encodings) {
    const inflated = inflateBody(body, encoding);
    if (!inflated.ok) continue;
    yield { cause: 'content_encoding', detail: `signed before ${encoding} was applied`, body: inflated.body };
  }
}

const BOM = Buffer.from([0xef, 0xbb, 0xbf]);

function* byteOrderMarkVariants(body: Buffer): Generator<BodyVariant> {
  const without = body.subarray(0, 3).equals(BOM) ? body.subarray(3) : null;
  if (without) yield { cause: 'bom', detail: 'signed without the byte order mark that arrived', body: without };
  else
    yield {
      cause: 'bom',
      detail: 'signed with a byte order mark that was taken off',
      body: Buffer.concat([BOM, body]),
    };
}

function* base64Variants(body: Buffer): Generator<BodyVariant> {
  const text = body.toString('latin1').trim();
  if (!/^"?[A-Za-z0-9+/\r\n]+={0,2}"?$/.test(text)) return;
  const decoded = Buffer.from(text.replaceAll('"', ''), 'base64');
  yield { cause: 'body_base64', detail: 'signed before base64 was applied', body: decoded };
}

function* whitespaceVariants(body: Buffer): Generator<BodyVariant> {
  // latin1 maps every byte to one character and back, so other bytes stay what they are.
  const text = body.toString('latin1');
  const lf = text.replaceAll('\r\n', '\n');
  const lineEnds = { 'the same line ends': text, 'LF line ends': lf, 'CRLF line ends': lf.replaceAll('\n', '\r\n') };
  for (const [name, lines] of Object.entries(lineEnds)) {
    const trimmed = lines.trimEnd();
    for (const candidate of [lines, trimmed, `${trimmed}\n`, `${trimmed}\r\n`, lines.trim()]) {
      const detail = `signed with ${name}${candidate.length === lines.length ? '' : ' and other white space at an end'}`;
      yield { cause: 'whitespace_changed', detail, body: Buffer.from(candidate, 'latin1') };
    }
  }
}

function* reserializedVariants(body: Buffer): Generator<BodyVariant> {
  if (!isUtf8(body)) return;
  for (const { name, text } of jsonLayouts(body.toString('utf8'))) {
    yield { cause: 'body_reserialized', detail: `signed as JSON laid out with: ${name}`, body: Buffer.from(text) };
  }
}

function* charsetVariants(body: Buffer): Generator<BodyVariant> {
  const cause = 'charset_reencoded';
  const fromLatin1 = Buffer.from(body.toString('latin1'), 'utf8');
  yield { cause, detail: 'signed as UTF-8, received as latin1', body: fromLatin1 };
  if (!isUtf8(body)) return;
  const text = body.toString('utf8');
  const asLatin1 = bytesIn(text, (unit) => (unit <= 0xff ? unit : undefined));
  if (asLatin1) yield { cause, detail: 'UTF-8 was read as latin1 and written again', body: asLatin1 };
  const asWindows = bytesIn(text, (unit) => WINDOWS_1252.get(unit) ?? (unit <= 0xff ? unit : undefined));
  if (asWindows) yield { cause, detail: 'UTF-8 was read as windows-1252 and written again', body: asWindows };
  for (const form of ['NFC', 'NFD'] as const) {
    yield { cause, detail: `signed in Unicode form ${form}`, body: Buffer.from(text.normalize(form)) };
  }
}

const WINDOWS_1252 = new Map(
  Array.from({ length: 32 }, (_, index) => {
    const byte = 0x80 + index;
    return [new TextDecoder('windows-1252').decode(Uint8Array.of(byte)).charCodeAt(0), byte];
  }),
);

function bytesIn(text: string, byteOf: (unit: number) => number | undefined): Buffer | null {
  const bytes = Buffer.alloc(text.length);
  for (let index = 0; index < text.length; index++) {
    const byte = byteOf(text.charCodeAt(index));
    if (byte === undefined) return null;
    bytes[index] = byte;
  }
  return bytes;
}

export function isGzip(body: Buffer): boolean {
  return body[0] === 0x1f && body[1] === 0x8b;
}
