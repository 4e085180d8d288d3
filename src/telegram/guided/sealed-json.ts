import { hasAddress } from '../../platform/scrub.ts';
import { open, SealError, type SealKeys, seal } from '../../platform/seal.ts';

/** Before the base64 of a text that is sealed. Somebody may type it: what begins like it is sealed too. */
const MARK = 'sealed:';

/** The same JSON, with every text sealed in which an e-mail address stands: the rest stays readable for whoever looks after it. */
export function sealAddresses(keys: SealKeys, value: unknown): unknown {
  return mapTexts(value, (text) =>
    text.startsWith(MARK) || hasAddress(text) ? MARK + seal(keys, Buffer.from(text)).toString('base64') : text,
  );
}

/** As it was before it was sealed; null when its key is gone. */
export function openAddresses<T>(keys: SealKeys, value: T): T | null {
  try {
    return mapTexts(value, (text) => (text.startsWith(MARK) ? openText(keys, text) : text)) as T;
  } catch (error) {
    if (error instanceof SealError) return null;
    throw error;
  }
}

function openText(keys: SealKeys, text: string): string {
  return open(keys, Buffer.from(text.slice(MARK.length), 'base64')).toString();
}

function mapTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapTexts(item, change)]));
}
