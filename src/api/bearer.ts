import { createHash, timingSafeEqual } from 'node:crypto';

/** Whether `Authorization: Bearer …` carries the token. Digests are compared, so that neither length nor prefix shows in time. */
export function carriesToken(authorization: string | undefined, apiToken: string): boolean {
  const token = /^bearer +(\S+) *$/i.exec(authorization ?? '')?.[1] ?? '';
  return timingSafeEqual(digest(token), digest(apiToken)) && token !== '';
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
