import { canBeStored } from './storable-text.ts';

/** What a request for a customer's link says. Pure. */

export type CustomerLinkRequest = { outcome: 'asked'; userId: string } | { outcome: 'refused'; why: string };

/** As long as an id may be that a webhook brings. */
const ID_BYTES_MAX = 255;

/** A user nobody has heard of is one too: the product may give the link before anything is paid. */
export function readCustomerLinkRequest(body: string): CustomerLinkRequest {
  const request = parseObject(body);
  if (request === null) return refused('the body must be a JSON object, like {"userId":"user123"}');
  const { userId } = request;
  if (typeof userId !== 'string' || userId.trim() === '') return refused('userId must be the id of a user, as text');
  if (Buffer.byteLength(userId) > ID_BYTES_MAX) return refused(`userId is longer than ${ID_BYTES_MAX} bytes`);
  return canBeStored(userId)
    ? { outcome: 'asked', userId }
    : refused('userId holds a NUL or half of a character, which no id does');
}

function refused(why: string): CustomerLinkRequest {
  return { outcome: 'refused', why };
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
