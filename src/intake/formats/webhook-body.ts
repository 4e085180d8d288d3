import { isUtf8 } from 'node:buffer';
import { MalformedWebhook } from './malformed.ts';

const UTF8_BOM = Buffer.from([0xef, 0xbb, 0xbf]);

/** The body as a JSON object, with integers that a double cannot hold kept as their text. */
export function readJsonObject(body: Buffer): Record<string, unknown> {
  const parsed = parseJson(textOf(body));
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new MalformedWebhook('the body is JSON but not an object');
  }
  return parsed as Record<string, unknown>;
}

/** `a=1&b=2` or JSON: CloudPayments lets the merchant choose, and the first character tells. */
export function readFormOrJson(body: Buffer): Record<string, unknown> {
  const text = textOf(body);
  return text.trimStart().startsWith('{') ? readJsonObject(body) : formOf(text);
}

function formOf(text: string): Record<string, unknown> {
  return Object.fromEntries(new URLSearchParams(text));
}

/** A JSON object that travels as text inside a field; null when it is none. */
export function findEmbeddedObject(text: string | null): Record<string, unknown> | null {
  if (text === null || !text.trimStart().startsWith('{')) return null;
  try {
    return readJsonObject(Buffer.from(text));
  } catch (error) {
    if (error instanceof MalformedWebhook) return null;
    throw error;
  }
}

function textOf(body: Buffer): string {
  if (!isUtf8(body)) throw new MalformedWebhook('the body is not UTF-8');
  const start = body.subarray(0, 3).equals(UTF8_BOM) ? 3 : 0;
  return body.toString('utf8', start);
}

function parseJson(text: string): unknown {
  try {
    // The reviver costs several times the parse, so it runs only where a run of 16 digits makes it necessary.
    return /\d{16}/.test(text) ? JSON.parse(text, keepLongInteger) : JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) throw new MalformedWebhook('the body is not JSON');
    if (error instanceof RangeError) throw new MalformedWebhook('the body is JSON nested too deep');
    throw error;
  }
}

// 12345678901234567890 as a double is another transaction's id.
function keepLongInteger(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
  return /^\d+$/.test(context?.source ?? '') ? context!.source : value;
}
