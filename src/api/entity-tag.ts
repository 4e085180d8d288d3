import { createHash } from 'node:crypto';

/** A strong validator of these very bytes (RFC 9110 §8.8.3). */
export function entityTagOf(body: string): string {
  return `"${createHash('sha256').update(body).digest('base64url')}"`;
}

/** If-None-Match is a list and compares weakly, and `*` matches whatever there is (RFC 9110 §13.1.2). */
export function matchesEntityTag(ifNoneMatch: string | undefined, tag: string): boolean {
  const tags = ifNoneMatch?.match(/\*|(?:W\/)?"[^"]*"/g) ?? [];
  return tags.some((other) => other === '*' || other.replace(/^W\//, '') === tag);
}
